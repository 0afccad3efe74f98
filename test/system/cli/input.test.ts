/** Odd input, as a stranger types it: each is refused at once with what, where, why and what to do; nothing is left. */

import { execFileSync } from "node:child_process";
import { readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { configure } from "../../../src/index.ts";
import { type CliResult, cli } from "../../support/cli.ts";
import { placeTarball, placeTree, type Scratch, scratchRoot, smallRelease } from "../../support/scratch.ts";

async function typed(scratch: Scratch, ...args: string[]): Promise<CliResult> {
	return await cli([...args, "--root", scratch.root], { cwd: scratch.root, patienceMs: 20_000 });
}

/** A root with what is no config, no tarball and no patch. */
function odd(): Scratch {
	const scratch = scratchRoot();
	writeFileSync(scratch.path("file"), "CONFIG_A=y\n");
	symlinkSync("loop", scratch.path("loop"));
	execFileSync("mkfifo", [scratch.path("fifo")]);
	placeTarball(scratch);
	return scratch;
}

describe("what was named to be read", () => {
	it.each([
		["a link that leads round", "loop", /ELOOP/],
		["a path through a file", "file/x", /ENOTDIR/],
		["a directory", "usr", /EISDIR/],
	])("%s is not there: 66", async (_, name, why) => {
		const scratch = odd();
		for (const args of [
			["config", "show", "--from", name],
			["config", "merge", "file", name],
			["pack", "linux.tar.xz", "--patch", name],
		]) {
			const { status, stderr } = await typed(scratch, ...args);
			expect([args, status, stderr]).toEqual([args, 66, expect.stringMatching(why)]);
			expect(stderr).toContain(name);
			expect(stderr).toMatch(/^ {2}→ check the path$/m);
		}
		expect(readdirSync(scratch.src)).toEqual([]);
	});

	it("a FIFO that nobody writes to stops nobody", { timeout: 30_000 }, async () => {
		const scratch = odd();
		for (const [args, expected] of [
			[["pack", "fifo"], "no regular file"],
			[["pack", "linux.tar.xz", "--patch", "fifo"], "no unified diff"],
			[["config", "show", "--from", "fifo"], "nothing came out of this pipe"],
		] as const) {
			const { status, stderr } = await typed(scratch, ...args);
			expect([args, status, stderr]).toEqual([args, 65, expect.stringContaining(expected)]);
		}
		expect(readdirSync(scratch.src)).toEqual([]);
	});

	it("a root that is a file, and build:REL that is no name", async () => {
		const scratch = odd();
		const file = await cli(["status", "--root", scratch.path("file")]);
		expect([file.status, file.stderr]).toEqual([66, expect.stringContaining("is no directory")]);
		const up = await typed(scratch, "config", "show", "--from", "build:../..");
		expect([up.status, up.stderr]).toEqual([64, expect.stringContaining('"../.." is no name')]);
	});
});

describe("of a configured release", () => {
	let scratch: Scratch;
	const ready = async (): Promise<void> => {
		scratch = odd();
		placeTree(scratch);
		writeFileSync(scratch.path("base"), "# CONFIG_BLOCK is not set\n");
		await configure(smallRelease, { root: scratch.root, base: scratch.path("base"), variant: "two", arch: "x86" });
	};

	it("explain's command works as it stands: with variant, architecture and root", async () => {
		await ready();
		const of = `${smallRelease}-two`;
		const { stdout } = await typed(scratch, "config", "explain", "SQUASHFS", "--release", of);
		const line = stdout.split("\n").find((text) => text.startsWith("  ksquash configure")) ?? "";
		expect(line).toContain(`configure ${smallRelease} --variant two --arch x86 --set BLOCK=y`);
		expect(line).toContain(`--root ${scratch.root}`);
		const again = await cli(line.trim().split(" ").slice(1));
		expect([again.status, again.stderr]).toEqual([0, expect.any(String)]);
		expect((await typed(scratch, "config", "show", "SQUASHFS", "--from", `build:${of}`)).stdout).toBe(
			"CONFIG_SQUASHFS=y\n",
		);
	});

	it("wrong words for make are refused before a directory is made; sources says that there is none", async () => {
		await ready();
		const before = readdirSync(scratch.src);
		for (const wrong of [
			["--arch", "../x"],
			["--cross", "a b-"],
			["--make", "x"],
			["--make", "O=/tmp"],
		]) {
			const { status } = await typed(scratch, "configure", smallRelease, "--variant", "three", ...wrong);
			expect([wrong, status]).toEqual([wrong, 64]);
		}
		expect(readdirSync(scratch.src)).toEqual(before);
		const { status, stderr } = await typed(scratch, "config", "sources", smallRelease);
		expect([status, stderr]).toEqual([
			0,
			expect.stringContaining(`no build directory ${scratch.src}/build-${smallRelease}:`),
		]);
	});
});
