/** docs/commands.md and the man pages say what the CLI's own help says, docs/library.md what the declarations say. */

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { which } from "../../../src/process/run.ts";
import { mustWork } from "../../support/kernel.ts";

const top = join(import.meta.dirname, "../../..");

it("are what scripts/pages.mjs and library-page.mjs write now", () => {
	const to = mkdtempSync(join(tmpdir(), "ksquash-pages-"));
	try {
		execFileSync(process.execPath, [join(top, "scripts/pages.mjs"), to]);
		execFileSync(process.execPath, [join(top, "scripts/library-page.mjs"), to]);
		for (const name of ["docs/commands.md", "docs/library.md", "share/man/ksquash.8"]) {
			expect(readFileSync(join(top, name), "utf8"), name).toBe(readFileSync(join(to, name), "utf8"));
		}
	} finally {
		rmSync(to, { recursive: true });
	}
});

it.each([
	["plots.mjs", "the benchmarks' results", ["pack.svg", "mounts.svg"]],
	["house.mjs", "the imports", ["house.svg"]],
])("scripts/%s draws from %s the pictures that are there", (script, _, names) => {
	const to = mkdtempSync(join(tmpdir(), "ksquash-pictures-"));
	try {
		execFileSync(process.execPath, [join(top, "scripts", script), to]);
		for (const name of names.map((one) => `docs/pictures/${one}`)) {
			expect(readFileSync(join(top, name), "utf8"), name).toBe(readFileSync(join(to, name), "utf8"));
		}
	} finally {
		rmSync(to, { recursive: true });
	}
});

it("ksquash.toml(5) has every setting and no other", () => {
	const page = readFileSync(join(top, "share/man/ksquash.toml.5"), "utf8");
	const settings = readFileSync(join(top, "src/settings.ts"), "utf8");
	const known = /const checks[^{]*\{\n([\s\S]*?)\n\};/.exec(settings)?.[1] ?? "";
	const keys = [...known.matchAll(/^\t(\w+): \[/gm)].map(([, key]) => key);
	expect(keys.length).toBeGreaterThan(5);
	expect([...page.matchAll(/^\.It Ic (\w+)$/gm)].map(([, key]) => key).sort()).toEqual(keys.sort());
});

const pages = readdirSync(join(top, "share/man"));
const there = which("mandoc") !== undefined;

it.skipIf(!there && !mustWork).each(pages)("%s passes mandoc -Tlint (skipped where there is no mandoc)", (page) => {
	const { stdout } = spawnSync("mandoc", ["-Tlint", "-Wwarning", join(top, "share/man", page)], { encoding: "utf8" });
	// What it says of other packages' pages is about this machine.
	expect(stdout.split("\n").filter((line) => line !== "" && !line.includes("mandoc.db"))).toEqual([]);
});
