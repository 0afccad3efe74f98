/** Merging, and each bug of merge_config.sh that concerns it, as a named test. */

import { describe, expect, test } from "vitest";
import { type MergeResult, type MergeRules, mergeConfigs } from "../../../src/kconfig/merge.ts";

const file = (name: string, text: string) => ({ name, text: Buffer.from(text, "latin1") });

function merge(base: string, fragments: string[], options?: MergeRules): MergeResult & { out: string } {
	const result = mergeConfigs(
		file("base", base),
		fragments.map((text, at) => file(`f${at + 1}`, text)),
		options,
	);
	return { ...result, out: Buffer.from(result.text).toString("latin1") };
}

test("without fragments the base comes out as it is", () => {
	for (const text of ["", "CONFIG_A=y", "CONFIG_A=y\n\n# c\n", "\u00ff\u00fe\0\r\n"])
		expect(merge(text, []).out).toBe(text);
});

test("old lines go, new ones are appended: the last =y of a choice stands last", () => {
	const { out } = merge("CONFIG_HZ_100=y\n# CONFIG_HZ_250 is not set\nCONFIG_Z=y\n", ["CONFIG_HZ_250=y\n"]);
	expect(out).toBe("CONFIG_HZ_100=y\nCONFIG_Z=y\n\nCONFIG_HZ_250=y\n");
});

test("all lines of a symbol go, from base and earlier fragments", () => {
	const { out } = merge("CONFIG_A=y\nCONFIG_A=m\n", ["# CONFIG_A is not set\n# kept\n", "CONFIG_A=y\n"]);
	expect(out).toBe("\n# kept\n\nCONFIG_A=y\n");
});

test("a base or fragment without a final newline does not glue lines together", () => {
	expect(merge("CONFIG_A=y", ["CONFIG_B=y", "CONFIG_C=y"]).out).toBe("CONFIG_A=y\nCONFIG_B=y\nCONFIG_C=y");
	expect(merge("CONFIG_A=y", ["CONFIG_A=m\n"]).out).toBe("\nCONFIG_A=m\n");
	expect(merge("CONFIG_A=y", ["CONFIG_B=y\n", "CONFIG_A=m\n"]).out).toBe("CONFIG_B=y\n\nCONFIG_A=m\n");
});

test("three reports, each with both places", () => {
	const { reports } = merge("CONFIG_A=y\nCONFIG_B=y\nCONFIG_C=y\nCONFIG_C=m\n", ["CONFIG_A=m\nCONFIG_B=y\n"]);
	const at = (f: string, line: number, raw: string) => ({ file: f, line, raw });
	expect(reports).toMatchObject([
		{ kind: "duplicate", symbol: "C", previous: at("base", 3, "y"), next: at("base", 4, "m") },
		{ kind: "redefinition", symbol: "A", previous: at("base", 1, "y"), next: at("f1", 1, "m") },
		{ kind: "redundant", symbol: "B", previous: at("base", 2, "y"), next: at("f1", 2, "y") },
	]);
});

test("a file with very many duplicates, as a careless script makes it, is merged like any other", () => {
	const lines = 400_000;
	const { out, reports } = merge("CONFIG_A=y\n", ["CONFIG_A=m\n".repeat(lines)]);
	expect([out.length, reports.length]).toEqual(["\n".length + lines * "CONFIG_A=m\n".length, lines]);
});

test("what is asked for: the last fragment counts, the base is not asked for", () => {
	const { asked } = merge("CONFIG_Z=y\n", ["CONFIG_A=y\n", "# CONFIG_A is not set\nCONFIG_B=0X0F\n"]);
	expect(asked).toEqual([
		{ symbol: "A", raw: "n", value: "n", file: "f2", line: 1 },
		{ symbol: "B", raw: "0X0F", value: "0xf", file: "f2", line: 2 },
	]);
});

test("findings of all files come along, with their file", () => {
	const { findings } = merge("CONFIG_A=Y\n", ["\nCONFIG_B = 1\n"]);
	expect(findings).toMatchObject([
		{ file: "base", line: 1, kind: "lost" },
		{ file: "f1", line: 2, kind: "lost" },
	]);
});

test("a result without MODULES names each m that will become y", () => {
	expect(merge("# CONFIG_MODULES is not set\nCONFIG_A=m\nCONFIG_B=y\n", ["CONFIG_C=m\n"]).promoted).toEqual(["A", "C"]);
	expect(merge("CONFIG_MODULES=y\nCONFIG_A=m\n", []).promoted).toEqual([]);
	expect(merge("CONFIG_MODULES=y\nCONFIG_A=m\n", ["CONFIG_MODULES=n\n"]).promoted).toEqual(["A"]);
});

describe("keepBuiltin", () => {
	const keep = { keepBuiltin: true };
	test("a y stays y where a fragment says m; it is not asked for, and said", () => {
		const { out, reports, asked } = merge("CONFIG_A=y\nCONFIG_B=n\n", ["CONFIG_A=m\nCONFIG_B=m\n"], keep);
		expect(out).toBe("CONFIG_A=y\n\nCONFIG_B=m\n");
		expect(reports.map(({ kind, symbol }) => [kind, symbol])).toEqual([
			["kept", "A"],
			["redefinition", "B"],
		]);
		expect(asked.map(({ symbol }) => symbol)).toEqual(["B"]);
	});
	test("bug: -y demoted y to m where the base or the fragment has the line twice", () => {
		expect(merge("CONFIG_A=y\nCONFIG_A=y\n", ["CONFIG_A=m\n"], keep).out).toBe("CONFIG_A=y\nCONFIG_A=y\n\n");
		expect(merge("CONFIG_A=y\n", ["CONFIG_A=m\nCONFIG_A=m\n"], keep).out).toBe("CONFIG_A=y\n\n");
	});
	test("n still wins over y, and y over m", () => {
		expect(merge("CONFIG_A=y\n", ["CONFIG_A=n\n"], keep).out).toBe("\nCONFIG_A=n\n");
		expect(merge("CONFIG_A=m\n", ["CONFIG_A=y\n"], keep).out).toBe("\nCONFIG_A=y\n");
	});
});

describe("bugs of merge_config.sh", () => {
	test("6.1: a string or comment that mentions the symbol was deleted", () => {
		const base =
			'# CONFIG_FOO= is explained here\nCONFIG_CMDLINE="x CONFIG_FOO=y"\nCONFIG_XCONFIG_FOO=y\nCONFIG_FOO=y\n';
		expect(merge(base, ["CONFIG_FOO=m\n"]).out).toBe(base.replace(/CONFIG_FOO=y\n$/, "\nCONFIG_FOO=m\n"));
	});
	test("6.1: =n against “is not set” was a conflict", () => {
		expect(merge("# CONFIG_A is not set\n", ["CONFIG_A=n\n"]).reports).toMatchObject([{ kind: "redundant" }]);
	});
	test("6.1: “is not set” with CRLF was missed", () => {
		expect(merge("CONFIG_A=y\n", ["# CONFIG_A is not set\r\n"]).out).toBe("\n# CONFIG_A is not set\r\n");
	});
	test("6.1: a line that conf loses deleted the base's value", () =>
		expect(merge('CONFIG_S="a"\n', ["CONFIG_S=b,c\n"]).out).toBe('CONFIG_S="a"\n\nCONFIG_S=b,c\n'));
	test("6.1: a duplicate was not reported", () => {
		expect(merge("", ["CONFIG_A=y\nCONFIG_A=y\n"]).reports).toMatchObject([{ kind: "duplicate", symbol: "A" }]);
	});
	test("7.0: a fragment whose name holds “=” was not merged", () => {
		const result = mergeConfigs(file("b=c", "CONFIG_A=y\n"), [file("x=y.config", "CONFIG_A=m\n")]);
		expect(Buffer.from(result.text).toString()).toBe("\nCONFIG_A=m\n");
	});
	test("7.0: CONFIG_A without “=” deleted the base's value", () => {
		expect(merge("CONFIG_A=y\n", ["CONFIG_A\n"]).out).toBe("CONFIG_A=y\n\nCONFIG_A\n");
	});
	test("7.0: =n and “is not set” both stayed", () => {
		expect(merge("CONFIG_A=n\n", ["# CONFIG_A is not set\n"]).out).toBe("\n# CONFIG_A is not set\n");
	});
	test("7.0: “ #…” was stripped inside a string", () => {
		expect(merge("", ['CONFIG_A="x # y"\n']).out).toBe('\nCONFIG_A="x # y"\n');
	});
});

test("values are compared as conf reads them, and written as they stand", () => {
	const same: [string, string][] = [
		["CONFIG_A=0xFF", "CONFIG_A=0x00ff"],
		["CONFIG_A=yes", "CONFIG_A=y"],
		['CONFIG_A="a\\b"', 'CONFIG_A="ab"'],
		["# CONFIG_A is not set", "CONFIG_A=n"],
	];
	for (const [a, b] of same) {
		const { out, reports } = merge(`${a}\n`, [`${b}\n`]);
		expect(reports).toMatchObject([{ kind: "redundant" }]);
		expect(out).toBe(`\n${b}\n`);
	}
	expect(merge("CONFIG_A=y\n", ['CONFIG_A="y"\n']).reports).toMatchObject([{ kind: "redefinition" }]);
});
