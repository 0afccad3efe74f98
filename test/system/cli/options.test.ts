/** Flags that a command does not have: each is refused with what would be right, and nothing is done. */

import { readdirSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { main } from "../../../src/cli/app.ts";
import { commandVerbs, verbs } from "../../../src/options/verbs.ts";
import { flagNames } from "../../../src/options/words.ts";
import { cli } from "../../support/cli.ts";
import { placeTree, scratchRoot } from "../../support/scratch.ts";

const commands = commandVerbs.filter((verb) => !verbs[verb].command.includes("--"));
const every = [...new Set(commands.flatMap(flagNames))];

/** In this process: a thousand processes would take minutes. */
async function typed(words: readonly string[]): Promise<{ status: number; stderr: string; stdout: string }> {
	const said = { stdout: "", stderr: "" };
	const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
	const before = signals.map((name) => process.listeners(name));
	for (const name of ["stdout", "stderr"] as const) {
		vi.spyOn(process[name], "write").mockImplementation((text) => {
			said[name] += String(text);
			return true;
		});
	}
	try {
		return { status: await main(words), ...said };
	} finally {
		vi.restoreAllMocks();
		process.exitCode = undefined;
		for (const [at, name] of signals.entries()) {
			for (const one of process.listeners(name)) if (!before[at]?.includes(one)) process.off(name, one);
		}
	}
}

describe.each(commands)("%s", (verb) => {
	const { command } = verbs[verb];
	const foreign = every.filter((flag) => !flagNames(verb).includes(flag));

	it("refuses the flags of every other command, says whose they are, and changes nothing", async () => {
		const { root } = scratchRoot();
		const before = readdirSync(root, { recursive: true });
		expect(foreign.length).toBeGreaterThan(10);
		for (const flag of foreign) {
			const { status, stderr } = await typed([...command.split(" "), `--${flag}`, "x", "--root", root]);
			expect([flag, status]).toEqual([flag, 64]);
			expect(stderr).toMatch(
				new RegExp(`^ksquash: unknown option --${flag}; (?:did you mean|it is an option of ksquash )`),
			);
			expect(stderr).toContain(`→ see ksquash ${command} --help`);
		}
		expect(readdirSync(root, { recursive: true })).toEqual(before);
	});

	it("refuses a misspelt flag, with the nearest name", async () => {
		const { root } = scratchRoot();
		for (const flag of flagNames(verb)) {
			const { status, stderr } = await typed([...command.split(" "), `--${flag}x`, "--root", root]);
			expect([flag, status]).toEqual([flag, 64]);
			expect(stderr).toMatch(new RegExp(`^ksquash: unknown option --${flag}x; did you mean --[a-z0-9-]+\\?\n`));
		}
	});
});

it("a flag that nobody has, and a letter, are refused in one line, in JSON, too", async () => {
	expect((await typed(["mount", "--xyzzy"])).stderr).toBe(
		"ksquash: unknown option --xyzzy\n  → see ksquash mount --help\n",
	);
	expect((await typed(["mount", "-V"])).stderr).toBe("ksquash: unknown option -V\n  → see ksquash mount --help\n");
	const { status, stdout } = await typed(["pack", "x", "--lazy", "--json"]);
	expect(status).toBe(64);
	expect(JSON.parse(stdout)).toMatchObject({
		error: { code: "ERR_KSQUASH_USAGE", message: "unknown option --lazy; it is an option of ksquash umount" },
	});
});

it("--yes and -y are taken where something is removed, and change nothing of it", async () => {
	const scratch = scratchRoot();
	const tree = placeTree(scratch);
	const { root } = scratch;
	const packed = await cli(["pack", tree, "--root", root, "--release", "6.1.5", "--keep-source"]);
	expect(packed.status).toBe(0);
	const planned = await cli(["remove", "6.1.5", "--yes", "--dry-run", "--root", root]);
	expect([planned.status, readdirSync(scratch.src).includes("linux-6.1.5.sqfs")]).toEqual([0, true]);
	const removed = await cli(["remove", "-y", "6.1.5", "--root", root]);
	expect([removed.status, readdirSync(scratch.src).includes("linux-6.1.5.sqfs")]).toEqual([0, false]);
	expect((await cli(["mount", "-y", "6.1.5", "--root", root])).status).toBe(64);
});
