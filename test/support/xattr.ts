import { execFileSync } from "node:child_process";

/** Sets an extended attribute, or removes it (`value` undefined): Node cannot, and Python can. */
export function setXattr(path: string, name: string, value?: string): void {
	const code = "import os,sys; p,n,*v=sys.argv[1:]; os.setxattr(p,n,v[0].encode()) if v else os.removexattr(p,n)";
	execFileSync("python3", ["-c", code, path, name, ...(value === undefined ? [] : [value])]);
}

/** acl(5): rwx for one user more, and so for the mask, which is the group's bits. */
export function grantByAcl(path: string, uid: number): void {
	const code = `import os,struct,sys
none = 0xffffffff
acl = [(1, 7, none), (2, 7, int(sys.argv[2])), (4, 5, none), (16, 7, none), (32, 5, none)]
os.setxattr(sys.argv[1], "system.posix_acl_access", struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in acl))`;
	execFileSync("python3", ["-c", code, path, String(uid)]);
}
