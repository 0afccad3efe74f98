/**
 * The disk dies while ksquash works on it: one call fails with EIO and from then on every other one that would change
 * something with EROFS, as ext4 does with errors=remount-ro. The undo fails, too: what stays is named, and the next run mends it.
 */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { mountsBelow, placeTarball, scratchRoot, smallRelease } from "../support/scratch.ts";
import { diesAtEach, judge } from "./dead-disk.ts";
import {
	content,
	expectRefusal,
	has,
	imageHolds,
	ksquash,
	name,
	names,
	patience,
	placeSmall,
	same,
	strace,
	subRoot,
} from "./support.ts";

const build = `build-${smallRelease}`;

describe.skipIf(!has("strace"))("the disk dies", () => {
	it("while a tree gives way to its image", patience, async () => {
		const scratch = scratchRoot();
		const expected = content(placeSmall(scratch.path("model-tree")));
		const images = [".sqfs", ".sqfs.json", ".sqfs.list.gz"].map((end) => name + end);
		await diesAtEach(scratch, {
			args: (root) => ["pack", join(root.src, name), "--root", root.root],
			prepare: async (label) => {
				const root = subRoot(scratch, label);
				placeSmall(join(root.src, name));
				return root;
			},
			safe: (root) => {
				const place = join(root.src, name);
				return same(place, expected) || imageHolds(`${place}.sqfs`, expected);
			},
			finished: (root) => {
				expect(names(root.src)).toEqual([name, ...images]);
				expect(same(join(root.src, name), expected)).toBe(true);
			},
			kept: images,
		});
	});

	it("while a release is removed", patience, async () => {
		const scratch = scratchRoot();
		const first = subRoot(scratch, "first");
		const ran = await ksquash(["install", placeTarball(scratch), "--base", "defconfig", "--root", first.root]);
		expect(ran, ran.stderr).toMatchObject({ status: 0 });
		writeFileSync(join(first.src, build, ".config"), "# my own words\n", { flag: "a" });
		execFileSync("umount", [join(first.src, name)]);
		const holds = (at: string): boolean => {
			if (!existsSync(at)) return false;
			const files = execFileSync("find", [at, "-name", ".config", "-type", "f"], { encoding: "utf8" }).split("\n");
			return files.some((file) => file !== "" && readFileSync(file, "utf8").includes("# my own words"));
		};
		await diesAtEach(scratch, {
			args: (root) => ["remove", smallRelease, "--root", root.root],
			prepare: async (label) => {
				const root = subRoot(scratch, label);
				execFileSync("cp", ["-a", "--no-target-directory", first.src, root.src]);
				expect(await ksquash(["mount", smallRelease, "--root", root.root])).toMatchObject({ status: 0 });
				return root;
			},
			safe: (root) => holds(join(root.src, build)) || holds(root.path("var/lib/ksquash/kept")),
			finished: (root) => {
				expect(names(root.src)).toEqual([]);
				expect(mountsBelow(root.root)).toEqual([]);
				expect(holds(root.path("var/lib/ksquash/kept"))).toBe(true);
			},
			kept: [],
		});
	});

	it("before a directory is made: the reason is the disk's, not a path that is not there", async () => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch);
		const root = scratch.path("empty");
		mkdirSync(root);
		const prefix = strace(scratch.path("trace"), "trace=mkdir", "inject=mkdir:error=EROFS:when=1+");
		const ran = await ksquash(["pack", tarball, "--root", root], { prefix });
		expectRefusal(ran, 73, "EROFS", join(root, "usr/src"));
		expect(names(root)).toEqual([]);
	});

	it("and this test finds a file that stays unsaid, another cause and another status", () => {
		const scratch = scratchRoot();
		writeFileSync(join(scratch.src, ".stray.tmp"), "");
		const ran = { status: 1, signal: null, stdout: "", stderr: "ksquash: cannot make x: ENOENT\n    at y\n" };
		expect(judge(ran, scratch, [], [])).toHaveLength(4);
		const said = { ...ran, status: 74, stderr: "warning: .stray.tmp stays\nksquash: cannot make x: EIO\n" };
		expect(judge(said, scratch, [], [])).toEqual([]);
	});
});
