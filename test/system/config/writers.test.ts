/** Places that a group may write: ordinary where the group has no other members, refused where it has. */

import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, lchownSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { prepareDirectory } from "../../../src/build/directory.ts";
import { findOwner } from "../../../src/build/ownership.ts";
import { foreignEntries, hasAcl } from "../../../src/native/verbs.ts";
import { privateGroups, whyWritable } from "../../../src/trust/writers.ts";
import { type CliResult, cliPath } from "../../support/cli.ts";
import { placeTarball, placeTree, type Scratch, scratchRoot, smallRelease } from "../../support/scratch.ts";
import { grantByAcl } from "../../support/xattr.ts";

let scratch: Scratch;
let build: string;
beforeEach(() => {
	scratch = scratchRoot();
	build = join(scratch.src, `build-${smallRelease}`);
});

/** Runs the CLI under a umask, where alice (4321) has a group of her own and bob is in the group of root as `rootGroup` says. */
function ksquash(
	args: readonly string[],
	{ umask = "022", rootGroup = "", env = {} } = {},
): Pick<CliResult, "status" | "stderr"> {
	const files = { group: `root:x:0:${rootGroup}\nalice:x:4321:\nshared:x:4400:alice,bob\n`, passwd: "" };
	files.passwd = "root:x:0:0::/root:/bin/sh\nalice:x:4321:4321::/:/bin/sh\nbob:x:4322:4322::/:/bin/sh\n";
	for (const [name, text] of Object.entries(files)) writeFileSync(scratch.path(name), text, { mode: 0o644 });
	const script = `for f in group passwd; do mount --bind "$0/$f" /etc/$f; done; umask ${umask}; exec "$@"`;
	const command = [process.execPath, cliPath, ...args, "--root", scratch.root];
	try {
		execFileSync("unshare", ["--mount", "--propagation", "slave", "sh", "-c", script, scratch.root, ...command], {
			env: { PATH: process.env.PATH, ...env },
			stdio: "pipe",
		});
		return { status: 0, stderr: "" };
	} catch (error) {
		const { status, stderr } = error as { status: number; stderr: Buffer };
		return { status, stderr: stderr.toString() };
	}
}

const configure = ["configure", smallRelease, "--base", "defconfig"];
const good = { status: 0, stderr: "" };

describe("directories of root's that its group may write", () => {
	beforeEach(() => {
		placeTree(scratch);
		mkdirSync(scratch.path("etc/kernel/config.d"), { recursive: true });
		writeFileSync(scratch.path("etc/kernel/config.d/a.config"), "CONFIG_EXT4_FS=y\n");
		for (const part of ["", "usr", "usr/src"]) chmodSync(scratch.path(part), 0o775);
		chmodSync(scratch.path("etc/kernel/config.d/a.config"), 0o664);
	});

	it("are ordinary where nobody else is in the group", () => {
		expect(ksquash(configure)).toEqual(good);
		expect(readFileSync(join(build, ".config"), "utf8")).toContain("CONFIG_EXT4_FS=y");
	});

	it("are refused where somebody else is in the group, who is named", () => {
		const refused = ksquash(configure, { rootGroup: "bob" });
		expect(refused.stderr).toMatch(/can be written by others \(of its group 0: bob\)/);
		expect(refused.status).not.toBe(0);
		chmodSync(scratch.path("etc/kernel/config.d/a.config"), 0o644);
		expect(ksquash(configure, { rootGroup: "bob" })).toMatchObject({
			status: 77,
			stderr: expect.stringContaining(`${scratch.src} can be written by others (of its group 0: bob)`),
		});
	});

	it("are refused where an ACL lets somebody write, whose mask is the group's bit", () => {
		grantByAcl(scratch.src, 4322);
		expect(ksquash(configure)).toMatchObject({
			status: 77,
			stderr: expect.stringContaining(`${scratch.src} can be written by others (it has an ACL)`),
		});
	});

	it("are refused where the group is shared, unknown, or everybody may write", () => {
		for (const [gid, mode, why] of [
			[4400, 0o2775, "(of its group 4400: alice, bob)"],
			[4999, 0o775, "(the members of its group 4999 are not known)"],
			[0, 0o777, "can be written by others"],
		] as const) {
			chownSync(scratch.src, 0, gid);
			chmodSync(scratch.src, mode);
			expect(ksquash(configure)).toMatchObject({ status: 77, stderr: expect.stringContaining(why) });
		}
	});
});

describe("the umask in force", () => {
	it.each(["002", "000", "077"])(
		"%s leaves a build directory that can be configured again, and that is its owner's alone",
		(umask) => {
			placeTree(scratch);
			expect(ksquash([...configure, "--set", "EXT4_FS=m"], { umask })).toEqual(good);
			expect(ksquash([...configure, "--set", "EXT4_FS=y"], { umask })).toEqual(good);
			expect(readFileSync(join(build, ".config"), "utf8")).toContain("CONFIG_EXT4_FS=y");
			expect(
				execFileSync("find", [
					scratch.src,
					"-path",
					"*/linux-*",
					"-prune",
					"-o",
					"-not",
					"-type",
					"l",
					"-perm",
					"/022",
					"-print",
				]).toString(),
			).toBe("");
		},
	);

	it("002 of an owner with a group of his own: what he builds by hand may be written by that group", () => {
		placeTree(scratch);
		expect(ksquash([...configure, "--owner", "alice"])).toEqual(good);
		const open = (gid: number): void => {
			writeFileSync(join(build, "made"), "");
			chownSync(join(build, "made"), 4321, gid);
			chmodSync(join(build, "made"), 0o664);
		};
		open(4321);
		expect(ksquash([...configure, "--owner", "alice", "--set", "EXT4_FS=y"])).toEqual(good);
		open(4400);
		expect(ksquash([...configure, "--owner", "alice", "--set", "EXT4_FS=m"])).toMatchObject({
			status: 77,
			stderr: expect.stringContaining(join(build, "made")),
		});
	});

	it("makes no difference to the modes of an image, its manifest and what is kept", () => {
		const modes = ["022", "000", "077"].map((umask) => {
			const at = scratchRoot();
			scratch = at;
			const tarball = placeTarball(at);
			chmodSync(tarball, 0o644);
			expect(ksquash(["install", tarball, "--base", "defconfig"], { umask })).toEqual(good);
			writeFileSync(at.path(`usr/src/build-${smallRelease}/.config`), "CONFIG_EXT4_FS=m\n");
			const listed = execFileSync("find", [
				at.src,
				"-maxdepth",
				"1",
				"-not",
				"-type",
				"l",
				"-printf",
				"%P %m\n",
			]).toString();
			expect(ksquash(["remove", smallRelease], { umask })).toEqual(good);
			return [
				...listed.split("\n").toSorted(),
				modeOf(at.path("var/lib/ksquash")),
				modeOf(at.path("var/lib/ksquash/kept")),
			];
		});
		expect(modes[1]).toEqual(modes[0]);
		expect(modes[2]).toEqual(modes[0]);
	});
});

const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe("a root of sudo's caller", () => {
	const sudo = { SUDO_UID: "4321", SUDO_GID: "4321", SUDO_USER: "alice" };
	beforeEach(() => {
		placeTree(scratch);
		mkdirSync(scratch.path("etc/kernel/config.d"), { recursive: true });
		writeFileSync(scratch.path("etc/kernel/config.d/a.config"), "CONFIG_EXT4_FS=y\n");
		execFileSync("chown", ["-R", "-h", "4321:4321", scratch.root]);
		chmodSync(scratch.src, 0o775);
	});

	it("is ordinary: the build is the caller's, and make runs as the caller", () => {
		expect(ksquash(configure, { env: sudo })).toEqual(good);
		expect([statSync(build).uid, statSync(join(build, ".config")).uid, statSync(join(build, "Makefile")).uid]).toEqual([
			4321, 4321, 4321,
		]);
		expect(readFileSync(join(build, ".config"), "utf8")).toContain("CONFIG_EXT4_FS=y");
	});

	it.each([
		["without sudo", {}],
		["with sudo by another", { ...sudo, SUDO_UID: "4322" }],
		["with a number that is none", { ...sudo, SUDO_UID: "4321x" }],
	])("is refused %s", (_, env) => {
		expect(ksquash(configure, { env })).not.toEqual(good);
		lchownSync(scratch.path("etc/kernel/config.d/a.config"), 0, 0);
		expect(ksquash(configure, { env })).toMatchObject({
			status: 77,
			stderr: expect.stringContaining("belongs to the user 4321"),
		});
	});

	it("is refused where somebody else owns a directory in it", () => {
		chownSync(dirname(scratch.src), 4322, 4322);
		expect(ksquash(configure, { env: sudo })).toMatchObject({
			status: 77,
			stderr: expect.stringContaining("belongs to the user 4322"),
		});
	});
});

describe("asked of the system", () => {
	it("a group that does not exist is nobody's own, and a mode without others' bits needs no question", async () => {
		expect(await privateGroups([4_294_000_001], [0])).toEqual([]);
		expect(await whyWritable("/none", { uid: 0, gid: 4_294_000_001, mode: 0o40755 }, [])).toBeUndefined();
		expect(await whyWritable("/none", { uid: 0, gid: 4_294_000_001, mode: 0o41777 }, [])).toBeUndefined();
		expect(await whyWritable("/none", { uid: 0, gid: 4_294_000_001, mode: 0o101777 }, [])).toBe(
			"can be written by others",
		);
		expect(await whyWritable("/none", { uid: 7, gid: 0, mode: 0o40755 }, [8])).toBe("belongs to the user 7");
	});

	it("an entry of a group that is named is nobody else's, but not with an ACL", async () => {
		const owner = await findOwner(0);
		await prepareDirectory({ path: build, source: join(scratch.src, "linux"), release: smallRelease, owner });
		const file = join(build, "f");
		writeFileSync(file, "");
		chmodSync(file, 0o664);
		chownSync(file, 0, 4400);
		expect(await foreignEntries(build, 0)).toEqual([file]);
		expect(await foreignEntries(build, 0, { groups: [4321] })).toEqual([file]);
		expect(await foreignEntries(build, 0, { groups: [4321, 4400] })).toEqual([]);
		expect(await hasAcl(file)).toBe(false);
		grantByAcl(file, 4322);
		expect(await hasAcl(file)).toBe(true);
		expect(await foreignEntries(build, 0, { groups: [4321, 4400] })).toEqual([file]);
		await expect(hasAcl(join(build, "none"))).rejects.toMatchObject({ code: "ENOENT", syscall: "getxattr" });
	});
});
