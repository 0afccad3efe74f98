import { execFileSync } from "node:child_process";

/** Sets an extended attribute, or removes it (`value` undefined): Node cannot, and Python can. */
export function setXattr(path: string, name: string, value?: string): void {
	const code = "import os,sys; p,n,*v=sys.argv[1:]; os.setxattr(p,n,v[0].encode()) if v else os.removexattr(p,n)";
	execFileSync("python3", ["-c", code, path, name, ...(value === undefined ? [] : [value])]);
}
