/**
 * What a program without a compiler's eye may hand over: each wrong value is one KsquashError with a code, before any work.
 * Without a root of ours only what reads is called here: "/" is the machine.
 */

import { mkdirSync, readdirSync } from "node:fs";
import { basename } from "node:path";
import { describe, expect, it } from "vitest";
import * as ksquash from "../../../src/index.ts";
import { optionsOf, specOf, table } from "../../../src/options/table.ts";
import type { OptionName, OptionSpec } from "../../../src/options/types.ts";
import { type Verb, verbs } from "../../../src/options/verbs.ts";
import { placeTree, scratchRoot } from "../../support/scratch.ts";

type Call = (...args: unknown[]) => Promise<unknown>;
const call = (name: string): Call => (ksquash as unknown as Record<string, Call>)[name] as Call;

const byOptions = [
	...[
		"bootDisable",
		"bootEnable",
		"bootStatus",
		"doctor",
		"helperInstall",
		"helperStatus",
		"helperUninstall",
		"mountAll",
	],
	...["portageInstall", "portageStatus", "portageUninstall", "status", "umountAll", "uninstall"],
];
const byRelease = [
	"configCheck",
	"configNew",
	"configSources",
	"configure",
	"mount",
	"remove",
	"select",
	"umount",
	"verify",
];
const bySource = ["install", "pack", "configDiff", "configMerge"];
const others = ["configExplain", "configShow", "portageSetting"];

/** The code and the class, whatever is thrown. */
async function refusal(work: () => Promise<unknown>): Promise<unknown> {
	try {
		return await work();
	} catch (error) {
		return error instanceof ksquash.KsquashError ? error.code : error;
	}
}

const USAGE = "ERR_KSQUASH_USAGE";
const noOptions: unknown[] = [null, 42, "/mnt", Symbol("x"), 1n, [], () => 1];

/** Of each kind of option some values that are not. */
const wrongValues: Record<OptionSpec["kind"], readonly unknown[]> = {
	text: [1, null, {}, ["a"], "a\0b", new String("a")],
	path: [1, null, {}, ["a"], "", "a\0b"],
	texts: ["one", [1], [null], [["a"]], ["a\0b"], new Array(1), { 0: "a", length: 1 }, null],
	flag: ["true", 0, 1, null, {}],
	count: [0, -1, 1.5, Number.NaN, "4", 4n, null],
	size: [0, -1, 1.5, Number.POSITIVE_INFINITY, "1M", null],
	owner: [-1, 1.5, {}, null, true, "a\0b"],
	enum: ["tiny", "", 1, null, ["fast"]],
	signal: [5, {}, null, true, new EventTarget()],
	progress: [5, "x", {}, null],
	warning: [5, "x", {}, null],
};

function rightValue(name: OptionName): unknown {
	const { kind, values } = specOf(name);
	if (kind === "enum") return values?.[0];
	const right = { text: "x", path: "/x", texts: ["x"], flag: true, count: 1, size: 4096, owner: "root" };
	const own = { signal: new AbortController().signal, progress: () => undefined, warning: () => undefined };
	return { ...right, ...own }[kind];
}

async function refused(name: string, options: object, ...first: unknown[]): Promise<{ code: string; message: string }> {
	const given = first.length > 0 ? first : before(name);
	return await call(name)(...given, options).then(
		() => ({ code: "", message: "it was not refused" }),
		(error: { code: string; message: string }) => error,
	);
}

it("every verb is in this test", () => {
	const functions = Object.entries(ksquash).filter(([, value]) => value.constructor.name === "AsyncFunction");
	const here = [...byOptions, ...byRelease, ...bySource, ...others].toSorted();
	expect(functions.map(([name]) => name).toSorted()).toEqual(here);
	expect(Object.keys(verbs).toSorted()).toEqual([...here, "mergeConfigs"].toSorted());
});

it.each(byOptions.filter((name) => /[sS]tatus|doctor/.test(name)))(
	"%s takes nothing but options for them",
	async (name) => {
		for (const options of noOptions) {
			expect([typeof options, await refusal(async () => await call(name)(options))]).toEqual([typeof options, USAGE]);
		}
	},
);

/** The arguments before the options, each of its type. */
function before(name: string): unknown[] {
	if (byOptions.includes(name)) return [];
	if (name === "configShow") return [["A"]];
	const second = { configDiff: ["running"], configMerge: [[]] };
	return ["6.1", ...(second[name as keyof typeof second] ?? [])];
}

it.each([...byOptions, ...byRelease, ...bySource, ...others])(
	"%s: an option of another type is usage",
	async (name) => {
		const { root, src } = scratchRoot();
		mkdirSync(`${root}/etc`);
		const wrong: object[] = [
			...[null, 42, {}, [], Symbol("x"), 1n, () => 1, "", "a\0b"].map((bad) => ({ root: bad })),
			...[{ signal: 5 }, { signal: {} }, { onWarning: 5 }, { onProgress: "x" }, { dryRun: "false" }, { userSpace: 0 }],
			...[{ dryRun: null }, { signal: null }],
			...optionsOf(name as Verb).flatMap((option) =>
				wrongValues[specOf(option).kind].map((bad) => ({ [option]: bad })),
			),
		].map((bad) => ({ root, dryRun: true, ...bad }));
		for (const options of wrong) {
			const [what] = Object.entries(options)
				.map(([key, bad]) => `${key} ${String(bad)}`)
				.slice(-1);
			expect([what, await refusal(async () => await call(name)(...before(name), options))]).toEqual([what, USAGE]);
		}
		const aborted = await refusal(async () => {
			return await call(name)(...before(name), { root, signal: AbortSignal.abort() });
		});
		expect(aborted).toMatchObject({ name: "AbortError" });
		expect([readdirSync(src), readdirSync(`${root}/etc`)]).toEqual([[], []]);
	},
);

describe.each([...byOptions, ...byRelease, ...bySource, ...others])("%s", (name) => {
	const verb = name as Verb;
	const own = optionsOf(verb);
	const foreign = (Object.keys(table) as OptionName[]).filter((option) => !own.includes(option));

	it("refuses every option of another verb, says whose it is, and changes nothing", async () => {
		const { root } = scratchRoot();
		const listing = readdirSync(root, { recursive: true });
		for (const option of foreign) {
			const { code, message } = await refused(name, { root, [option]: rightValue(option) });
			expect([option, code]).toEqual([option, USAGE]);
			expect(message).toContain(`${verb} has no option ${option}`);
			for (const other of specOf(option).verbs) expect(message).toMatch(new RegExp(`option of .*\\b${other}\\b`));
		}
		expect(foreign.length).toBeGreaterThan(10);
		expect(readdirSync(root, { recursive: true })).toEqual(listing);
	});

	it("refuses an option that no verb has, with the nearest name", async () => {
		const { root } = scratchRoot();
		const listing = readdirSync(root, { recursive: true });
		for (const option of own.filter((one) => one !== "root")) {
			const misspelt = `${option}s`;
			const { code, message } = await refused(name, { root, [misspelt]: rightValue(option) });
			expect([misspelt, code, message]).toEqual([
				misspelt,
				USAGE,
				expect.stringMatching(/did you mean|is an option of/),
			]);
		}
		const { message } = await refused(name, { rot: root });
		expect(message).toBe(`${verb} has no option rot; did you mean root?`);
		for (const strange of ["constructor", "toString", "hasOwnProperty", "a b\n"]) {
			expect((await refused(name, { root, [strange]: true })).code).toBe(USAGE);
		}
		expect((await refused(name, JSON.parse('{"__proto__": {"root": "/mnt"}}'))).code).toBe(USAGE);
		expect(readdirSync(root, { recursive: true })).toEqual(listing);
	});
});

it("what is undefined is absent, whatever its name", async () => {
	const { root } = scratchRoot();
	const undefinedOnes = Object.fromEntries([...Object.keys(table), "nonsense"].map((name) => [name, undefined]));
	expect(await ksquash.status({ ...undefinedOnes, root })).toMatchObject({ root, releases: [] });
});

it("a program that misspells dryRun keeps its tree, and one that does not sees the plan", async () => {
	const scratch = scratchRoot();
	const tree = placeTree(scratch);
	const { root } = scratch;
	const misspelt = await refused("pack", { root, dryrun: true }, tree);
	expect(misspelt).toMatchObject({ code: USAGE, message: "pack has no option dryrun; did you mean dryRun?" });
	expect(readdirSync(scratch.src)).toEqual([basename(tree)]);
	expect(readdirSync(tree)).toContain("Makefile");
	const { plan } = await ksquash.pack(tree, { root, dryRun: true });
	expect(plan?.length).toBeGreaterThan(0);
});

it.each([...byRelease, ...bySource, ...others])("%s: what it is about, of another type or no name", async (name) => {
	const { root } = scratchRoot();
	for (const bad of [null, 42, {}, Symbol("x"), 1n, () => 1, "", "/a\0b", "a\nb", "../.."]) {
		if (name === "portageSetting" && typeof bad === "string") continue;
		const rest = name === "configDiff" ? ["running"] : name === "configMerge" ? [[]] : [];
		const said = await refusal(async () => await call(name)(bad, ...rest, { root, dryRun: true }));
		const expected = typeof bad === "string" ? expect.stringMatching(/^ERR_KSQUASH_/) : USAGE;
		expect([String(bad), said]).toEqual([String(bad), expected]);
	}
});

it("mergeConfigs checks its texts and its options", () => {
	const text = (name: string): ksquash.Fragment => ({ name, text: Buffer.from("CONFIG_A=y\n") });
	const merge = ksquash.mergeConfigs as unknown as (...args: unknown[]) => unknown;
	const wrong: unknown[][] = [
		...[null, "CONFIG_A=y", {}, { name: "a" }, { name: 1, text: Buffer.alloc(0) }, { name: "a", text: [1] }].flatMap(
			(bad) => [
				[bad, []],
				[text("base"), [text("a"), bad]],
				[text("base"), bad],
			],
		),
		...[{ keepbuiltin: true }, { keepBuiltin: 1 }, { root: "/" }, null].map((bad) => [text("base"), [], bad]),
	];
	for (const args of wrong) expect(() => merge(...args), JSON.stringify(args)).toThrow(ksquash.KsquashError);
	expect(ksquash.mergeConfigs(text("base"), [text("a")], { keepBuiltin: true }).asked).toHaveLength(1);
});
