/** --set and --localversion as fragments. */

import { expect, test } from "vitest";
import { parseConfig } from "../../../src/kconfig/config.ts";
import { findingLine, localVersionFragment, settingsFragment } from "../../../src/kconfig/set-option.ts";
import { unquote } from "../../../src/kconfig/value.ts";

const text = (settings: string[]): string =>
	settingsFragment(settings)
		.map((one) => one.text.toString())
		.join("");

test.each([
	["SMP=y", "CONFIG_SMP=y"],
	["CONFIG_SMP=m", "CONFIG_SMP=m"],
	["SMP=n", "# CONFIG_SMP is not set"],
	["NR_CPUS=64", "CONFIG_NR_CPUS=64"],
	["N=-5", "CONFIG_N=-5"],
	["HEX=0x1F", "CONFIG_HEX=0x1F"],
	["S=cafe", 'CONFIG_S="cafe"'],
	["S=yes", 'CONFIG_S="yes"'],
	["S=quiet splash", 'CONFIG_S="quiet splash"'],
	['S="as it is"', 'CONFIG_S="as it is"'],
	["S=", 'CONFIG_S=""'],
	["S=a=b", 'CONFIG_S="a=b"'],
])("%s → %s", (setting, line) => {
	expect(text([setting])).toBe(`${line}\n`);
	expect(parseConfig(text([setting]), "--set").findings).toEqual([]);
});

test("bug of scripts/config --set-str: & and \\ were corrupted", () => {
	for (const value of ["a & b", "back\\slash", "\\1 & \\2", 'say "hi"', "a/b|c;d $e"]) {
		const raw = parseConfig(text([`S=${value}`]), "--set").symbols.get("S")?.raw ?? "";
		expect(unquote(raw)).toBe(value);
	}
});

test("no settings are no fragment; one fragment of all, a line each", () => {
	expect(settingsFragment([])).toEqual([]);
	expect(text(["A=y", "B=n"])).toBe("CONFIG_A=y\n# CONFIG_B is not set\n");
});

test.each(["", "A", "=y", "A B=y", "A=y\nB=y", "A=\0", "-A=y"])("%j is refused", (setting) => {
	expect(() => settingsFragment([setting])).toThrow(expect.objectContaining({ code: "ERR_KSQUASH_USAGE" }));
});

test("LOCALVERSION is kept, dropped or set", () => {
	const rule = (word?: string): string =>
		localVersionFragment(word)
			.map((one) => one.text.toString())
			.join("");
	expect([rule(), rule("keep"), rule("drop"), rule("-mine.1")]).toEqual([
		"",
		"",
		'CONFIG_LOCALVERSION=""\n',
		'CONFIG_LOCALVERSION="-mine.1"\n',
	]);
	for (const bad of ["", "mine", "-a b", '-"', "-$(id)", `-${"a".repeat(64)}`]) {
		expect(() => localVersionFragment(bad)).toThrow("is no rule for LOCALVERSION");
	}
});

test("a finding's line is shown as the UTF-8 that it is, and what nobody can see is escaped", () => {
	const shown = (bytes: string): string => parseConfig(bytes, "f").findings.map(findingLine).join("\n");
	expect(shown("\ufeffCONFIG_B=y\n")).toMatch(/^f:1:1: lost: a byte order mark .*: "\\ufeffCONFIG_B=y"$/);
	expect(shown("CONFIG_B = grün\n")).toContain('"CONFIG_B = grün"');
});

test("a finding as a line: file, line, column, reason, and a long line cut", () => {
	const [finding] = parseConfig(`\nCONFIG_A = ${"x".repeat(100)}\n`, "my.config").findings;
	expect(String(finding && findingLine(finding))).toMatch(
		/^my\.config:2:9: lost: there is a blank before “=”: "CONFIG_A = x+…"$/,
	);
});
