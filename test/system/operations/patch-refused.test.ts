/** --patch: what is no patch, does not apply or cannot be combined with one is refused, with the file and the hunk, and nothing is changed. */

import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type PackOptions, pack } from "../../../src/index.ts";
import { placeTarball, placeTree, scratchRoot, smallRelease } from "../../support/scratch.ts";
import { expectNothing, patchedRelease, series, shape } from "./patch-support.ts";

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
