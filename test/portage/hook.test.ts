/** The hook in Portage's phases: every scenario of scenarios.sh, driven as the real Portage was seen to drive it. */

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cliPath } from "../support/cli.ts";

const here = import.meta.dirname;

/** The lines that say ok or not, and all that was printed. */
function play(scenario: string): { good: string[]; bad: string[]; text: string } {
	const inside = ["--mount", "--propagation", "private", "sh", join(here, "system.sh"), cliPath, "bash"];
	const { stdout, stderr } = spawnSync("unshare", [...inside, join(here, "scenarios.sh"), join(here, "driver.sh")], {
		env: { PATH: process.env.PATH, SCENARIOS: scenario },
		encoding: "utf8",
		maxBuffer: 1 << 26,
	});
	const text = stdout + stderr;
	const lines = text.split("\n");
	return { good: lines.filter((line) => /^ok /.test(line)), bad: lines.filter((line) => /^not ok /.test(line)), text };
}

describe("the hook", () => {
	it.each([
		["life", 16],
		["neighbours", 7],
		["links", 5],
		["broken", 8],
		["others", 7],
		["elsewhere", 5],
		["conventions", 6],
		["binaries", 15],
		["masked", 5],
		["twice", 3],
		["unable", 13],
		["linked", 8],
		["signals", 35],
		["full", 14],
		["bystanders", 67],
		["in_place", 6],
	])("%s: %i things are as they should be", (scenario, count) => {
		const { good, bad, text } = play(scenario);
		expect(bad, text).toEqual([]);
		expect(good, text).toHaveLength(count);
	});

	it("is driven here as by the real Portage", () => {
		const records = (text: string): string[] =>
			text
				.split("\n")
				.filter((line) => line.startsWith("record: "))
				.map((line) => line.slice("record: ".length));
		const real = readFileSync(join(here, "recorded/portage-3.0.82.txt"), "utf8").trim().split("\n");
		expect(records(play("record").text)).toEqual(real);
	});

	it("defines functions only, and says nothing when it is read", () => {
		const hook = join(here, "../../share/gentoo/ksquash.bash");
		const script = 'compgen -v | sort >&3; source "$1"; compgen -v | sort >&4';
		const { stdout, stderr, output } = spawnSync("bash", ["-c", script, "bash", hook], {
			stdio: ["ignore", "pipe", "pipe", "pipe", "pipe"],
			encoding: "utf8",
		});
		expect([stdout, stderr]).toEqual(["", ""]);
		const [before, after] = output.slice(3).map((text) => new Set(text?.split("\n")));
		expect(
			[...(after ?? [])].filter((name) => !before?.has(name) && !["BASH_REMATCH", "PIPESTATUS"].includes(name)),
		).toEqual([]);
	});
});
