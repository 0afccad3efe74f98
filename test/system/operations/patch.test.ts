/** --patch: real patches, made by git and by diff, are applied to a copy of the source, or refused with the hunk named. */

import { execFileSync } from "node:child_process";
import {
	appendFileSync,
	chmodSync,
	copyFileSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { install, type PackOptions, pack } from "../../../src/index.ts";
import { hashes, listing } from "../../support/content.ts";
import { loopsBelow, placeTarball, placeTree, type Scratch, scratchRoot, smallRelease } from "../../support/scratch.ts";

const env = { PATH: process.env.PATH, HOME: "/nonexistent", GIT_CONFIG_NOSYSTEM: "1" };
const author = ["-c", "user.name=Tester", "-c", "user.email=tester@test"];

function git(directory: string, ...args: string[]): string {
	return execFileSync("git", ["-C", directory, ...author, ...args], { encoding: "utf8", env, stdio: "pipe" });
}

interface Series {
	/** The patched tree, as git has it. */
	tree: string;
	patches: string[];
}

/** Two commits on the small kernel, the second on what the first made, as git format-patch gives them. */
function series(scratch: Scratch): Series {
	const tree = placeTree(scratch, "git/k");
	git(tree, "init", "-q");
	git(tree, "add", "-A");
	git(tree, "commit", "-qm", "base");
	appendFileSync(join(tree, "init/main.c"), "/* one */\n");
	mkdirSync(join(tree, "drivers/new/deep"), { recursive: true });
	writeFileSync(join(tree, "drivers/new/deep/file.c"), "int one;\nint two;\n");
	writeFileSync(join(tree, "scripts/run.sh"), "#!/bin/sh\n");
	chmodSync(join(tree, "scripts/run.sh"), 0o755);
	symlinkSync("../init/main.c", join(tree, "drivers/link.c"));
	for (const file of ["a b,c.yaml", "f g.yaml"]) writeFileSync(join(tree, file), `one of ${file}\n`);
	git(tree, "add", "-A");
	git(
		tree,
		"commit",
		"-qm",
		"One\n\nIts message shows a diff, which is none of the patch:\n\n    --- a/lib/checksum.c\n    +++ b/lib/checksum.c\n    @@ -1 +0,0 @@\n    -x",
	);
	writeFileSync(join(tree, "drivers/new/deep/file.c"), "int one;\nint three;");
	renameSync(join(tree, "lib/checksum.c"), join(tree, "lib/sum.c"));
	// Linux has such names: tools/testing/selftests/devices/probe/boards/Dell Inc.,XPS 13 9300.yaml
	renameSync(join(tree, "a b,c.yaml"), join(tree, "d  e.yaml"));
	writeFileSync(join(tree, "f g.yaml"), "two\n");
	rmSync(join(tree, "Documentation/building.rst"));
	chmodSync(join(tree, "scripts/cc-line.sh"), 0o644);
	const makefile = readFileSync(join(tree, "Makefile"), "utf8");
	writeFileSync(join(tree, "Makefile"), makefile.replace(/^SUBLEVEL = 99$/m, "SUBLEVEL = 100"));
	git(tree, "add", "-A");
	git(tree, "commit", "-qm", "Two");
	const names = git(tree, "format-patch", "-M", "-o", scratch.path("patches"), "HEAD~2").trim().split("\n");
	rmSync(join(tree, ".git"), { recursive: true });
	return { tree, patches: names };
}

const patchedRelease = smallRelease.replace("99", "100");

/** What find and sha256sum say of an image, without times. */
function inside(scratch: Scratch, image: string): string {
	const place = scratch.path("inside");
	mkdirSync(place, { recursive: true });
	execFileSync("mount", ["-o", "ro,loop", image, place]);
	try {
		return shape(place);
	} finally {
		execFileSync("umount", [place]);
	}
}

function shape(directory: string): string {
	return `${listing(directory).replace(/ \d+( \d+)?$/gm, "$1")}\n${hashes(directory)}`;
}

function origin(image: string): Record<string, unknown> {
	return JSON.parse(readFileSync(`${image}.json`, "utf8")).origin;
}

function expectNothing(scratch: Scratch): void {
	expect(readdirSync(scratch.src)).toEqual([]);
	expect(loopsBelow(scratch.root)).toEqual([]);
}

describe("a series of git's", () => {
	it("on a tarball: what git made of it is in the image, and the manifest says how", async () => {
		const scratch = scratchRoot();
		const { tree, patches } = series(scratch);
		const tarball = placeTarball(scratch);
		const warnings: string[] = [];
		const result = await pack(tarball, { root: scratch.root, patches, onWarning: (text) => warnings.push(text) });
		expect(result).toMatchObject({ release: patchedRelease, already: false, source: "kept" });
		expect(inside(scratch, result.image)).toBe(shape(tree));
		const sums = execFileSync("sha256sum", patches, { encoding: "utf8" }).trim().split("\n");
		const named = sums.map((line) => ({ sha256: line.slice(0, 64), path: line.slice(66) }));
		expect(origin(result.image)).toMatchObject({ kind: "tarball", path: tarball, way: "extracted", patches: named });
		expect(warnings).toEqual([expect.stringMatching(/extracted into a scratch directory/)]);
		expect(readdirSync(scratch.src).toSorted()).toEqual(
			["", ".json", ".list.gz"].map((end) => `linux-${patchedRelease}.sqfs${end}`),
		);
	});

	it("again: already; without the patches: another release, and no taking of one for the other", async () => {
		const scratch = scratchRoot();
		const { patches } = series(scratch);
		const tarball = placeTarball(scratch);
		await pack(tarball, { root: scratch.root, patches });
		expect(await pack(tarball, { root: scratch.root, patches })).toMatchObject({ already: true });
		expect(await pack(tarball, { root: scratch.root })).toMatchObject({ already: false, release: smallRelease });
		const same = pack(tarball, { root: scratch.root, patches: patches.slice(0, 1) });
		await expect(same).rejects.toMatchObject({ code: "ERR_KSQUASH_EXISTS", exitStatus: 73 });
	});

	it("on a tree: only read, and the content is the tarball's; the same bytes whatever the umask", async () => {
		const scratch = scratchRoot();
		const { patches } = series(scratch);
		const tarball = placeTarball(scratch);
		// Not a second copy of the fixture: its links would be younger.
		const tree = scratch.path("home", `linux-${smallRelease}`);
		mkdirSync(scratch.path("home"));
		execFileSync("tar", ["-xf", tarball, "-C", scratch.path("home")]);
		mkdirSync(join(tree, ".git"));
		const before = shape(tree);
		const roots = ["a", "b", "c"].map((name) => {
			mkdirSync(scratch.path(name, "usr/src"), { recursive: true });
			return scratch.path(name);
		});
		const images: string[] = [];
		for (const [i, source] of [tree, tree, tarball].entries()) {
			const old = process.umask(i === 1 ? 0o077 : 0o002);
			try {
				images.push((await pack(source, { root: roots[i], patches })).image);
			} finally {
				process.umask(old);
			}
		}
		const [first = "", second = "", third = ""] = images;
		expect(readFileSync(second).equals(readFileSync(first))).toBe(true);
		const content = images.map((image) => JSON.parse(readFileSync(`${image}.json`, "utf8")).content.sha256);
		expect(content[2]).toBe(content[0]);
		expect(origin(first)).toMatchObject({ kind: "tree", way: "copied" });
		expect(origin(third)).toMatchObject({ kind: "tarball", way: "extracted" });
		expect(shape(tree)).toBe(before);
	});

	it("compressed, as kernel.org's are, and installed", async () => {
		const scratch = scratchRoot();
		const { tree } = series(scratch);
		const base = placeTree(scratch, "git/base");
		const patch = scratch.path("patch-6.1.100.xz");
		const script = 'cd "$1" && { diff -urN base k || [ $? = 1 ]; } | xz >"$2"';
		execFileSync("sh", ["-c", script, "sh", scratch.path("git"), patch]);
		// diff knows neither modes nor links.
		chmodSync(join(tree, "scripts/run.sh"), 0o644);
		chmodSync(join(base, "scripts/cc-line.sh"), 0o644);
		rmSync(join(tree, "drivers/link.c"));
		copyFileSync(join(tree, "init/main.c"), join(tree, "drivers/link.c"));
		const { release, pack: packed } = await install(base, { root: scratch.root, patches: [patch], base: "defconfig" });
		expect(release).toBe(patchedRelease);
		expect(shape(join(scratch.src, `linux-${patchedRelease}`))).toBe(shape(tree));
		expect(packed.source).toBe("kept");
	});
});

const fine = "--- a/COPYING\n+++ b/COPYING\n@@ -1,2 +1,2 @@\n-";

/** Name, the patch's text (%s: first line of COPYING), what the message says. */
const refusals: [string, string, RegExp][] = [
	[
		"whose second hunk does not fit",
		"--- a/Makefile\n+++ b/Makefile\n@@ -1 +1,2 @@\n+#\n FIRST\n@@ -5,3 +6,3 @@\n nothing\n-like\n+that\n there\n",
		/Makefile: hunk 2 \(line 6\) does not fit/,
	],
	[
		"of a file that is not there",
		"--- a/lib/gone.c\n+++ b/lib/gone.c\n@@ -1 +1 @@\n-a\n+b\n",
		/lib\/gone\.c: there is no such file/,
	],
	[
		"that makes a file that is there",
		"--- /dev/null\n+++ b/COPYING\n@@ -0,0 +1 @@\n+a\n",
		/COPYING: it would be made, and is there/,
	],
	[
		"with ..",
		"--- a/lib/../../x\n+++ b/lib/../../x\n@@ -0,0 +1 @@\n+a\n",
		/line 2: "b\/lib\/\.\.\/\.\.\/x": a name that leads out of the tree/,
	],
	[
		"with .. in a rename",
		"diff --git a/COPYING b/../x\nsimilarity index 100%\nrename from COPYING\nrename to ../x\n",
		/leads out of the tree/,
	],
	[
		"whose rename is another than its header's",
		"diff --git a/COPYING b/x\nsimilarity index 100%\nrename from COPYING\nrename to ../x\n",
		/line 4: it is not named as in line 1/,
	],
	["with an absolute name", "--- /etc/x\n+++ /etc/x\n@@ -0,0 +1 @@\n+a\n", /leads out of the tree/],
	["into .git", "--- /dev/null\n+++ b/.git/hooks/x\n@@ -0,0 +1 @@\n+a\n", /version control/],
	["through a link of the tree", "--- /dev/null\n+++ b/out/x\n@@ -0,0 +1 @@\n+a\n", /out\/x lies below the link out/],
	[
		"through a link of its own",
		"diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+lib\n\\ No newline at end of file\n--- /dev/null\n+++ b/l/x\n@@ -0,0 +1 @@\n+a\n",
		/l\/x lies below a link that it makes/,
	],
	[
		"that makes a link out of the tree",
		"diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+../../etc\n\\ No newline at end of file\n",
		/l becomes a link out of the tree/,
	],
	[
		"in binary",
		"diff --git a/x b/x\nnew file mode 100644\nindex 0000..1111\nGIT binary patch\nliteral 1\nIcmZ\n",
		/a binary diff of x/,
	],
	["with a hunk too short", `${fine}FIRST\n`, /COPYING: the hunk of line 3 is malformed/],
	[
		"with a name without a directory",
		"--- COPYING\n+++ COPYING\n@@ -1 +1 @@\n-a\n+b\n",
		/without a directory in front/,
	],
	["that is an ed script", "1d\n.\nw\n", /holds no unified diff/],
	[
		"that is a context diff",
		"*** a/COPYING\n--- b/COPYING\n***************\n*** 1 ****\n! a\n--- 1 ----\n! b\n",
		/holds no unified diff/,
	],
	["that is empty", "", /holds no unified diff/],
];

describe("a patch", () => {
	it.each(refusals)("%s: refused, 65, nothing is left and nothing was changed", async (_, text, why) => {
		const scratch = scratchRoot();
		const tree = placeTree(scratch, "home/k");
		mkdirSync(scratch.path("victim"));
		symlinkSync(scratch.path("victim"), join(tree, "out"));
		const patch = scratch.path("a.patch");
		const [first = ""] = readFileSync(join(tree, "Makefile"), "utf8").split("\n");
		writeFileSync(patch, text.replace("FIRST", first));
		const before = shape(tree);
		const refused = pack(tree, { root: scratch.root, patches: [patch] });
		await expect(refused).rejects.toMatchObject({
			code: "ERR_KSQUASH_PATCH",
			exitStatus: 65,
			path: patch,
			message: expect.stringMatching(why),
		});
		expectNothing(scratch);
		expect(shape(tree)).toBe(before);
		expect(readdirSync(scratch.path("victim"))).toEqual([]);
	});

	it("that is applied already: said, and the first of a series that does not fit is the one named", async () => {
		const scratch = scratchRoot();
		const { tree, patches } = series(scratch);
		const twice = pack(tree, { root: scratch.root, patches });
		await expect(twice).rejects.toMatchObject({
			code: "ERR_KSQUASH_PATCH",
			path: patches[0],
			message: expect.stringMatching(/: .*: (?:it is applied already|it would be made, and is there)/),
		});
		const tarball = placeTarball(scratch);
		const reversed = pack(tarball, { root: scratch.root, patches: patches.toReversed() });
		await expect(reversed).rejects.toMatchObject({ code: "ERR_KSQUASH_PATCH", path: patches[1] });
		expectNothing(scratch);
	});

	it("that fits only with fuzz: applied, and said", async () => {
		const scratch = scratchRoot();
		const tree = placeTree(scratch, "home/k");
		writeFileSync(join(tree, "lib/f.c"), "1\n2\n3\n4\n5\n6\n7\n");
		writeFileSync(
			scratch.path("p"),
			"--- a/lib/f.c\n+++ b/lib/f.c\n@@ -1,7 +1,7 @@\n other\n 2\n 3\n-4\n+four\n 5\n 6\n 7\n",
		);
		const warnings: string[] = [];
		const options = { root: scratch.root, patches: [scratch.path("p")] };
		const { image } = await pack(tree, { ...options, onWarning: (text) => warnings.push(text) });
		expect(warnings).toContainEqual(expect.stringMatching(/lib\/f\.c: Hunk #1 succeeded at 1 with fuzz 1/));
		expect(execFileSync("unsquashfs", ["-cat", image, "lib/f.c"], { encoding: "utf8" })).toBe(
			"1\n2\n3\nfour\n5\n6\n7\n",
		);
	});

	it("that is not there, cut off within its compression, or too large", async () => {
		const scratch = scratchRoot();
		const { patches } = series(scratch);
		const tarball = placeTarball(scratch);
		const gone = pack(tarball, { root: scratch.root, patches: [scratch.path("gone.patch")] });
		await expect(gone).rejects.toMatchObject({ code: "ERR_KSQUASH_NO_INPUT", exitStatus: 66 });
		execFileSync("xz", [patches[0] as string]);
		writeFileSync(scratch.path("half.xz"), readFileSync(`${patches[0]}.xz`).subarray(0, 200));
		const half = pack(tarball, { root: scratch.root, patches: [scratch.path("half.xz")] });
		await expect(half).rejects.toMatchObject({ code: "ERR_KSQUASH_PATCH", message: expect.stringMatching("damaged") });
		execFileSync("sh", ["-c", 'head -c 300M /dev/zero | xz -0 >"$1"', "sh", scratch.path("large.xz")]);
		const large = pack(tarball, { root: scratch.root, patches: [scratch.path("large.xz")] });
		await expect(large).rejects.toMatchObject({ code: "ERR_KSQUASH_PATCH", message: expect.stringMatching("256 MiB") });
		expectNothing(scratch);
	});
});

describe("what cannot be combined with a patch", () => {
	it("a tree in its place, --adopt, --replace-source, a release that is packed: said before any work", async () => {
		const scratch = scratchRoot();
		const patch = scratch.path("p");
		writeFileSync(patch, "--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+a\n");
		const patches = [patch];
		const tree = placeTree(scratch);
		const refuse = async (source: string, options: PackOptions, code: string): Promise<void> => {
			await expect(pack(source, { root: scratch.root, patches, ...options })).rejects.toMatchObject({ code });
		};
		await refuse(tree, {}, "ERR_KSQUASH_TREE_UNSUITABLE");
		await refuse(tree, { keepSource: true }, "ERR_KSQUASH_TREE_UNSUITABLE");
		const elsewhere = placeTree(scratch, "home/k");
		await refuse(elsewhere, { replaceSource: true }, "ERR_KSQUASH_USAGE");
		await refuse(elsewhere, { adopt: true }, "ERR_KSQUASH_USAGE");
		expect(readdirSync(scratch.src)).toEqual([`linux-${smallRelease}`]);
		const renamed = await pack(tree, { root: scratch.root, patches, release: "6.1.99-mine" });
		expect(renamed).toMatchObject({ source: "kept", release: "6.1.99-mine" });
		await pack(tree, { root: scratch.root });
		await refuse(tree, {}, "ERR_KSQUASH_USAGE");
	});

	it("a patch that names the tree's own place as the release", async () => {
		const scratch = scratchRoot();
		const { patches } = series(scratch);
		const tree = placeTree(scratch, `usr/src/linux-${patchedRelease}`);
		const refused = pack(tree, { root: scratch.root, patches });
		await expect(refused).rejects.toMatchObject({ code: "ERR_KSQUASH_TREE_UNSUITABLE" });
		expect(readdirSync(scratch.src)).toEqual([`linux-${patchedRelease}`]);
	});
});

describe("the scratch directory", () => {
	it("goes when the run is stopped", async () => {
		const scratch = scratchRoot();
		const { patches } = series(scratch);
		const tarball = placeTarball(scratch);
		for (const at of ["extract", "patch", "pack", "prove"]) {
			const stop = new AbortController();
			const onProgress = ({ step, state }: { step: string; state: string }): void => {
				if (step === at && state === "start") stop.abort();
			};
			const stopped = pack(tarball, { root: scratch.root, patches, signal: stop.signal, onProgress });
			await expect(stopped, at).rejects.toMatchObject({ name: "AbortError" });
			expectNothing(scratch);
		}
	});

	it("is not begun where there are too few inodes, or too little space", async () => {
		const scratch = scratchRoot();
		const { patches } = series(scratch);
		const tree = placeTree(scratch, "home/k");
		for (const [limit, why] of [
			["nr_inodes=30", /inodes free/],
			["size=300k", /MiB are missing/],
		] as const) {
			execFileSync("mount", ["-t", "tmpfs", "-o", limit, "tmpfs", scratch.src]);
			try {
				const refused = pack(tree, { root: scratch.root, patches });
				await expect(refused).rejects.toMatchObject({
					code: "ERR_KSQUASH_NO_SPACE",
					message: expect.stringMatching(why),
				});
				expectNothing(scratch);
			} finally {
				execFileSync("umount", [scratch.src]);
			}
		}
	});
});

it("a dry run names the patches and does nothing", async () => {
	const scratch = scratchRoot();
	const { patches } = series(scratch);
	const { plan } = await pack(placeTarball(scratch), { root: scratch.root, patches, dryRun: true });
	expect(plan?.slice(0, 3)).toEqual([
		expect.stringMatching(/scratch directory/),
		`apply ${patches[0]} (6 files)`,
		`apply ${patches[1]} (9 files)`,
	]);
	expectNothing(scratch);
});
