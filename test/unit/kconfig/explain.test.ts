/** Why a symbol is as it is: the smallest set of lines that turns it on, and one reason for each miss. */

import { describe, expect, test } from "vitest";
import { auditConfig, missed } from "../../../src/kconfig/audit.ts";
import { parseConfig } from "../../../src/kconfig/config.ts";
import { explainSymbol } from "../../../src/kconfig/explain/explain.ts";
import { whyMissed } from "../../../src/kconfig/explain/reasons.ts";
import { mergeConfigs } from "../../../src/kconfig/merge.ts";
import { nearestName } from "../../../src/system/nearest.ts";
import { kconfigTree, valuesIn } from "../../support/kconfig.ts";

const MODULES = 'config MODULES\n\tbool "modules"\n';
const explain = (kconfig: string, symbol: string, config = "CONFIG_MODULES=y\n") => {
	const tree = kconfigTree(MODULES + kconfig);
	return explainSymbol(tree, valuesIn(tree, config), symbol);
};
const bool = (symbol: string, rest = "") => `config ${symbol}\n\tbool "${symbol}"\n${rest}`;
const tri = (symbol: string, rest = "") => `config ${symbol}\n\ttristate "${symbol}"\n${rest}`;

describe("the lines that turn it on", () => {
	test("its own; nothing where it is on", () => {
		expect(explain(bool("A"), "A").lines).toEqual(["CONFIG_A=y"]);
		expect(explain(bool("A"), "A", "CONFIG_A=y\n").lines).toEqual([]);
	});
	test("what it depends on comes first, and only what is off", () => {
		const text =
			bool("A", "\tdepends on B && C && !D\n") + bool("B", "\tdepends on E\n") + bool("C") + bool("D") + bool("E");
		expect(explain(text, "A", "CONFIG_C=y\nCONFIG_D=y\n").lines).toEqual([
			"CONFIG_E=y",
			"CONFIG_B=y",
			"# CONFIG_D is not set",
			"CONFIG_A=y",
		]);
	});
	test("of two ways the shorter one", () => {
		const text = bool("A", "\tdepends on B || C\n") + bool("B", "\tdepends on D\n") + bool("C") + bool("D");
		expect(explain(text, "A").lines).toEqual(["CONFIG_C=y", "CONFIG_A=y"]);
		expect(explain(text, "A", "CONFIG_D=y\nCONFIG_B=y\n").lines).toEqual(["CONFIG_A=y"]);
	});
	test("a module where what it depends on is one; a bool is y all the same", () => {
		const text = tri("A", "\tdepends on B\n") + tri("B") + bool("C", "\tdepends on B\n");
		expect(explain(text, "A", "CONFIG_MODULES=y\nCONFIG_B=m\n").lines).toEqual(["CONFIG_A=m"]);
		expect(explain(text, "C", "CONFIG_MODULES=y\nCONFIG_B=m\n").lines).toEqual(["CONFIG_C=y"]);
		expect(explain(text, "A", "CONFIG_B=y\n").lines).toEqual(["CONFIG_A=y"]);
	});
	test("without a prompt: who selects it, or what its default needs", () => {
		const text = `config LIB\n\tbool\n${bool("USER", "\tselect LIB if WISH\n")}${bool("WISH")}config AUTO\n\tdef_bool WISH && OTHER\n${bool("OTHER")}`;
		expect(explain(text, "LIB").lines).toEqual(["CONFIG_WISH=y", "CONFIG_USER=y"]);
		expect(explain(text, "AUTO").lines).toEqual(["CONFIG_WISH=y", "CONFIG_OTHER=y"]);
	});
	test("a prompt that is hidden leaves the default, which costs no line", () => {
		const text = `config A\n\tbool "a" if EXPERT\n\tdefault y\n\tdepends on B\n${bool("B")}${bool("EXPERT")}`;
		expect(explain(text, "A").lines).toEqual(["CONFIG_B=y"]);
	});
	test("a member of a choice needs one line; two members at once have no solution", () => {
		const text = `choice\n\tprompt "c"\n${bool("ONE")}${bool("TWO")}endchoice\n${bool("A", "\tdepends on ONE && TWO\n")}`;
		expect(explain(text, "TWO", "CONFIG_ONE=y\n").lines).toEqual(["CONFIG_TWO=y"]);
		const both = explain(text, "A", "CONFIG_ONE=y\n");
		expect([both.lines, both.unmet]).toEqual([undefined, ["TWO [=n]"]]);
		const not = text + bool("B", "\tdepends on !ONE\n");
		expect(explain(not, "B", "CONFIG_ONE=y\n").lines).toEqual(["CONFIG_TWO=y", "CONFIG_B=y"]);
	});
	test("numbers and strings: a comparison sets the other symbol; the symbol itself becomes settable", () => {
		const text = `config N\n\tint "n"\n\tdefault 4\n${bool("A", "\tdepends on N > 16\n")}config S\n\tstring "s"\n\tdepends on A\n`;
		expect(explain(text, "A", "CONFIG_N=4\n").lines).toEqual(["CONFIG_N=17", "CONFIG_A=y"]);
		expect(explain(text, "S", "CONFIG_N=64\n").lines).toEqual(["CONFIG_A=y", 'CONFIG_S=""']);
	});
	test("what a symbol that is selected forbids: the selector goes, not the symbol", () => {
		const text = `${bool("HELD")}${bool("HOLDER", "\tselect HELD\n")}${bool("A", "\tdepends on !HELD\n")}`;
		expect(explain(text, "A", "CONFIG_HELD=y\nCONFIG_HOLDER=y\n").lines).toEqual([
			"# CONFIG_HOLDER is not set",
			"# CONFIG_HELD is not set",
			"CONFIG_A=y",
		]);
	});
	test("a circle, a symbol that nothing defines, a contradiction: no lines, and what is not met", () => {
		expect(explain(bool("A", "\tdepends on B\n") + bool("B", "\tdepends on A\n"), "A").lines).toBeUndefined();
		expect(explain(bool("A", "\tdepends on NOWHERE\n"), "A")).toMatchObject({ unmet: ["NOWHERE [unknown]"] });
		expect(explain(bool("A", "\tdepends on B && !B\n") + bool("B"), "A").lines).toBeUndefined();
	});
	test("what the compiler decides is listed; where the .config shows that it said no, there are no lines", () => {
		const text = `${bool("A", "\tdepends on B && $(cc-option,-fx)\n")}${bool("B")}config CC\n\tdef_bool $(success,clang)\n${bool("C", "\tdepends on CC\n")}`;
		expect(explain(text, "A")).toMatchObject({ lines: ["CONFIG_B=y", "CONFIG_A=y"], assumed: ["$(cc-option,-fx)"] });
		expect(explain(text, "A", "CONFIG_B=y\n").lines).toBeUndefined();
		expect(explain(text, "C").lines).toBeUndefined();
	});
	test("a symbol with hundreds of selectors is answered", () => {
		const users = Array.from({ length: 300 }, (_, i) => bool(`U${i}`, `\tselect LIB\n\tdepends on GATE${i % 7}\n`));
		const gates = Array.from({ length: 7 }, (_, i) => bool(`GATE${i}`, i === 6 ? "" : "\tdepends on NOWHERE\n"));
		expect(explain(`config LIB\n\tbool\n${[...users, ...gates].join("")}`, "LIB").lines).toHaveLength(2);
	});
});

test("the facts: place, prompt, values, selectors, choice, range, help", () => {
	const text = `config A
	int "Number of a"
	depends on B || C
	range 2 MAX if C
	range 1 9
	help
	  How many.
config MAX
	int
config S
	bool "s"
	select A2 if C
config A2
	bool "a2"
${bool("B")}${bool("C")}`;
	const found = explain(text, "A", "CONFIG_A=4\nCONFIG_C=y\nCONFIG_MAX=512\n");
	expect(found).toMatchObject({
		type: "int",
		value: "4",
		changeable: true,
		definitions: [{ at: "Kconfig:3", prompt: "Number of a", depends: "B [=n] || C [=y]" }],
		range: { low: "2", high: "512", at: "Kconfig:6" },
		help: "How many.",
	});
	expect(explain(text, "A2", "CONFIG_S=y\nCONFIG_C=y\nCONFIG_A2=y\n").changeable).toBe(false);
	const selected = explain(text, "A2", "CONFIG_S=y\nCONFIG_C=y\nCONFIG_A2=y\n");
	expect(selected.selectedBy).toEqual([
		{ symbol: "S", value: "y", condition: "C [=y]", at: "Kconfig:14", active: true },
	]);
});

test("an unknown symbol: the nearest name", () => {
	expect(() => explain(bool("SQUASHFS"), "SQUASHSF")).toThrow("this kernel has no symbol SQUASHSF");
	const names = ["SQUASHFS", "SQUASHFS_XZ", "NET", "NFS_FS"];
	expect(
		["SQUASHSF", "SQASHFS", "SQUASHFS_ZX", "squashfs", "NTE", "FROBNICATE"].map((name) => nearestName(name, names)),
	).toEqual(["SQUASHFS", "SQUASHFS", "SQUASHFS_XZ", "SQUASHFS", "NET", undefined]);
});

describe("the reason of a miss", () => {
	const kconfig = `${MODULES}choice\n\tprompt "hz"\n${bool("HZ1")}${bool("HZ2")}endchoice
config INT\n\tint "i"\n\trange 1 100\nconfig HEX\n\thex "h"\n\trange 0x10 0x20\nconfig STR\n\tstring "s"
${bool("DEP", "\tdepends on OFF && ON\n")}${bool("OFF")}${bool("ON")}${tri("ONLYM", "\tdepends on MOD\n")}${tri("MOD")}
config QUIET\n\tbool\n${bool("HELD")}${bool("HOLDER", "\tselect HELD\n")}${bool("CCDEP", "\tdepends on $(cc-option,-x)\n")}`;
	const final = `CONFIG_MODULES=y\nCONFIG_HZ2=y\n# CONFIG_HZ1 is not set\nCONFIG_INT=100\nCONFIG_HEX=0x20\nCONFIG_STR=""\n# CONFIG_OFF is not set\nCONFIG_ON=y\nCONFIG_MOD=m\nCONFIG_ONLYM=m\nCONFIG_HELD=y\nCONFIG_HOLDER=y\n`;
	test.each([
		["CONFIG_NOWHERE=y", "unknown", "this kernel has no symbol of this name"],
		["CONFIG_HZ3=y", "unknown", "is HZ1 meant?"],
		["CONFIG_OFF=15", "type", "it is bool: it takes y or n"],
		["CONFIG_OFF=m", "type", "y or n"],
		["CONFIG_STR=5", "type", "a text in quotes"],
		["CONFIG_INT=0x5", "type", "a decimal number"],
		["CONFIG_HZ1=y", "choice", 'the choice "hz", which is HZ2'],
		["CONFIG_INT=101", "range", "from 1 to 100"],
		["CONFIG_HEX=21", "range", "from 0x10 to 0x20"],
		["CONFIG_DEP=y", "dependency", "it depends on OFF [=n]"],
		["CONFIG_ONLYM=y", "dependency", "it can only be m, for it depends on MOD [=m]"],
		["CONFIG_QUIET=y", "no prompt", "nobody is asked for it"],
		["CONFIG_HELD=n", "selected", "HOLDER [=y] selects it"],
		["CONFIG_CCDEP=y", "dependency", "the compiler decides: $(cc-option,-x)"],
	] as const)("%s: %s", (line, kind, text) => {
		const tree = kconfigTree(kconfig);
		const { asked } = mergeConfigs({ name: "", text: Buffer.alloc(0) }, [
			{ name: "my.config", text: Buffer.from(line) },
		]);
		const misses = missed(auditConfig(asked, parseConfig(Buffer.from(final), ".config")));
		expect(misses).toHaveLength(1);
		const miss = whyMissed(misses[0] as (typeof misses)[number], tree, valuesIn(tree, final));
		expect(miss.reason.kind).toBe(kind);
		expect(miss.reason.text).toContain(text);
		expect(String(miss.text)).toMatch(/^my\.config:1: CONFIG_/);
		if (kind !== "unknown") expect(miss.reason.at).toMatch(/^Kconfig:\d+$/);
	});
});
