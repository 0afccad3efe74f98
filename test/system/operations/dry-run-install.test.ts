/** install --dry-run: nothing is changed, no code of the tree runs, and what it names is what the run does. */

import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, statfsSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { umount } from "../../../src/index.ts";
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
	pack: { state: string; plan: string[] };
	plan: string[];
	unchecked: string[];
	programs: string[];
	mount?: unknown;
	configure?: unknown;
	select?: unknown;
}

const name = `linux-${smallRelease}`;
const build = `build-${smallRelease}`;

function both(scratch: Scratch, args: readonly string[], read: readonly string[]): Told & { changed: string[] } {
	const words = ["install", ...args];
	const told = watchDryRun<Told>(scratch, words);
	expect([told.state, told.pack.state]).toEqual(["planned", "planned"]);
	expect([told.mount, told.configure, told.select]).toEqual([undefined, undefined, undefined]);
	expect(told.programs.filter((program) => WORKERS.includes(program))).toEqual([]);
	const ran = watchRun(scratch, words);
	const named = namedPaths(told.plan, scratch.root).filter((path) => !read.includes(path));
	expect(mismatch(ran.changed, named)).toEqual({ unnamed: [], unchanged: [] });
	return { ...told, changed: ran.changed };
}

describe("install --dry-run", () => {
	it("of a tree in its place names image, mount, build directory and link", () => {
		const scratch = scratchRoot();
		const tree = placeTree(scratch);
		const told = both(scratch, [tree, "--base", "defconfig"], []);
		expect(told).toMatchObject({ release: smallRelease, unchecked: [expect.stringContaining("conf")] });
		const endings = ["", ".json", ".list.gz"].map((ending) => `${name}.sqfs${ending}`);
		expect(told.changed).toEqual([build, "linux", name, ...endings].map((file) => join(scratch.src, file)));
		expect(mountsBelow(scratch.root)).toEqual([tree]);
	});

	it("of a tarball names the same, for the release that is in it, and the second time that all is done", async () => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch);
		const tree = join(scratch.src, name);
		const told = both(scratch, [tarball, "--base", "defconfig"], [tarball]);
		expect(told.release).toBe(smallRelease);
		expect(told.plan).toContain(`mount ${tree}.sqfs on ${tree}`);
		expect(told.plan).toContain(`point ${join(scratch.src, "linux")} to ${build}`);
		const again = both(scratch, [tarball, "--base", "defconfig"], [tarball, `${tree}.sqfs`, join(scratch.src, build)]);
		expect(again.changed).toEqual([]);
		await umount(smallRelease, { root: scratch.root });
		expect(both(scratch, [tarball], [tarball, `${tree}.sqfs`, join(scratch.src, build)]).changed).toEqual([tree]);
	});

	it("of a tree that stays in its place mounts nothing, and says so", () => {
		const scratch = scratchRoot();
		const tree = placeTree(scratch);
		const told = both(scratch, [tree, "--keep-source", "--base", "defconfig"], [tree]);
		expect(told.plan).toContain(`mount nothing: the tree stays in ${tree}`);
		expect(mountsBelow(scratch.root)).toEqual([]);
	});

	it("of a tree that was built in begins with its .config", () => {
		const scratch = scratchRoot();
		const tree = placeTree(scratch);
		writeFileSync(join(tree, ".config"), "CONFIG_MODULES=y\n");
		const told = both(scratch, [tree, "--adopt"], [join(scratch.src, build, ".config")]);
		expect(told.plan.join("\n")).toContain(`begin with ${join(scratch.src, build, ".config")}`);
	});

	it("leaves a link of a person's where it is, and says so", () => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch);
		mkdirSync(join(scratch.src, "mine"));
		symlinkSync("mine", join(scratch.src, "linux"));
		const link = join(scratch.src, "linux");
		const told = both(scratch, [tarball, "--base", "defconfig"], [tarball, link]);
		expect(told.plan.at(-1)).toMatch(/^leave .*which is not ksquash's$/);
		expect(told.changed).not.toContain(link);
	});
});

describe("what makes install fail by a check makes its dry run fail", () => {
	it.each<[string, (scratch: Scratch) => string[], string | undefined]>([
		["nothing", (scratch) => [placeTarball(scratch)], undefined],
		[
			"a directory that is not empty at the mount point",
			(scratch) => {
				mkdirSync(join(scratch.src, name));
				writeFileSync(join(scratch.src, name, "mine"), "");
				return [placeTarball(scratch)];
			},
			"ERR_KSQUASH_OCCUPIED",
		],
		[
			"another's mount there",
			(scratch) => {
				mkdirSync(join(scratch.src, name));
				execFileSync("mount", ["-t", "tmpfs", "none", join(scratch.src, name)]);
				return [placeTarball(scratch)];
			},
			"ERR_KSQUASH_OCCUPIED",
		],
		[
			"a build directory that holds something else",
			(scratch) => {
				mkdirSync(join(scratch.src, build));
				writeFileSync(join(scratch.src, build, "mine"), "");
				return [placeTarball(scratch)];
			},
			"ERR_KSQUASH_OCCUPIED",
		],
		[
			"a directory where the link is to be",
			(scratch) => {
				mkdirSync(join(scratch.src, "linux"));
				return [placeTarball(scratch), "--select"];
			},
			"ERR_KSQUASH_OCCUPIED",
		],
		[
			"a fragment that is not there",
			(scratch) => [placeTree(scratch), "--fragment", "/no/such"],
			"ERR_KSQUASH_NO_INPUT",
		],
		["an owner whom nobody knows", (scratch) => [placeTree(scratch), "--owner", "nobody-here"], "ERR_KSQUASH_USAGE"],
	])("%s", (_, prepare, code) => {
		const scratch = scratchRoot();
		const words = ["install", "--base", "defconfig", ...prepare(scratch)];
		expect(refusals(scratch, words)).toEqual([code, code]);
	});

	it("a file system without room for the image, and with room both end well", () => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch);
		const small = scratch.path("small");
		mkdirSync(small);
		execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", small]);
		mkdirSync(join(small, "usr/src"), { recursive: true });
		const place = { ...scratch, root: small };
		const words = ["install", tarball, "--base", "defconfig"];
		expect(refusals(place, words)).toEqual(["ERR_KSQUASH_NO_SPACE", "ERR_KSQUASH_NO_SPACE"]);
		expect(readdirSync(join(small, "usr/src"))).toEqual([]);
		execFileSync("mount", ["-o", "remount,size=64m", small]);
		expect(statfsSync(small).bavail).toBeGreaterThan(0);
		expect(refusals(place, words)).toEqual([undefined, undefined]);
	});
});
