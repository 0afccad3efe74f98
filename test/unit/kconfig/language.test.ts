/** Kconfig files as a tree: expressions, blocks, help, macros, source; keywords of all kernels; nothing is an error. */

import { describe, expect, test } from "vitest";
import type { Definition } from "../../../src/kconfig/language/definition.ts";
import { evaluate, format, parseExpression, type Values } from "../../../src/kconfig/language/expression.ts";
import { typeOf } from "../../../src/kconfig/language/model.ts";
import { tokenize } from "../../../src/kconfig/language/tokens.ts";
import { kconfigTree } from "../../support/kconfig.ts";

const values = (known: Record<string, string>): Values => ({
	text: (symbol) => known[symbol],
	has: (symbol) => symbol in known,
});

describe("expressions", () => {
	const known = { Y: "y", M: "m", N: "n", NUMBER: "64", HEX: "0x40", TEXT: "x86", MODULES: "y" };
	test.each([
		["Y", 2],
		["M", 1],
		["N", 0],
		["NOWHERE", 0],
		["!Y", 0],
		["!M", 1],
		["Y && M", 1],
		["N || M", 1],
		["N || Y && M", 1],
		["(N || Y) && M", 1],
		["!(N || Y)", 0],
		["Y=y", 2],
		["M = y", 0],
		["M != n", 2],
		["NUMBER = 64", 2],
		["NUMBER=HEX", 2],
		["NUMBER > 9", 2],
		["NUMBER <= 63", 0],
		['TEXT = "x86"', 2],
		["TEXT != 'x86'", 0],
		["M < Y", 2],
		["y && $(cc-option,-fx)", 2],
		["m", 1],
		["Y # && N", 2],
	] as const)("%s: %d", (text, value) => {
		expect(evaluate(parseExpression(tokenize(text)), values(known))).toBe(value);
	});

	test("m is n where there are no modules", () => {
		expect(evaluate(parseExpression(tokenize("m")), values({ MODULES: "n" }))).toBe(0);
	});

	test("as text, with the values of now, and parentheses only where they are needed", () => {
		const shown = (text: string): string => format(parseExpression(tokenize(text)) as never, values(known));
		expect(shown("Y && (N || M) && !TEXT")).toBe("Y [=y] && (N [=n] || M [=m]) && !TEXT [=x86]");
		expect(shown("!(Y && N)")).toBe("!(Y [=y] && N [=n])");
		expect(shown("NUMBER = 64 && NOWHERE")).toBe("NUMBER [=64] = 64 && NOWHERE [unknown]");
		expect(shown('$(success,test "a)" = b) && Y')).toContain("$(success,");
	});

	test("an unfinished one is read as far as it goes", () => {
		expect(parseExpression(tokenize(""))).toBeUndefined();
		expect(format(parseExpression(tokenize("A &&")) as never)).toBe("A");
		expect(format(parseExpression(tokenize("(A || B")) as never)).toBe("A || B");
	});
});

const only = (files: Parameters<typeof kconfigTree>[0], symbol: string): Definition => {
	const [first, ...rest] = kconfigTree(files).symbols.get(symbol) ?? [];
	expect(rest).toEqual([]);
	return first as Definition;
};
const depends = (definition: Definition): string => (definition.depends ? format(definition.depends) : "");

test("all properties of a symbol", () => {
	const definition = only(
		`config A
	tristate "Text with \\"quotes\\" and a # in it" if B
	depends on C && \\
		   D
	depends on E
	default y if F
	default m
	select G if H
	imply I
	range 1 LIMIT if J
	help
	  First.

	    Second, indented.
	  # no comment

config Z
	bool
`,
		"A",
	);
	expect(definition).toMatchObject({ file: "Kconfig", line: 1, type: "tristate" });
	expect(definition.prompt?.text).toBe('Text with "quotes" and a # in it');
	expect(format(definition.prompt?.condition as never)).toBe("B");
	expect(depends(definition)).toBe("C && D && E");
	expect(definition.defaults.map((one) => [format(one.value), one.line])).toEqual([
		["y", 6],
		["m", 7],
	]);
	expect(definition.selects).toMatchObject([{ value: "G", line: 8 }]);
	expect(definition.ranges.map(({ value }) => [format(value.low), format(value.high)])).toEqual([["1", "LIMIT"]]);
	expect(definition.help).toBe("First.\n\n  Second, indented.\n# no comment");
});

test("what stands around a symbol counts: if, menu, visible if, choice, source", () => {
	const files = {
		Kconfig: `if OUTER
menu "menu"
	depends on MENU
	visible if SEEN
source "sub/Kconfig"
endmenu
endif
config FREE
	bool "free"
`,
		"sub/Kconfig": `choice
	prompt "one of"
	depends on CHOICE
	default ONE
config ONE
	bool "one"
	depends on OWN
config TWO
	bool "two"
endchoice
`,
	};
	const tree = kconfigTree(files);
	const [one] = tree.symbols.get("ONE") ?? [];
	expect(depends(one as Definition)).toBe("OUTER && MENU && CHOICE && OWN");
	expect(format(one?.prompt?.condition as never)).toBe("SEEN");
	expect(one?.choice).toMatchObject({ members: ["ONE", "TWO"], prompt: { text: "one of" }, file: "sub/Kconfig" });
	expect(tree.symbols.get("FREE")?.[0]?.depends).toBeUndefined();
});

test("a symbol in several places; who selects and implies it", () => {
	const tree = kconfigTree(
		`config A\n\tbool\nconfig A\n\tdepends on X\nconfig S\n\tbool "s"\n\tselect A if B || C\n\timply A\n`,
	);
	expect(tree.symbols.get("A")?.map(({ line }) => line)).toEqual([1, 3]);
	expect(typeOf(tree.symbols.get("A") ?? [])).toBe("bool");
	const [selection] = tree.selectedBy("A");
	expect(selection).toMatchObject({ by: "S", file: "Kconfig", line: 7 });
	expect(format(selection?.condition as never)).toBe("B || C");
	expect(tree.impliedBy("A")).toMatchObject([{ by: "S", line: 8 }]);
});

test("source: variables, globs, relative, optional, absent, a circle, outside of the tree", () => {
	const tree = kconfigTree({
		Kconfig: `dir := drivers
source "arch/$(SRCARCH)/Kconfig"
source "$(dir)/*/Kconfig.[ab]"
source "$(dir)/*/Kconfig.?"
osource "nowhere/Kconfig"
source "nowhere/either"
source "/etc/passwd"
source "../outside"
source "arch/$SRCARCH/Kconfig.old"
`,
		"arch/x86/Kconfig": 'config X86\n\tdef_bool y\nrsource "Kconfig.rel"\nsource "Kconfig"\n',
		"arch/x86/Kconfig.rel": "config REL\n\tbool\n",
		"arch/x86/Kconfig.old": "config OLD\n\tbool\n",
		"arch/arm64/Kconfig": "config ARM64\n\tbool\n",
		"drivers/b/Kconfig.a": "config BA\n\tbool\n",
		"drivers/a/Kconfig.a": "config AA\n\tbool\n",
		"drivers/a/Kconfig.ab": "config AAB\n\tbool\n",
	});
	expect([...new Set(tree.symbols.keys())].toSorted()).toEqual(["AA", "BA", "OLD", "REL", "X86"]);
	expect([...tree.symbols.keys()].indexOf("AA")).toBeLessThan([...tree.symbols.keys()].indexOf("BA"));
});

test("macros: plain variables are known, what runs a program is not", () => {
	const tree = kconfigTree(`text = $(ARCH)-text
cc-option = $(success,$(CC) $(1))
config A
	bool "a" if "$(ARCH)" = "x86"
	depends on $(cc-option,-fx)
	default "$(text)"
$(warning-if,$(fail),x)
`);
	const [a] = tree.symbols.get("A") ?? [];
	expect(format(a?.prompt?.condition as never)).toBe('"x86" = "x86"');
	expect(depends(a as Definition)).toBe("$(cc-option,-fx)");
	expect(a?.defaults.map(({ value }) => format(value))).toEqual(['"x86-text"']);
	expect(tree.skipped).toEqual([]);
});

describe("keywords of other kernels", () => {
	test("before 4.19: option env, ---help---, boolean", () => {
		const definition = only(
			'config A\n\tboolean "a"\n\toption env="ARCH"\n\t---help---\n\t  Old.\nconfig B\n\tbool\n',
			"A",
		);
		expect([definition.type, definition.help]).toEqual(["bool", "Old."]);
	});
	test("5.13: modules; 6.18: transitional; 7.0: depends on A if B", () => {
		const tree = kconfigTree(
			'config MODULES\n\tbool "m"\n\tmodules\nconfig A\n\tbool "a"\n\ttransitional\n\tdepends on B if C\n',
		);
		expect(depends(tree.symbols.get("A")?.[0] as Definition)).toBe("!C || B");
		expect(tree.skipped).toEqual([]);
	});
	test("a keyword that nobody knows is text, with its place; the symbol stays whole", () => {
		const tree = kconfigTree('config A\n\tbool "a"\n\tfrobnicate on B\n\tdepends on C\nendmenu\n');
		expect(tree.skipped).toEqual([{ file: "Kconfig", line: 3 }]);
		expect(depends(tree.symbols.get("A")?.[0] as Definition)).toBe("C");
	});
});

test("help ends where the indentation does, also with tabs, and may hold keywords", () => {
	const text =
		"config A\n\tbool\n\thelp\n        eight blanks\n\tconfig NOT\n\nconfig B\n\tbool\n\thelp\n\nconfig C\n\tbool\n";
	const tree = kconfigTree(text);
	expect([...tree.symbols.keys()]).toEqual(["A", "B", "C"]);
	expect(tree.symbols.get("A")?.[0]?.help).toBe("eight blanks\nconfig NOT");
	expect(tree.symbols.get("B")?.[0]?.help).toBe("");
});

test("CRLF, no final newline, binary bytes", () => {
	expect([...kconfigTree('config A\r\n\tbool "a"\r\n\tdepends on B\r\n').symbols.keys()]).toEqual(["A"]);
	expect(depends(only('config A\n\tbool "a"\n\tdepends on B', "A"))).toBe("B");
	expect(kconfigTree('\u0000\u00ff(((\n config A\n\tbool $((\n"\n').symbols.has("A")).toBe(true);
});

test("a directory without Kconfig is no kernel source", () => {
	expect(() => kconfigTree({ README: "" })).toThrow("there is no kernel source");
});
