/** What a refusal says: which help to read, and never a character that a terminal would take for a command. */

import { writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { cli } from "../../support/cli.ts";
import { scratchRoot } from "../../support/scratch.ts";

describe("what a terminal could take for a command", () => {
	it("is shown, and not sent: names of files, lines of a fragment, words of the command line", async () => {
		const scratch = scratchRoot();
		const typed = async (...args: string[]) => await cli([...args, "--root", scratch.root], { cwd: scratch.root });
		const evil = "a\u001b]0;title\u0007\nb\u202ec";
		const shown = "a\\u001b]0;title\\u0007\\nb\\u202ec";
		writeFileSync(scratch.path(evil), "");
		writeFileSync(scratch.path("lines"), `\ufeffCONFIG_A=y\n\u001b[2JCONFIG_B=y\nCONFIG_C=y\n`);
		const results = [
			await typed("pack", evil),
			await typed("config", "diff", evil, `${evil}x`),
			await typed("config", evil),
			await typed("config", "show", "C", "--from", "lines"),
		];
		expect(results.map(({ status }) => status)).toEqual([65, 2, 64, 0]);
		for (const { stderr } of results) expect(stderr).toMatch(/^[\n -~→“”]*$/);
		for (const { stderr } of results.slice(0, 2)) expect(stderr).toContain(shown);
		expect(results[3]?.stderr).toContain('lines:1:1: lost: a byte order mark starts the line: "\\ufeffCONFIG_A=y"');
	});
});

it.each([
	[["config", "diff", "a"], "ksquash: Expected argument for to\n  → see ksquash config diff --help\n"],
	[["select"], "ksquash: Expected argument for release\n  → see ksquash select --help\n"],
	[["config", "wrong"], /^ksquash: No command registered for `wrong`.*\n {2}→ see ksquash config --help\n$/],
	[["wrong"], /^ksquash: No command registered for `wrong`.*\n {2}→ see ksquash --help\n$/],
	[["status", "--", "x"], /^ksquash: only pack and install take .*\n {2}→ leave the -- out/],
])("%j says which help to read", async (args, expected) => {
	const { status, stdout, stderr } = await cli(args);
	expect([status, stdout, stderr]).toEqual([64, "", expect.stringMatching(expected)]);
});
