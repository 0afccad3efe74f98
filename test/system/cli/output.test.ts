/** What becomes of output that cannot be written: a full disk is an error, a reader that went away is none. */

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { expect, it, onTestFinished } from "vitest";
import { cliPath } from "../../support/cli.ts";
import { scratchRoot } from "../../support/scratch.ts";

/** A config larger than the file system that its copy goes to. */
function place(): { config: string; full: string; text: string } {
	const { path } = scratchRoot();
	const [config, full] = [path("big.config"), path("full")];
	const text = Array.from({ length: 9000 }, (_, i) => `CONFIG_S${i}=y\n`).join("");
	writeFileSync(config, text);
	mkdirSync(full);
	execFileSync("mount", ["-t", "tmpfs", "-o", "size=32k", "none", full]);
	onTestFinished(() => void execFileSync("umount", [full]));
	return { config, full, text };
}

function redirected(to: string, ...args: string[]): { status: number | null; stderr: string } {
	const words = ["-c", 'to=$1; shift; exec "$@" >"$to"', "sh", to, process.execPath, cliPath, ...args];
	return spawnSync("sh", words, { encoding: "utf8" });
}

it("a disk that fills up under the output is an error: half a config never passes for a whole one", () => {
	const { config, full, text } = place();
	for (const args of [
		["config", "show", "--from", config],
		["config", "merge", config, "--set", "A=y"],
		["config", "diff", "--as-fragment", "/dev/null", config],
		["config", "show", "--from", config, "--json"],
	]) {
		const { status, stderr } = redirected(`${full}/out`, ...args);
		expect([args, status, stderr]).toEqual([
			args,
			73,
			expect.stringMatching(/cannot write the output: ENOSPC[\s\S]*→/),
		]);
		expect(statSync(`${full}/out`).size).toBeLessThan(text.length);
	}
	expect(redirected(`${full}/../out`, "config", "show", "--from", config)).toMatchObject({ status: 0, stderr: "" });
	expect(readFileSync(`${full}/../out`, "utf8")).toBe(text);
});

it.each([["--version"], ["--help"], ["status", "--root", "/"], ["completion", "bash"]])(
	"%s to a full device: 73, and no stack trace",
	(...args) => {
		const { status, stderr } = redirected("/dev/full", ...args);
		expect([status, stderr]).toEqual([
			73,
			expect.stringMatching(/^ksquash: cannot write the output: ENOSPC[^\n]*\n {2}→ [^\n]*\n$/),
		]);
	},
);
