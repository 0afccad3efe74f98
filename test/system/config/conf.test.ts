/**
 * What we say about configs against the kernel's own `conf`: each line of the table, which symbols a person can set, the
 * lines that turn a symbol on, what is new, and a difference as a fragment.
 */

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { auditConfig, missed } from "../../../src/kconfig/audit.ts";
import { type Config, parseConfig, symbolValue } from "../../../src/kconfig/config.ts";
import { diffConfigs, fragmentBetween } from "../../../src/kconfig/diff.ts";
import { explainSymbol } from "../../../src/kconfig/explain/explain.ts";
import { whyMissed } from "../../../src/kconfig/explain/reasons.ts";
import { configValues, isChangeable, promptCondition, visibility } from "../../../src/kconfig/explain/values.ts";
import { unknowns } from "../../../src/kconfig/language/expression.ts";
import { isTristate, type KconfigTree, typeOf } from "../../../src/kconfig/language/model.ts";
import { readKconfig } from "../../../src/kconfig/language/tree.ts";
import { mergeConfigs } from "../../../src/kconfig/merge.ts";
import { confBuild, make, olddefconfig, runConf } from "../../support/conf.ts";
import { kernelSlice, kernelTarball, mustWork } from "../../support/kernel.ts";

const tarball = kernelTarball();
const suite = describe.skipIf(tarball === undefined && !mustWork);

let slice: string;
let scratch: string;

beforeAll(() => {
	scratch = mkdtempSync(join(tmpdir(), "ksquash-conf-"));
	if (tarball !== undefined) slice = kernelSlice(tarball);
}, 600_000);
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const parse = (text: string): Config => parseConfig(Buffer.from(text, "latin1"), ".config");

const KCONFIG = `
config MODULES
	bool "modules"
	modules
	default y
config BOOL
	bool "bool"
config TRI
	tristate "tristate"
config INT
	int "int"
	range 10 90
	default 17
config HEX
	hex "hex"
	default 0x42
config STRING
	string "string"
	default "default"
`;

/** The line, and the value that conf gives the symbol; undefined: what it has without the line. */
const table: readonly (readonly [string, string | undefined])[] = [
	["CONFIG_BOOL=y", "y"],
	["CONFIG_BOOL=y # why", "y"],
	["CONFIG_BOOL=yes", "y"],
	["CONFIG_BOOL=Y", undefined],
	['CONFIG_BOOL="y"', undefined],
	["CONFIG_BOOL=m", undefined],
	["CONFIG_BOOL=15", undefined],
	["CONFIG_BOOL=y\r", "y"],
	["CONFIG_TRI=m", "m"],
	["CONFIG_TRI=maybe", "m"],
	["# CONFIG_TRI is not set", "n"],
	["# CONFIG_TRI is not set for now", "n"],
	["# CONFIG_TRI is not set\r", "n"],
	["CONFIG_TRI=n", "n"],
	["CONFIG_INT=15", "15"],
	["CONFIG_INT=15\r", "15"],
	["CONFIG_INT=15 # c", undefined],
	["CONFIG_INT=0x0f", undefined],
	["CONFIG_INT=99", "17"],
	["CONFIG_INT=", undefined],
	["# CONFIG_INT is not set", undefined],
	["CONFIG_HEX=0x10", "0x10"],
	["CONFIG_HEX=1F", "1F"],
	["CONFIG_HEX=0xZZ", undefined],
	['CONFIG_STRING="abc"', '"abc"'],
	['CONFIG_STRING="a\\"b\\\\c"', '"a\\"b\\\\c"'],
	['CONFIG_STRING="abc" junk', '"abc"'],
	['CONFIG_STRING="abc', undefined],
	["CONFIG_STRING=abc", undefined],
	['CONFIG_STRING=""', '""'],
	["  CONFIG_INT=15", undefined],
	["export CONFIG_INT=15", undefined],
	["\u00ef\u00bb\u00bfCONFIG_INT=15", undefined],
	["CONFIG_INT = 15", undefined],
	["CONFIG_INT 15", undefined],
	["#CONFIG_TRI is not set", undefined],
	["#  CONFIG_TRI is not set", undefined],
	["#\tCONFIG_TRI is not set", "n"],
];

suite("one line, read by conf and by us", () => {
	// A symbol that has a value already: what a lost line does not change.
	const before = { BOOL: "n", TRI: "y", INT: "20", HEX: "0x20", STRING: '"before"' } as const;
	const preset = Object.entries(before)
		.map(([symbol, raw]) => (raw === "n" ? `# CONFIG_${symbol} is not set\n` : `CONFIG_${symbol}=${raw}\n`))
		.join("");

	test.each(table)("%j", (line, value) => {
		const symbol = /CONFIG_([A-Z]+)/.exec(line)?.[1] as keyof typeof before;
		const others = preset
			.split("\n")
			.filter((other) => !other.includes(`CONFIG_${symbol}=`) && !other.includes(`CONFIG_${symbol} `))
			.join("\n");
		// Once on its own, where the default fills in what is lost.
		const { config } = runConf(slice, scratch, KCONFIG, `${others}\n${line}\n`);
		const without = runConf(slice, scratch, KCONFIG, `${others}\n`);
		const final = parse(config).symbols.get(symbol)?.raw;
		expect(final).toBe(value ?? parse(without.config).symbols.get(symbol)?.raw);

		// What conf does not take must be a finding, or a miss with its reason: never silence.
		const read = parseConfig(Buffer.from(line, "latin1"), "mine");
		const lost = read.findings.some(({ kind }) => kind === "lost");
		const { asked } = mergeConfigs({ name: "base", text: Buffer.from("") }, [
			{ name: "mine", text: Buffer.from(line, "latin1") },
		]);
		const misses = missed(auditConfig(asked, parse(config)));
		const taken = value !== undefined && value !== "17";
		if (taken) expect([lost, misses]).toEqual([false, []]);
		else expect(lost || misses.length > 0 || final === asked[0]?.raw).toBe(true);
		writeFileSync(join(scratch, "Kconfig"), KCONFIG);
		const tree = readKconfig({ source: scratch, arch: "x86" });
		for (const miss of misses) {
			expect(["type", "range"]).toContain(whyMissed(miss, tree, configValues(tree, parse(config))).reason.kind);
		}
	});

	test("a choice is decided by its last =y", () => {
		const kconfig = `choice\n\tprompt "hz"\nconfig A\n\tbool "a"\nconfig B\n\tbool "b"\nendchoice\n`;
		expect(runConf(slice, scratch, kconfig, "CONFIG_A=y\nCONFIG_B=y\n").config).toContain("CONFIG_B=y");
		expect(runConf(slice, scratch, kconfig, "CONFIG_B=y\nCONFIG_A=y\n").config).toContain("CONFIG_A=y");
		const { text } = mergeConfigs({ name: "b", text: Buffer.from("CONFIG_A=y\n# CONFIG_B is not set\n") }, [
			{ name: "f", text: Buffer.from("CONFIG_B=y\n") },
		]);
		expect(runConf(slice, scratch, kconfig, Buffer.from(text).toString()).config).toContain("CONFIG_B=y");
	});
});

suite("the whole Kconfig of Debian's 6.1 on x86", () => {
	let tree: KconfigTree;
	let defconfig: Config;
	let text: string;

	beforeAll(() => {
		tree = readKconfig({ source: slice, arch: "x86" });
		text = readFileSync(join(confBuild(slice), ".config"), "latin1");
		defconfig = parse(text);
	}, 300_000);

	test("every line is understood, and every symbol of the .config is in the tree", () => {
		expect(tree.symbols.size).toBeGreaterThan(16_000);
		expect(tree.files).toBeGreaterThan(1400);
		expect(tree.skipped).toEqual([]);
		expect([...defconfig.symbols.keys()].filter((symbol) => !tree.symbols.has(symbol))).toEqual([]);
	});

	/** A symbol stands in a .config when it can be set or has a value: do we see the same ones as conf? */
	function disagreements(config: Config): string[] {
		const now = configValues(tree, config);
		return [...tree.symbols].flatMap(([symbol, definitions]) => {
			const seen = visibility(definitions, now) > 0;
			const there = config.symbols.has(symbol);
			const expected = seen || (isTristate(typeOf(definitions)) ? now.text(symbol) !== "n" : there);
			if (expected === there) return [];
			// What the compiler decides, and conf's habit of writing what an imply touched, are not ours to know.
			const given = definitions.some((one) => unknowns(promptCondition(one) || undefined).length > 0);
			return given || (there && tree.impliedBy(symbol).length > 0) ? [] : [symbol];
		});
	}

	test("which symbols can be set: as conf says for all 16,000, in four configs", () => {
		const debian = "CONFIG_MODULES=y\nCONFIG_EXPERT=y\nCONFIG_BTRFS_FS=m\nCONFIG_DRM=m\nCONFIG_SOUND=m\nCONFIG_SND=m\n";
		const running = gunzipSync(readFileSync("/proc/config.gz")).toString("latin1");
		for (const one of [text, "", debian, running]) {
			const config = one === text ? defconfig : parse(olddefconfig(slice, scratch, one));
			expect(disagreements(config)).toEqual([]);
		}
	}, 300_000);

	test("the lines that explain proposes turn symbols on: conf proves all of a sample", () => {
		const now = configValues(tree, defconfig);
		// By a fixed step through all symbols that are off and that a person can set in some config.
		const off = [...tree.symbols].filter(([symbol, definitions]) => {
			return isTristate(typeOf(definitions)) && definitions.some(({ prompt }) => prompt) && now.text(symbol) === "n";
		});
		const sample = ["VIDEO_OV5640", ...off.filter((_, index) => index % 1499 === 5).map(([symbol]) => symbol)];
		expect(sample.length).toBeGreaterThan(4);
		const failed: string[] = [];
		let proposed = 0;
		for (const symbol of sample) {
			const { lines, assumed } = explainSymbol(tree, now, symbol);
			if (lines === undefined || assumed.length > 0) continue;
			proposed += 1;
			const fragment = { name: "explain", text: Buffer.from(lines.map((line) => `${line}\n`).join("")) };
			const merged = mergeConfigs({ name: "base", text: Buffer.from(text, "latin1") }, [fragment]);
			const final = parse(olddefconfig(slice, scratch, merged.text));
			if (symbolValue(final, symbol) === "n") failed.push(`${symbol}: ${lines.join(" ")}`);
		}
		expect(proposed).toBeGreaterThan(2);
		expect(failed).toEqual([]);
	}, 600_000);

	test("what is new: the same symbols as make listnewconfig", () => {
		const build = join(scratch, "listnew");
		mkdirSync(build, { recursive: true });
		cpSync(join(confBuild(slice), "scripts"), join(build, "scripts"), { recursive: true, preserveTimestamps: true });
		const base = "CONFIG_64BIT=y\nCONFIG_MODULES=y\n# CONFIG_NET is not set\n";
		writeFileSync(join(build, ".config"), base);
		const listed = make(slice, build, ["listnewconfig"]).split("\n").filter(Boolean);
		const theirs = listed.flatMap((line) => [...parse(`${line}\n`).symbols.keys()]);
		const config = parse(olddefconfig(slice, scratch, base));
		const now = configValues(tree, config);
		const ours = [...tree.symbols.keys()]
			.filter((symbol) => isChangeable(tree, symbol, now) && config.symbols.has(symbol))
			.filter((symbol) => !["64BIT", "MODULES", "NET"].includes(symbol));
		expect(theirs.length).toBeGreaterThan(500);
		expect([
			ours.filter((symbol) => !theirs.includes(symbol)),
			theirs.filter((symbol) => !ours.includes(symbol)),
		]).toEqual([[], []]);
	}, 120_000);

	test("a difference as a fragment turns one config into the other, both ways", () => {
		const running = parse(olddefconfig(slice, scratch, gunzipSync(readFileSync("/proc/config.gz")).toString("latin1")));
		for (const [a, b] of [
			[defconfig, running],
			[running, defconfig],
		] as const) {
			const base = { name: "a", text: Buffer.from(a.lines.map((line) => line.text).join(""), "latin1") };
			const { text: merged } = mergeConfigs(base, [{ name: "f", text: fragmentBetween(a, b) }]);
			expect(diffConfigs(parse(olddefconfig(slice, scratch, merged)), b)).toEqual([]);
		}
	}, 120_000);
});
