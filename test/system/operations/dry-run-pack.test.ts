/** pack --dry-run: nothing is changed, and what it names is what the run does; what stops the run stops it, too. */

import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { pack } from "../../../src/index.ts";
import { mismatch, namedPaths, refusals, WORKERS, watchDryRun, watchRun } from "../../support/outside.ts";
import {
	mountsBelow,
	placeTarball,
	placeTree,
	type Scratch,
	scratchRoot,
	smallRelease,
} from "../../support/scratch.ts";

interface Told {
	state: string;
	release?: string;
	image?: string;
	already: boolean;
	plan: string[];
	unchecked: string[];
	programs: string[];
	imageBytes?: unknown;
	source?: unknown;
}

const name = `linux-${smallRelease}`;

/** Plans, then works: what changed is what was named, but for what is only read. */
function both(scratch: Scratch, args: readonly string[], read: readonly string[] = []): Told & { changed: string[] } {
	const told = watchDryRun<Told>(scratch, args);
	expect(told.state).toBe("planned");
	expect([told.imageBytes, told.source]).toEqual([undefined, undefined]);
	expect(told.programs.filter((program) => WORKERS.includes(program))).toEqual([]);
	const { changed } = watchRun(scratch, args);
	const named = namedPaths(told.plan, scratch.root).filter((path) => !read.includes(path));
	expect(mismatch(changed, named)).toEqual({ unnamed: [], unchanged: [] });
	return { ...told, changed };
}

const image = (scratch: Scratch): string => join(scratch.src, `${name}.sqfs`);

describe("pack --dry-run", () => {
	it("of a tree in its place names the image and the mount that takes that place", () => {
		const scratch = scratchRoot();
		const tree = placeTree(scratch);
		const { changed, release, already } = both(scratch, ["pack", tree]);
		expect({ release, already }).toEqual({ release: smallRelease, already: false });
		expect(changed).toEqual([tree, ...["", ".json", ".list.gz"].map((ending) => image(scratch) + ending)]);
		expect(mountsBelow(scratch.root)).toEqual([tree]);
	});

	it("of a tree elsewhere, and one that is to be removed, says which of them goes", () => {
		const scratch = scratchRoot();
		const tree = placeTree(scratch, "home/linux");
		expect(both(scratch, ["pack", tree], [tree]).changed).not.toContain(tree);
		const again = both(scratch, ["pack", tree, "--replace-source"], [image(scratch)]);
		expect(again).toMatchObject({ already: true, changed: [tree] });
		expect(again.unchecked).toEqual([expect.stringContaining(image(scratch))]);
	});

	it("of a tarball reads its release, packs nothing, and names the image", () => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch);
		const told = both(scratch, ["pack", tarball], [tarball]);
		expect(told).toMatchObject({ release: smallRelease, image: image(scratch), already: false, unchecked: [] });
		expect(both(scratch, ["pack", tarball], [tarball, image(scratch)])).toMatchObject({ already: true, changed: [] });
		const anew = both(scratch, ["pack", tarball, "--replace", "--replace-source"]);
		expect(anew.changed).toContain(tarball);
	});

	it("of a tree that was built in names what is copied, and where to", () => {
		const scratch = scratchRoot();
		const tree = placeTree(scratch);
		writeFileSync(join(tree, ".config"), "CONFIG_MODULES=y\n");
		const { plan } = both(scratch, ["pack", tree, "--adopt"]);
		expect(plan[0]).toBe(`copy .config to ${join(scratch.src, `build-${smallRelease}`)}`);
	});

	it("with a patch says what it cannot know: whether that one fits, and which release comes of it", () => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch);
		const patch = scratch.path("one.patch");
		const text = readFileSync(scratch.path("tmp", name, "Documentation/README"), "utf8").split("\n")[0];
		const lines = [`-${text}`, "+another"].join("\n");
		writeFileSync(patch, `--- a/Documentation/README\n+++ b/Documentation/README\n@@ -1 +1 @@\n${lines}\n`);
		const told = watchDryRun<Told>(scratch, ["pack", tarball, "--patch", patch]);
		expect([told.release, told.image]).toEqual([undefined, undefined]);
		expect(told.unchecked.join("\n")).toContain(patch);
		expect(told.plan.join("\n")).toContain("REL being what the patched Makefile says");
	});

	it("names what an interrupted run left, and the run completes just that", async () => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch);
		await pack(tarball, { root: scratch.root });
		const aside = join(scratch.src, `.${name}.replaced`);
		renameSync(scratch.path("tmp", name), aside);
		const { plan, changed } = both(scratch, ["pack", smallRelease, "--release", smallRelease], [image(scratch)]);
		expect(plan).toHaveLength(1);
		expect(changed).toEqual([aside, join(scratch.src, name)]);
	});
});

describe("what makes pack fail by a check makes its dry run fail", () => {
	it.each<[string, (scratch: Scratch) => string[], string | undefined]>([
		["nothing (a tree)", (scratch) => [placeTree(scratch)], undefined],
		["nothing (a tarball)", (scratch) => [placeTarball(scratch)], undefined],
		["no such file", () => ["/no/such/file"], "ERR_KSQUASH_NO_INPUT"],
		[
			"a tarball that ends early",
			(scratch) => {
				const tarball = placeTarball(scratch);
				truncateSync(tarball, 3000);
				return [tarball];
			},
			"ERR_KSQUASH_TARBALL",
		],
		[
			"a tarball of no kernel",
			(scratch) => {
				mkdirSync(scratch.path("other/dir"), { recursive: true });
				writeFileSync(scratch.path("other/dir/file"), "text");
				execFileSync("tar", ["-cf", scratch.path("other.tar"), "-C", scratch.path("other"), "dir"]);
				return [scratch.path("other.tar")];
			},
			"ERR_KSQUASH_NOT_A_KERNEL",
		],
		["another sha256", (scratch) => [placeTarball(scratch), "--sha256", "0".repeat(64)], "ERR_KSQUASH_CHECKSUM"],
		[
			"the very sha256",
			(scratch) => {
				const tarball = placeTarball(scratch);
				return [tarball, "--sha256", createHash("sha256").update(readFileSync(tarball)).digest("hex")];
			},
			undefined,
		],
		[
			"a tree that was built in",
			(scratch) => {
				const tree = placeTree(scratch);
				writeFileSync(join(tree, ".config"), "CONFIG_MODULES=y\n");
				return [tree];
			},
			"ERR_KSQUASH_TREE_BUILT",
		],
		[
			"a config of value that is taken at its goal",
			(scratch) => {
				const tree = placeTree(scratch);
				const build = join(scratch.src, `build-${smallRelease}`);
				writeFileSync(join(tree, ".config"), "CONFIG_MODULES=y\n");
				mkdirSync(build);
				writeFileSync(join(build, "mine"), "");
				return [tree, "--adopt"];
			},
			"ERR_KSQUASH_OCCUPIED",
		],
		[
			"links that lead into the tree",
			(scratch) => {
				const tree = placeTree(scratch);
				mkdirSync(scratch.path("lib/modules/6.1"), { recursive: true });
				symlinkSync(`/usr/src/${name}`, scratch.path("lib/modules/6.1/build"));
				return [tree];
			},
			"ERR_KSQUASH_LINKED",
		],
		["a compressor that is none", (scratch) => [placeTree(scratch), "--comp", "lzma"], "ERR_KSQUASH_USAGE"],
	])("%s", (_, prepare, code) => {
		const scratch = scratchRoot();
		const words = ["pack", ...prepare(scratch)];
		expect(refusals(scratch, words)).toEqual([code, code]);
	});

	it("a tree in use", () => {
		const scratch = scratchRoot();
		const tree = placeTree(scratch);
		const child = spawn("sleep", ["60"], { cwd: tree, stdio: "ignore" });
		onTestFinished(() => {
			child.kill("SIGKILL");
		});
		expect(refusals(scratch, ["pack", tree])).toEqual(["ERR_KSQUASH_BUSY", "ERR_KSQUASH_BUSY"]);
		expect(existsSync(join(tree, "Makefile"))).toBe(true);
	});

	it("an image that is no good", async () => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch);
		writeFileSync(image(scratch), "no image");
		expect(refusals(scratch, ["pack", tarball])).toEqual(["ERR_KSQUASH_EXISTS", "ERR_KSQUASH_EXISTS"]);
	});

	it.each([
		["too little room for the image", "size=1600k", 73],
		["too few inodes for the files of a scratch directory", "nr_inodes=20", 73],
		["room for it", "size=64m", 0],
	])("%s", (_, option, status) => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch, "linux.tar");
		const small = scratch.path("small");
		mkdirSync(small);
		execFileSync("mount", ["-t", "tmpfs", "-o", option, "tmpfs", small]);
		mkdirSync(join(small, "usr/src"), { recursive: true });
		// 8 MB of a tarball: the estimate of what is made of it is several times what is free.
		if (status !== 0) growTarball(tarball, scratch);
		const extra = option.startsWith("nr") ? ["--patch", emptyPatch(scratch)] : [];
		const code = status === 0 ? undefined : "ERR_KSQUASH_NO_SPACE";
		expect(refusals({ ...scratch, root: small }, ["pack", tarball, ...extra])).toEqual([code, code]);
	});
});

function growTarball(tarball: string, scratch: Scratch): void {
	const big = scratch.path("tmp", name, "lib-big.c");
	writeFileSync(big, Buffer.alloc(8 << 20, "x"));
	execFileSync("tar", ["-cf", tarball, "-C", scratch.path("tmp"), name]);
}

function emptyPatch({ path }: Scratch): string {
	const patch = path("new.patch");
	writeFileSync(patch, "--- /dev/null\n+++ b/new-file\n@@ -0,0 +1 @@\n+new\n");
	return patch;
}
