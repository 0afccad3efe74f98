/** What each line of a .config means: the table of the kernel's conf, as far as the text alone decides it. */

import { describe, expect, test } from "vitest";
import { type Config, formatConfig, parseConfig, symbolValue } from "../../../src/kconfig/config.ts";
import { quote, unquote } from "../../../src/kconfig/value.ts";

const read = (text: string): Config => parseConfig(Buffer.from(text, "latin1"), "a.config");

describe("one line", () => {
	// line, value of X (undefined: the line sets nothing), kind of the finding, its column
	const table: [string, string | undefined, ("lost" | "odd")?, number?][] = [
		["CONFIG_X=y", "y"],
		["CONFIG_X=m", "m"],
		["CONFIG_X=n", "n"],
		["CONFIG_X=15", "15"],
		["CONFIG_X=-5", "-5"],
		["CONFIG_X=0x1F", "0x1f"],
		["CONFIG_X=0x00ff", "0xff"],
		['CONFIG_X="a b"', '"a b'],
		['CONFIG_X=""', '"'],
		["# CONFIG_X is not set", "n"],
		["# a comment about CONFIG_X=y", undefined],
		["# CONFIG_X=y", undefined],
		["# see # CONFIG_X is not set", undefined],
		["", undefined],
		["CONFIG_X=y # why", "y", "odd", 11],
		["CONFIG_X=yes", "y", "odd", 11],
		["CONFIG_X=Y", undefined, "lost", 10],
		['CONFIG_X="y"', '"y', "odd", 10],
		["# CONFIG_X is not set for now", "n", "odd", 22],
		["#CONFIG_X is not set", undefined, "lost", 2],
		["#  CONFIG_X is not set", undefined, "lost", 2],
		["#\tCONFIG_X is not set", "n", "odd", 2],
		["CONFIG_X=15 # c", undefined, "lost", 10],
		["CONFIG_X=", undefined, "lost", 10],
		["CONFIG_X=abc", "0xabc", "odd", 10],
		["CONFIG_X=hello", undefined, "lost", 10],
		['CONFIG_X="abc', undefined, "lost", 14],
		['CONFIG_X="a\\"b\\\\c"', '"a"b\\c'],
		['CONFIG_X="abc" junk', '"abc', "odd", 15],
		["  CONFIG_X=y", undefined, "lost", 1],
		["export CONFIG_X=y", undefined, "lost", 1],
		["\u00ef\u00bb\u00bfCONFIG_X=y", undefined, "lost", 1],
		["CONFIG_X = 15", undefined, "lost", 9],
		["CONFIG_X= 15", undefined, "lost", 10],
		["CONFIG_X", undefined, "lost", 9],
		["CONFIG_=y", undefined, "lost", 8],
		["CONFIG_A-B=y", undefined, "lost", 8],
		["CONFIG_X=\0y", undefined, "lost"],
		["CONFIG_X=y\0z", "y", "odd", 11],
		["ONFIG_X=y", undefined, "lost", 1],
		['CONFIG_X="$(shell id)"', '"$(shell id)', "odd", 11],
	];
	test.each(table)("%j", (line, value, kind, column) => {
		const config = read(`CONFIG_BEFORE=y\n${line}\n`);
		expect(config.symbols.get("X")?.value).toBe(value);
		expect([...new Set(config.findings.map((finding) => finding.kind))]).toEqual(kind === undefined ? [] : [kind]);
		if (kind === undefined) return;
		expect(config.findings[0]).toMatchObject({ kind, line: 2, file: "a.config" });
		if (column !== undefined) expect(config.findings[0]?.column).toBe(column);
	});
});

test("a clean config has no findings", () => {
	expect(
		read('#\n# Linux/x86 6.1.0 Kernel Configuration\n#\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C="x"\n').findings,
	).toEqual([]);
});

test("names may begin with a digit and hold small letters", () => {
	const config = read("CONFIG_FONT_8x16=y\nCONFIG_64BIT=y\n# CONFIG_8139TOO is not set\n");
	expect([...config.symbols.keys()]).toEqual(["FONT_8x16", "64BIT", "8139TOO"]);
});

test("one symbol's name inside another's, or inside a string, is not that symbol", () => {
	const config = read(
		'CONFIG_FOO_BAR=y\nCONFIG_CMDLINE="CONFIG_FOO=y # CONFIG_FOO is not set"\n# see CONFIG_FOO is not set\n',
	);
	expect(config.symbols.has("FOO")).toBe(false);
});

test("CRLF is tolerated and reported once, with the count", () => {
	const config = read("CONFIG_A=15\r\n# CONFIG_B is not set\r\nCONFIG_C=y\r\n");
	expect([symbolValue(config, "A"), symbolValue(config, "B"), symbolValue(config, "C")]).toEqual(["15", "n", "y"]);
	expect(config.findings).toHaveLength(1);
	expect(config.findings[0]).toMatchObject({ kind: "odd", line: 1, reason: expect.stringContaining("3 lines") });
});

test("every byte survives: invalid UTF-8, NUL, no final newline", () => {
	const bytes = Buffer.from([0x43, 0x4f, 0xff, 0xfe, 0x0a, 0x00, 0x0d, 0x0a, 0xc3, 0x28, 0x80]);
	expect(Buffer.from(formatConfig(parseConfig(bytes, "x").lines))).toEqual(bytes);
	const all = Buffer.from(Array.from({ length: 512 }, (_, at) => at % 256));
	expect(Buffer.from(formatConfig(parseConfig(all, "x").lines))).toEqual(all);
});

test("a view into a larger buffer is read from its own start", () => {
	const whole = Buffer.from("junkCONFIG_A=y\njunk");
	expect([...parseConfig(whole.subarray(4, 15), "x").symbols.keys()]).toEqual(["A"]);
});

test("the last assignment counts, and both places are reported", () => {
	const config = read("CONFIG_A=y\nCONFIG_B=y\n# CONFIG_A is not set\n");
	expect(symbolValue(config, "A")).toBe("n");
	expect(config.duplicates).toMatchObject([
		{ symbol: "A", first: { line: 1, raw: "y" }, again: { line: 3, raw: "n" } },
	]);
});

test("a lost line takes nothing away from the line that counts", () => {
	expect(symbolValue(read("CONFIG_A=m\nCONFIG_A=Y\nCONFIG_A\n"), "A")).toBe("m");
});

test("absent equals n", () => {
	expect(symbolValue(read(""), "A")).toBe("n");
});

test("strings are quoted and unquoted without loss", () => {
	for (const text of ["", "a", 'say "hi"', "back\\slash", "a\\", "& | ; $x"]) expect(unquote(quote(text))).toBe(text);
	expect(unquote("y")).toBeUndefined();
});
