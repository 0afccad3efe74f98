/** npm run reliability: it judges as it should, and its page has every fault. */

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { kernelSlice, kernelTarball, mustWork } from "../support/kernel.ts";
import { scratchRoot } from "../support/scratch.ts";
import { has } from "./support.ts";

const top = join(import.meta.dirname, "../..");
const command = join(top, "bench/reliability.mjs");
const tarball = kernelTarball();

/** One of each kind: a tool that lies, a mount that is not asked for, lines that get lost. */
const some = "a file in the image is another|the mount point has files|byte order mark";

function reliability(...words: string[]): { status: number | null; stdout: string } {
	const namespaces = ["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"];
	const linux = ["--linux", kernelSlice(tarball ?? "")];
	const ran = spawnSync("unshare", [...namespaces, process.execPath, command, ...linux, "--only", some, ...words], {
		encoding: "utf8",
		stdio: ["ignore", "pipe", "inherit"],
	});
	return { status: ran.status, stdout: ran.stdout };
}

describe.skipIf((tarball === undefined && !mustWork) || !has("unsquashfs") || !has("strace"))("reliability", () => {
	it("finds what was planted, and that the peers lose and ksquash does not", () => {
		const { status, stdout } = reliability();
		expect(stdout).toMatch(/^9 planted faults, all found$/m);
		expect(stdout).toMatch(/^3 faults, we: 0 losses, 0 leaks, 0 hangs, 0 silent .*; they: 3 losses, 0 leaks/m);
		expect(status).toBe(0);
	});

	it("fails when ksquash loses something", () => {
		const scratch = scratchRoot();
		const cli = scratch.path("cli.mjs");
		writeFileSync(
			cli,
			'import { rmSync } from "node:fs";\nrmSync(process.argv[3], { recursive: true, force: true });\n',
		);
		const { status, stdout } = reliability("--cli", cli);
		expect(stdout).toMatch(/^ {2}we: {3}0; \*\*lost\*\*: .* of \d+ entries$/m);
		expect(stdout).toMatch(/^3 faults, we: [1-3] loss/m);
		expect(status).toBe(1);
	});
});

it("docs/reliability.md has every fault, in its order, and both sides of each", () => {
	const listed = spawnSync(process.execPath, [command, "--list"], { encoding: "utf8" }).stdout.trim().split("\n");
	expect(listed.length).toBeGreaterThan(40);
	const rows = readFileSync(join(top, "docs/reliability.md"), "utf8").match(/^\| .* \|$/gm) ?? [];
	const cells = rows
		.map((row) => row.slice(2, -2).split(" | "))
		.filter(([first]) => !/^(?:fault|---)$/.test(first ?? ""));
	expect(cells.map(([fault]) => fault)).toEqual(listed);
	expect(cells.filter((row) => row.length !== 3 || row.some((cell) => cell.trim() === ""))).toEqual([]);
});
