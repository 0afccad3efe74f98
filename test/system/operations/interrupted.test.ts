/** What an interrupted run leaves is finished by the next one, also with fewer rights, and a person's things stay. */

import { execFileSync } from "node:child_process";
import {
	existsSync,
	lstatSync,
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
import { configure, install, pack, remove, status } from "../../../src/index.ts";
import { cliPath } from "../../support/cli.ts";
import { placeTarball, placeTree, scratchRoot, smallRelease } from "../../support/scratch.ts";

const base = "defconfig";
const name = `linux-${smallRelease}`;
const build = `build-${smallRelease}`;
const code = async (work: Promise<unknown>): Promise<string> =>
	await work.then(
		() => "done",
		(error: { code: string }) => error.code,
	);
const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;

/** The CLI without CAP_SYS_ADMIN, killed at the nth call of that name where one is given. */
function unprivileged(args: readonly string[], killAt?: { call: string; nth: number }, trace = "/dev/null"): void {
	const strace = killAt
		? [
				"strace",
				"-f",
				"-o",
				trace,
				"-e",
				`trace=${killAt.call}`,
				"-e",
				`inject=${killAt.call}:signal=KILL:when=${killAt.nth}`,
			]
		: [];
	const command = ["--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin", ...strace, process.execPath, cliPath];
	// strace counts the calls of each thread by itself.
	execFileSync("setpriv", [...command, ...args], { stdio: "pipe", env: { ...process.env, UV_THREADPOOL_SIZE: "1" } });
}

describe("without CAP_SYS_ADMIN", () => {
	for (const [what, kill] of [
		["before anything of it went", { call: "renameat2", nth: 4 }],
		["in the middle of its removal", { call: "unlinkat", nth: 9 }],
	] as const) {
		it(`a tree whose replacement broke off ${what} is compared through the image's stream, and goes`, async () => {
			const scratch = scratchRoot();
			const { root, src } = scratch;
			placeTree(scratch);
			const args = ["pack", smallRelease, "--replace-source", "--root", root];
			expect(() => unprivileged(args, kill, scratch.path("trace"))).toThrow();
			const [aside, rest] = [join(src, `.${name}.replaced`), join(src, `.${name}.rest`)];
			expect(readdirSync(src)).toContain(`${name}.sqfs`);
			expect([existsSync(aside), existsSync(rest)]).toContain(true);

			unprivileged(["pack", smallRelease, "--root", root]);
			expect([existsSync(aside), existsSync(rest)]).toEqual([false, false]);
			expect(readdirSync(join(src, name))).toEqual([]);
		});
	}

	it("a file of the rest that the image does not have keeps all of it", async () => {
		const scratch = scratchRoot();
		const { root, src } = scratch;
		placeTree(scratch);
		const args = ["pack", smallRelease, "--replace-source", "--root", root];
		expect(() => unprivileged(args, { call: "unlinkat", nth: 9 }, scratch.path("trace"))).toThrow();
		const rest = join(src, `.${name}.rest`);
		writeFileSync(join(rest, "mine"), "mine");
		const before = readdirSync(rest, { recursive: true }).length;
		unprivileged(["pack", smallRelease, "--root", root]);
		expect(readdirSync(rest, { recursive: true })).toHaveLength(before);
	});
});

describe("a build directory with two names", () => {
	it("is saved and removed once; a person's link to it stays, and is named", async () => {
		const scratch = scratchRoot();
		const { root, src } = scratch;
		await install(placeTarball(scratch), { root, base });
		symlinkSync(build, join(src, `${build}-mine`));
		const [row] = (await status({ root })).releases;
		expect(row?.buildDirs).toHaveLength(1);
		const { removed, stays, kept } = await remove(smallRelease, { root });
		expect(removed).toContain(join(src, build));
		expect(stays.join()).toContain(`${build}-mine: a link to what goes`);
		expect(readdirSync(kept as string)).toContain(".config");
		expect(readdirSync(src)).toEqual([`${build}-mine`]);
	});
});

describe("links of --build-dir", () => {
	const place = async (): Promise<{ root: string; src: string; elsewhere: string }> => {
		const scratch = scratchRoot();
		const { root, src } = scratch;
		const elsewhere = scratch.path("home/kernel");
		mkdirSync(scratch.path("home"));
		await pack(placeTarball(scratch), { root });
		await install(smallRelease, { root, base, buildDir: elsewhere, select: false });
		return { root, src, elsewhere };
	};
	const begun = `.${build}.removed`;

	it("go with what is behind them", async () => {
		const { root, src, elsewhere } = await place();
		const { removed } = await remove(smallRelease, { root });
		expect(removed).toEqual(expect.arrayContaining([elsewhere, join(src, build)]));
		expect([readdirSync(src), existsSync(elsewhere)]).toEqual([[], false]);
	});

	it("go when an earlier run had begun: to a directory of ours, to a person's files, to nothing", async () => {
		for (const left of ["ours", "a person's", "nothing"]) {
			const { root, src, elsewhere } = await place();
			renameSync(join(src, build), join(src, begun));
			if (left !== "ours") rmSync(elsewhere, { recursive: true });
			if (left === "a person's") mkdirSync(elsewhere);
			if (left === "a person's") writeFileSync(join(elsewhere, "mine"), "mine");
			const { kept } = await remove(smallRelease, { root });
			expect(readdirSync(src)).toEqual([]);
			expect(existsSync(elsewhere)).toBe(left === "a person's");
			expect(kept !== undefined).toBe(left === "ours");
		}
	});

	it("stay, and are named, when they lead nowhere and no removal had begun", async () => {
		const { root, src, elsewhere } = await place();
		rmSync(elsewhere, { recursive: true });
		const { stays } = await remove(smallRelease, { root });
		expect(stays.join()).toContain(`${build}: it is a link to`);
		expect(readdirSync(src)).toEqual([build]);
	});
});

describe("an empty directory by a variant's name", () => {
	it("goes with its release, and not with one whose name is shorter", async () => {
		const scratch = scratchRoot();
		const { root, src } = scratch;
		await install(placeTarball(scratch), { root, base });
		mkdirSync(join(src, `${build}-arm64`));
		mkdirSync(join(src, `${build}x`));
		mkdirSync(join(src, `${build}-r1`));
		await pack(placeTree(scratch, "t/other"), { root, release: `${smallRelease}-r1` });
		await remove(smallRelease, { root });
		const left = readdirSync(src).filter((file) => file.startsWith("build-"));
		expect(left.toSorted()).toEqual([`${build}-r1`, `${build}x`]);
	});
});

describe("a tree that was set aside, and no image of it", () => {
	it("is back in its place after remove, which says so", async () => {
		const scratch = scratchRoot();
		const { root, src } = scratch;
		renameSync(placeTree(scratch), join(src, `.${name}.replaced`));
		const { plan } = await remove(smallRelease, { root, dryRun: true });
		expect(plan?.join("\n")).toContain("back to");
		const { stays, removed } = await remove(smallRelease, { root });
		expect([stays.join(), removed]).toEqual([expect.stringContaining("it is a whole tree"), []]);
		expect(isThere(join(src, name, "Makefile"))).toBe(true);
	});

	it("and the rest of one is refused by a dry run as by the run", async () => {
		const scratch = scratchRoot();
		const { root, src } = scratch;
		renameSync(placeTree(scratch), join(src, `.${name}.rest`));
		mkdirSync(join(src, name));
		for (const dryRun of [true, false]) {
			expect(await code(pack(smallRelease, { root, dryRun }))).toBe("ERR_KSQUASH_OCCUPIED");
		}
	});
});

describe("names of variants", () => {
	it("are checked wherever they are given", async () => {
		const scratch = scratchRoot();
		const { root } = scratch;
		await install(placeTarball(scratch), { root, base });
		const { select } = await import("../../../src/index.ts");
		expect(await code(select(smallRelease, { root, variant: "../x" }))).toBe("ERR_KSQUASH_RELEASE_NAME");
		expect(await code(configure(smallRelease, { root, variant: "../x", base }))).toBe("ERR_KSQUASH_RELEASE_NAME");
		expect(readFileSync(join(scratch.src, build, ".config"), "utf8")).toContain("CONFIG_");
	});
});
