/** Planted code: what another user can write is never run, and looking into a build directory changes nothing. */

import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hashes, listing } from "../support/content.ts";
import { placeTarball, type Scratch, scratchRoot, smallRelease } from "../support/scratch.ts";
import { expectRefusal, ksquash } from "./support.ts";

const build = `build-${smallRelease}`;
const nobody = Number(execFileSync("id", ["-u", "nobody"], { encoding: "utf8" }));

async function installed(scratch: Scratch): Promise<string> {
	const tarball = placeTarball(scratch);
	const ran = await ksquash(["install", tarball, "--base", "defconfig", "--root", scratch.root]);
	expect(ran, ran.stderr).toMatchObject({ status: 0 });
	return join(scratch.src, build);
}

describe("a build directory that another user owns or can write", () => {
	const plants: [string, (mark: string) => string][] = [
		["scripts/kconfig/conf", (mark) => `#!/bin/sh\ntouch ${mark}\n`],
		["scripts/kconfig/.conf.cmd", (mark) => `x := $(shell touch ${mark})\n`],
		["GNUmakefile", (mark) => `$(shell touch ${mark})\nall:\n`],
		["Makefile", (mark) => `$(shell touch ${mark})\nall:\n`],
		["include/config/auto.conf.cmd", (mark) => `$(shell touch ${mark})\n`],
		[".config", (mark) => `CONFIG_LOCALVERSION="$(shell touch ${mark})"\n`],
	];
	const ways: [string, (file: string, at: string) => void][] = [
		["is nobody's file", (file) => chownSync(file, nobody, nobody)],
		["is a file that all may write", (file) => chmodSync(file, 0o777)],
		["lies in nobody's directory", (_, at) => execFileSync("chown", ["-R", "nobody", at])],
	];
	const cases = plants.flatMap(([file, text]) => ways.map(([how, give]) => ({ file, how, text, give })));
	it("is refused with 77 whatever is planted, and nothing of it is run", { timeout: 60_000 }, async () => {
		const scratch = scratchRoot();
		const at = await installed(scratch);
		execFileSync("cp", ["-a", at, scratch.path("saved")]);
		const mark = scratch.path("mark");
		for (const { file, how, text, give } of cases) {
			rmSync(at, { recursive: true });
			execFileSync("cp", ["-a", scratch.path("saved"), at]);
			mkdirSync(join(at, file, ".."), { recursive: true });
			rmSync(join(at, file), { force: true });
			writeFileSync(join(at, file), text(mark), { mode: 0o755 });
			give(join(at, file), at);
			const fragment = scratch.path("x.config");
			writeFileSync(fragment, 'CONFIG_LOCALVERSION="-x"\n');
			const ran = await ksquash(["configure", smallRelease, "--fragment", fragment, "--root", scratch.root]);
			expect(existsSync(mark), `${file} ${how}: it was run`).toBe(false);
			expectRefusal(ran, 77);
		}
	});

	it("root never becomes the owner that it finds: a directory of nobody's in the usual place is refused", async () => {
		const own = scratchRoot();
		const at = join(own.src, build);
		mkdirSync(at);
		chownSync(at, nobody, nobody);
		const ran = await ksquash(["install", placeTarball(own), "--base", "defconfig", "--root", own.root]);
		expectRefusal(ran, 77, at);
	});
});

describe("make that only looks", () => {
	it.each([["-n"], ["-npq"]])(
		"make %s in a build directory whose source is not mounted changes nothing",
		async (flags) => {
			const own = scratchRoot();
			const at = await installed(own);
			execFileSync("umount", [join(own.src, `linux-${smallRelease}`)]);
			const before = [listing(own.root), hashes(own.root)];
			const ran = spawnSync("make", [flags, "-C", at], { encoding: "utf8" });
			expect(ran.status).not.toBe(null);
			expect([listing(own.root), hashes(own.root)]).toEqual(before);
			expect(ran.stdout + ran.stderr).not.toMatch(/mrproper|syncconfig/);
		},
	);
});
