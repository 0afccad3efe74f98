/**
 * Each config command's function: flags to an operation's options, its result to a report and an exit status.
 */

import { KsquashError } from "../errors.ts";
import * as ops from "../index.ts";
import type { Flags } from "../options/types.ts";
import { type CliContext, one } from "./context.ts";
import { optionsFrom } from "./flags.ts";
import * as report from "./render/config-report.ts";
import { asText } from "./render/text.ts";
import { commandWords } from "./render/words.ts";

/** Of diff(1): scripts look at these. */
const DIFFERENT = 1;
const TROUBLE = 2;

export async function sources(this: CliContext, flags: Flags<"configSources">, release?: string): Promise<void> {
	const own = optionsFrom("configSources", flags);
	await one(this, flags, async (o) => await ops.configSources(release, { ...own, ...o }), report.sourcesReport);
}

export async function show(this: CliContext, flags: Flags<"configShow">, ...symbols: string[]): Promise<void> {
	const work = async (options: ops.CommonOptions): Promise<ops.ConfigShow> =>
		await ops.configShow(symbols, { ...optionsFrom("configShow", flags), ...options });
	const result = await one(this, flags, async (o) => readable(flags, await work(o)), report.showReport);
	if (result?.text !== undefined && !flags.json) this.process.stdout.write(result.text);
}

export async function diff(this: CliContext, flags: Flags<"configDiff">, from: string, to: string): Promise<void> {
	const work = async (options: ops.CommonOptions): Promise<ops.ConfigDiff> =>
		readable(flags, await ops.configDiff(from, to, options));
	const result = await one(this, flags, work, flags.asFragment ? () => [] : report.diffReport);
	if (result === undefined) this.status = TROUBLE;
	else if (result.changes.length > 0) this.status = DIFFERENT;
	if (result !== undefined && flags.asFragment && !flags.json) this.process.stdout.write(result.fragment);
}

export async function merge(this: CliContext, flags: Flags<"configMerge">, ...configs: string[]): Promise<void> {
	const { output, set, ...own } = optionsFrom("configMerge", flags);
	const work = async (options: ops.CommonOptions): Promise<ops.ConfigMergeResult> => {
		const [base, ...fragments] = configs;
		if (base === undefined || fragments.length + (set?.length ?? 0) === 0) {
			throw new KsquashError("ERR_KSQUASH_USAGE", "name a base, and a fragment or --set");
		}
		const result = await ops.configMerge(base, fragments, { ...own, output, set, ...options });
		return readable(flags, result);
	};
	const toStdout = output === undefined && !flags.dryRun;
	const lines = (result: ops.ConfigMergeResult): string[] => report.mergeReport(result, flags.redundant ?? false);
	const result = await one(this, flags, work, toStdout ? () => [] : lines);
	if (result === undefined || flags.json || !toStdout) return;
	this.process.stderr.write(asText(lines(result)));
	this.process.stdout.write(result.text);
}

export async function check(this: CliContext, flags: Flags<"configCheck">, ...names: string[]): Promise<void> {
	const [release, ...fragments] = names;
	const work = async (options: ops.CommonOptions): Promise<ops.ConfigCheck> => {
		if (release === undefined) throw new KsquashError("ERR_KSQUASH_USAGE", "name a release");
		return await ops.configCheck(release, { ...optionsFrom("configCheck", flags), ...options, fragments });
	};
	const result = await one(this, flags, work, report.checkReport);
	if (result?.ok === false) this.status = DIFFERENT;
}

export async function explain(this: CliContext, flags: Flags<"configExplain">, symbol: string): Promise<void> {
	const work = async (options: ops.CommonOptions): Promise<report.Explained> => {
		const result = await ops.configExplain(symbol, { ...optionsFrom("configExplain", flags), ...options });
		return { ...result, configure: commandWords(result.configure) };
	};
	await one(this, flags, work, report.explainReport);
}

export async function fresh(this: CliContext, flags: Flags<"configNew">, release?: string): Promise<void> {
	const work = async (options: ops.CommonOptions): Promise<ops.ConfigNew> =>
		await ops.configNew(release, { ...optionsFrom("configNew", flags), ...options });
	await one(this, flags, work, (result) => report.newReport(result, flags.brief ?? false));
}

/** JSON has no bytes: they become text, where invalid UTF-8 is replaced. */
function readable<T extends { text?: Uint8Array; fragment?: Uint8Array }>(flags: { json?: boolean }, result: T): T {
	if (!flags.json) return result;
	const entries = Object.entries(result).map(([key, value]) => [
		key,
		value instanceof Uint8Array ? `${Buffer.from(value)}` : value,
	]);
	return Object.fromEntries(entries);
}
