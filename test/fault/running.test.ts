/** The running kernel's own release, in the real root: /usr/src and /var/lib are scratch directories in a namespace of ours. */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { release as running } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cliPath } from "../support/cli.ts";
import { placeTarball, type Scratch, scratchRoot, smallRelease } from "../support/scratch.ts";
import { expectRefusal, ksquash } from "./support.ts";

/** Runs ksquash where "/" has the scratch root's /usr/src and /var/lib. */
function inRoot(scratch: Scratch): readonly string[] {
	for (const path of ["usr/src", "var/lib"]) mkdirSync(scratch.path(path), { recursive: true });
	const binds = ["usr/src", "var/lib"].map((path) => `mount --bind "${scratch.path(path)}" "/${path}"`);
	const script = `${binds.join(" && ")} && exec "$@"`;
	return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"];
}

describe("the running kernel's release", () => {
	it("is removed with --force only, known by its name", async () => {
		const scratch = scratchRoot();
		const prefix = inRoot(scratch);
		const packed = await ksquash(["pack", placeTarball(scratch), "--release", running()], { prefix });
		expect(packed, packed.stderr).toMatchObject({ status: 0 });
		for (const dry of [[], ["--dry-run"]]) {
			expectRefusal(await ksquash(["remove", running(), ...dry], { prefix }), 77, running(), "--force");
		}
		expect(existsSync(join(scratch.src, `linux-${running()}.sqfs`))).toBe(true);
		expect(await ksquash(["remove", running(), "--force"], { prefix })).toMatchObject({ status: 0 });
		expect(readdirSync(scratch.src)).toEqual([]);
	});

	it("is known by what was built, too: LOCALVERSION gives it another name", async () => {
		const scratch = scratchRoot();
		const prefix = inRoot(scratch);
		const tarball = placeTarball(scratch);
		const script = `${process.execPath} "$0" install "$1" --base defconfig && ${process.execPath} "$0" umount ${smallRelease}`;
		const [program = "", ...rest] = [...prefix, "sh", "-c", script, cliPath, tarball];
		execFileSync(program, rest, { stdio: "pipe" });
		const build = join(scratch.src, `build-${smallRelease}`);
		mkdirSync(join(build, "include/config"), { recursive: true });
		writeFileSync(join(build, "include/config/kernel.release"), `${running()}\n`);
		expectRefusal(await ksquash(["remove", smallRelease], { prefix }), 77, running(), build.replace(scratch.root, ""));
		expect(existsSync(join(build, ".config"))).toBe(true);
		const ran = await ksquash(["remove", smallRelease, "--force"], { prefix });
		expect(ran, ran.stderr).toMatchObject({ status: 0 });
		expect(readdirSync(scratch.src)).toEqual([]);
	});
});
