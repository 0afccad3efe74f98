/** configure --dry-run: nothing is changed and no code of the tree runs; what it names is what the run does. */

import { chownSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { mount, pack } from "../../../src/index.ts";
import { changes, namedPaths, outside, refusals, WORKERS, watchDryRun, watchRun } from "../../support/outside.ts";
import { placeTarball, type Scratch, scratchRoot, smallRelease } from "../../support/scratch.ts";

interface Told {
	state: string;
	buildDir: string;
	already: boolean;
	base: string;
	plan: string[];
	unchecked: string[];
	programs: string[];
	scrubbed?: unknown;
	missed?: unknown;
}

const configure = ["configure", smallRelease, "--base", "defconfig"];

async function mounted(): Promise<Scratch & { build: string; mountPoint: string }> {
	const scratch = scratchRoot();
	const { mountPoint } = await pack(placeTarball(scratch), { root: scratch.root });
	await mount(smallRelease, { root: scratch.root });
	return { ...scratch, mountPoint, build: join(scratch.src, `build-${smallRelease}`) };
}

/** What the plan says is changed: of its paths those that are only read are no such. */
function targets(told: Told, { root }: Scratch, read: readonly string[]): string[] {
	return namedPaths(told.plan, root).filter((path) => !read.includes(path));
}

describe("configure --dry-run", () => {
	it("changes nothing and runs no make; the run makes exactly the directory that it names, by make", async () => {
		const scratch = await mounted();
		const told = watchDryRun<Told>(scratch, configure);
		expect(told).toMatchObject({ state: "planned", buildDir: scratch.build, already: false });
		expect(told.unchecked.join()).toContain("conf");
		expect([told.scrubbed, told.missed]).toEqual([undefined, undefined]);
		expect(told.programs.filter((name) => WORKERS.includes(name))).toEqual([]);
		const ran = watchRun(scratch, configure);
		expect(ran.changed).toEqual(targets(told, scratch, [scratch.mountPoint]));
		expect(ran.programs).toEqual(expect.arrayContaining(["make", "conf"]));
	});

	it("names the link of --build-dir, too", async () => {
		const scratch = await mounted();
		mkdirSync(scratch.path("builds"));
		const words = [...configure, "--build-dir", scratch.path("builds/one")];
		const told = watchDryRun<Told>(scratch, words);
		const named = targets(told, scratch, [scratch.mountPoint]);
		expect(named.toSorted()).toEqual([scratch.path("builds/one"), scratch.build].toSorted());
		expect(watchRun(scratch, words).changed.toSorted()).toEqual(named.toSorted());
	});

	it("says that nothing is to be made anew, and the run makes nothing anew and runs no make", async () => {
		const scratch = await mounted();
		watchRun(scratch, configure);
		const told = watchDryRun<Told>(scratch, configure);
		expect(told).toMatchObject({ already: true, unchecked: [], plan: [expect.stringMatching(/^keep .*as the last/)] });
		const ran = watchRun(scratch, configure);
		expect(ran.changed).toEqual([]);
		expect(ran.programs.filter((name) => WORKERS.includes(name))).toEqual([]);
	});

	it("names a config that was edited as the base; the run begins with it and merges what was named", async () => {
		const scratch = await mounted();
		watchRun(scratch, configure);
		const own = join(scratch.build, ".config");
		const fragment = scratch.path("my.config");
		writeFileSync(
			own,
			readFileSync(own, "utf8").replace(/# CONFIG_MODULES is not set|CONFIG_MODULES=y/, "CONFIG_MODULES=y"),
		);
		writeFileSync(own, `${readFileSync(own, "utf8")}# edited\n`);
		writeFileSync(fragment, "CONFIG_SQUASHFS=y\n");
		const words = ["configure", smallRelease, "--fragment", fragment];
		const told = watchDryRun<Told>(scratch, words);
		expect(told.plan.join("\n")).toMatch(new RegExp(`begin with ${own}: .*\\nmerge ${fragment}\\n`));
		const before = outside(scratch);
		expect(watchRun(scratch, words).programs).toContain("conf");
		const changed = changes(before, outside(scratch));
		expect(changed.every((path) => path.startsWith(`${scratch.build}/`))).toBe(true);
		expect(changed).toContain(join(scratch.build, ".config.old"));
	});

	it.each<[string, (scratch: Scratch & { build: string }) => string[], string]>([
		["a base that is not there", () => ["--base", "/no/such/config"], "ERR_KSQUASH_NO_INPUT"],
		[
			"an own .config of another architecture",
			(scratch) => {
				watchRun(scratch, configure);
				const other = process.arch === "arm64" ? "CONFIG_X86=y\nCONFIG_X86_64=y\n" : "CONFIG_ARM64=y\nCONFIG_64BIT=y\n";
				writeFileSync(join(scratch.build, ".config"), other);
				return [];
			},
			"ERR_KSQUASH_KCONFIG",
		],
		[
			"a directory that holds something else",
			({ build }) => {
				mkdirSync(build);
				writeFileSync(join(build, "mine"), "");
				return ["--base", "defconfig"];
			},
			"ERR_KSQUASH_OCCUPIED",
		],
		[
			"a link that leads nowhere",
			({ build }) => {
				symlinkSync("gone", build);
				symlinkSync("gone", join(build, "..", "gone"));
				return ["--base", "defconfig"];
			},
			"ERR_KSQUASH_OCCUPIED",
		],
		[
			"a directory of another user's",
			({ build }) => {
				mkdirSync(build);
				chownSync(build, 65534, 65534);
				return ["--base", "defconfig"];
			},
			"ERR_KSQUASH_FOREIGN_OWNER",
		],
		[
			"a line that would be lost, with --strict",
			({ path }) => {
				writeFileSync(path("bad.config"), "CONFIG_SQUASHFS = y\n");
				return ["--base", "defconfig", "--strict", "--fragment", path("bad.config")];
			},
			"ERR_KSQUASH_CONFIG_FILE",
		],
	])("ends as the run does at %s", async (_, prepare, code) => {
		const scratch = await mounted();
		const words = ["configure", smallRelease, ...prepare(scratch)];
		expect(refusals(scratch, words)).toEqual([code, code]);
	});

	it("ends as the run does where nothing is wrong", async () => {
		expect(refusals(await mounted(), configure)).toEqual([undefined, undefined]);
	});
});
