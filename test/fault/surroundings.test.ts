/** --root leads nowhere else, and the caller's surroundings (umask, directory, closed streams) change no result. */

import { execFileSync } from "node:child_process";
import {
	mkdirSync,
	readdirSync,
	readFileSync,
	readlinkSync,
	rmSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cliPath } from "../support/cli.ts";
import { hashes, listing } from "../support/content.ts";
import { mountsBelow, placeTarball, type Scratch, scratchRoot, smallRelease } from "../support/scratch.ts";
import { drop, expectClean, ksquash, name, names, placeSmall, subRoot } from "./support.ts";

const build = `build-${smallRelease}`;

/** Beside the root: what an absolute or .. link of the root would reach if it were followed from the outside. */
function outside(scratch: Scratch): string {
	const at = scratch.path("outside");
	mkdirSync(join(at, "empty"), { recursive: true });
	writeFileSync(join(at, "file"), "mine");
	return at;
}

/** Looked at after each command: the last one would take away what the first one had made. */
async function everything(root: Scratch, tarball: string, look: () => void): Promise<void> {
	for (const args of [
		["install", tarball, "--base", "defconfig"],
		["configure", smallRelease],
		["select", smallRelease],
		["status"],
		["umount", smallRelease],
		["mount", smallRelease],
		["pack", tarball, "--replace"],
		["remove", smallRelease],
	]) {
		const ran = await ksquash([...args, "--root", root.root]);
		expect(ran.stderr, args.join(" ")).not.toMatch(/^ {4}at /m);
		expect(ran.signal).toBeNull();
		look();
	}
}

describe("links below --root", () => {
	it.each<[string, (root: Scratch, out: string) => void]>([
		["usr/src, absolute", ({ path }, out) => symlinkSync(out, path("usr/src"))],
		["usr/src, upwards", ({ path }) => symlinkSync("../../../outside", path("usr/src"))],
		[
			"usr, upwards",
			({ path }) => {
				rmSync(path("usr"), { recursive: true, force: true });
				symlinkSync("../outside", path("usr"));
			},
		],
		[
			"var/lib/ksquash",
			({ path }, out) => {
				mkdirSync(path("usr/src"));
				mkdirSync(path("var/lib"), { recursive: true });
				symlinkSync(out, path("var/lib/ksquash"));
			},
		],
		[
			"the mount point",
			({ path }, out) => {
				mkdirSync(path("usr/src"));
				symlinkSync(join(out, "empty"), path("usr/src", name));
			},
		],
		[
			"the mount point, dangling",
			({ path }, out) => {
				mkdirSync(path("usr/src"));
				symlinkSync(join(out, "new"), path("usr/src", name));
			},
		],
		[
			"the build directory",
			({ path }, out) => {
				mkdirSync(path("usr/src"));
				symlinkSync(join(out, "empty"), path("usr/src", build));
			},
		],
		[
			"the build directory, dangling",
			({ path }, out) => {
				mkdirSync(path("usr/src"));
				symlinkSync(join(out, "new"), path("usr/src", build));
			},
		],
		[
			"the image",
			({ path }, out) => {
				mkdirSync(path("usr/src"));
				symlinkSync(join(out, "file"), path("usr/src", `${name}.sqfs`));
			},
		],
		[
			"the link linux",
			({ path }, out) => {
				mkdirSync(path("usr/src"));
				symlinkSync(out, path("usr/src/linux"));
			},
		],
		[
			"the directory set aside",
			({ path }, out) => {
				mkdirSync(path("usr/src"));
				symlinkSync(join(out, "empty"), path("usr/src", `.${name}.replaced`));
			},
		],
	])("%s: nothing outside changes", async (_, make) => {
		const scratch = scratchRoot();
		const out = outside(scratch);
		const tarball = placeTarball(scratch);
		const root = subRoot(scratch, "in");
		rmSync(root.src, { recursive: true });
		make(root, out);
		const before = [listing(out), hashes(out)];
		await everything(root, tarball, () => expect([listing(out), hashes(out)]).toEqual(before));
		expect(mountsBelow(out)).toEqual([]);
	});

	it("a stranger's build directory behind a link is not removed", async () => {
		const scratch = scratchRoot();
		const root = subRoot(scratch, "in");
		const tarball = placeTarball(scratch);
		const args = ["--root", root.root];
		expect(await ksquash(["install", tarball, "--base", "defconfig", ...args])).toMatchObject({ status: 0 });
		const out = scratch.path("theirs");
		execFileSync("mv", [join(root.src, build), out]);
		symlinkSync(out, join(root.src, build));
		const before = [listing(out), hashes(out)];
		await ksquash(["configure", smallRelease, "--fragment", scratch.path("no"), ...args]);
		await ksquash(["configure", smallRelease, ...args]);
		await ksquash(["remove", smallRelease, "--purge", ...args]);
		expect([listing(out), hashes(out)]).toEqual(before);
	});
});

/** Modes of all that ksquash made. */
function modes({ root }: Scratch): string {
	const skip = ["-path", "*/linux-*", "-type", "f", "!", "-name", "*.sqfs*", "-prune", "-o"];
	return execFileSync("find", [root, "-mindepth", "1", ...skip, "-printf", "%m %y %P\n"], { encoding: "utf8" });
}

describe("the caller's surroundings", () => {
	it("umask 022, 077 and 000: the same modes", async () => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch);
		const results: string[] = [];
		for (const mask of ["022", "077", "000"]) {
			const root = subRoot(scratch, mask);
			const tree = placeSmall(scratch.path("usr/src", name));
			execFileSync("mv", [tree, join(root.src, name)]);
			const prefix = ["sh", "-c", `umask ${mask} && exec "$@"`, "sh"];
			const args = ["--base", "defconfig", "--root", root.root];
			const first = await ksquash(["install", join(root.src, name), ...args], { prefix });
			expect(first, first.stderr).toMatchObject({ status: 0 });
			const second = await ksquash(["install", tarball, "--release", "6.2", ...args], { prefix });
			expect(second, second.stderr).toMatchObject({ status: 0 });
			expect(await ksquash(["remove", "6.2", "--root", root.root], { prefix })).toMatchObject({ status: 0 });
			execFileSync("umount", [join(root.src, name)]);
			expect(statSync(join(root.src, `${name}.sqfs`)).mode & 0o777).toBe(0o644);
			// make's own files in the build directory are its owner's business.
			results.push(
				modes(root)
					.split("\n")
					.filter((line) => !line.includes(`${build}/`))
					.toSorted()
					.join("\n"),
			);
			drop(root);
		}
		expect(results[1]).toBe(results[0]);
		expect(results[2]).toBe(results[0]);
	});

	it("a working directory that is gone, closed streams, a reader that went away: no crash", async () => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch);
		const node = `"${process.execPath}" "${cliPath}"`;
		const scripts: [string, string][] = [
			["cwd", `mkdir "$D/gone" && cd "$D/gone" && rmdir "$D/gone" && exec ${node} pack "$T" --root "$R"`],
			["stdin", `exec ${node} pack "$T" --root "$R" <&-`],
			["stdout", `exec ${node} pack "$T" --root "$R" >&-`],
			["stderr", `exec ${node} pack "$T" --root "$R" 2>&-`],
			["all", `exec ${node} pack "$T" --root "$R" <&- >&- 2>&-`],
			["pipe", `set -o pipefail; ${node} pack "$T" --root "$R" | true`],
			["errors to a pipe", `set -o pipefail; ${node} pack "$T" --root "$R" 2>&1 | true`],
			// The work is done, and that nobody was told of it is said.
			["full", `${node} pack "$T" --root "$R" >/dev/full; test $? = 73`],
		];
		for (const [label, script] of scripts) {
			const root = subRoot(scratch, label);
			const env = { ...process.env, D: scratch.root, T: tarball, R: root.root };
			let said = "";
			try {
				said = execFileSync("bash", ["-c", script], { env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
			} catch (error) {
				const { status, stderr } = error as { status: number; stderr: string };
				throw new Error(`${label}: status ${status}\n${stderr}`);
			}
			expect(said).not.toMatch(/^ {4}at /m);
			expectClean(root, [`${name}.sqfs`, `${name}.sqfs.json`, `${name}.sqfs.list.gz`]);
		}
	});

	it("a relative source and root, from a directory with an odd name", async () => {
		const scratch = scratchRoot();
		const odd = scratch.path("a b\n\\040");
		mkdirSync(join(odd, "root/usr/src"), { recursive: true });
		const tarball = placeTarball(scratch);
		execFileSync("cp", [tarball, join(odd, "k.tar.xz")]);
		const ran = await ksquash(["pack", "k.tar.xz", "--root", "root"], { cwd: odd });
		expect(ran, ran.stderr).toMatchObject({ status: 0 });
		expect(names(join(odd, "root/usr/src"))).toEqual([`${name}.sqfs`, `${name}.sqfs.json`, `${name}.sqfs.list.gz`]);
		const manifest = JSON.parse(readFileSync(join(odd, `root/usr/src/${name}.sqfs.json`), "utf8"));
		// Who reads it later stands elsewhere.
		expect(manifest.origin.path).toBe(join(odd, "k.tar.xz"));
		const mounted = await ksquash(["mount", smallRelease, "--root", "root"], { cwd: odd });
		expect(mounted, mounted.stderr).toMatchObject({ status: 0 });
		expect(readdirSync(join(odd, "root/usr/src", name))).toContain("Makefile");
		expect(await ksquash(["umount", smallRelease, "--root", "root"], { cwd: odd })).toMatchObject({ status: 0 });
		expect(readlinkSync("/proc/self/cwd")).not.toBe(odd);
		expect(readFileSync(join(odd, "k.tar.xz")).equals(readFileSync(tarball))).toBe(true);
	});
});
