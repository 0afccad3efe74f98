/**
 * What a program without a compiler's eye may hand over: each wrong value is one KsquashError with a code, before any work.
 * Without a root of ours only what reads is called here: "/" is the machine.
 */

import { mkdirSync, readdirSync } from "node:fs";
import { expect, it } from "vitest";
import * as ksquash from "../../../src/index.ts";
import { scratchRoot } from "../../support/scratch.ts";

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

it("every verb is in this test", () => {
	const verbs = Object.entries(ksquash).filter(([, value]) => value.constructor.name === "AsyncFunction");
	expect(verbs.map(([name]) => name).toSorted()).toEqual(
		[...byOptions, ...byRelease, ...bySource, ...others].toSorted(),
	);
});

it.each(byOptions.filter((name) => /[sS]tatus|doctor/.test(name)))(
	"%s takes nothing but options for them",
	async (name) => {
		for (const options of noOptions) {
			expect([typeof options, await refusal(async () => await call(name)(options))]).toEqual([typeof options, USAGE]);
		}
	},
);

it.each([...byOptions, ...byRelease, ...bySource, ...others])(
	"%s: an option of another type is usage",
	async (name) => {
		const { root, src } = scratchRoot();
		mkdirSync(`${root}/etc`);
		const first: unknown[] = byOptions.includes(name) ? [] : name === "configShow" ? [["A"]] : ["6.1"];
		if (name === "configDiff") first.push("running");
		if (name === "configMerge") first.push([]);
		const wrong: object[] = [
			...[null, 42, {}, [], Symbol("x"), 1n, () => 1, "", "a\0b"].map((bad) => ({ root: bad })),
			...[{ signal: 5 }, { signal: {} }, { onWarning: 5 }, { onProgress: "x" }, { dryRun: "false" }, { userSpace: 0 }],
			...[{ fragments: "one" }, { set: [1] }, { jobs: -1 }, { depth: "quik" }, { fuse: "no" }, { preset: "tiny" }],
		].map((bad) => ({ root, dryRun: true, ...bad }));
		for (const options of wrong) {
			const [what] = Object.entries(options)
				.map(([key, bad]) => `${key} ${String(bad)}`)
				.slice(-1);
			expect([what, await refusal(async () => await call(name)(...first, options))]).toEqual([what, USAGE]);
		}
		const aborted = await refusal(async () => await call(name)(...first, { root, signal: AbortSignal.abort() }));
		expect(aborted).toMatchObject({ name: "AbortError" });
		expect([readdirSync(src), readdirSync(`${root}/etc`)]).toEqual([[], []]);
	},
);

it.each([...byRelease, ...bySource, ...others])("%s: what it is about, of another type or no name", async (name) => {
	const { root } = scratchRoot();
	for (const bad of [null, 42, {}, Symbol("x"), 1n, () => 1, "", "/a\0b", "a\nb", "../.."]) {
		if (name === "portageSetting" && typeof bad === "string") continue;
		const rest = name === "configDiff" ? ["running"] : name === "configMerge" ? [[]] : [];
		const said = await refusal(async () => await call(name)(bad, ...rest, { root, dryRun: true }));
		expect([String(bad), said]).toEqual([String(bad), expect.stringMatching(/^ERR_KSQUASH_/)]);
	}
});
