/**
 * Each config command's function: flags to an operation's options, its result to a report and an exit status.
 */

import { KsquashError } from "../errors.ts";
import * as ops from "../index.ts";
import type { CheckFlags, DiffFlags, ExplainFlags, MergeFlags, NewFlags, ShowFlags, SourcesFlags } from "./config.ts";
import { type CliContext, one } from "./context.ts";
import * as report from "./render/config-report.ts";
import { asText } from "./render/text.ts";

/** Of diff(1): scripts look at these. */
const DIFFERENT = 1;
const TROUBLE = 2;

export async function sources(this: CliContext, flags: SourcesFlags, release?: string): Promise<void> {
	const { arch } = flags;
	await one(this, flags, async (o) => await ops.configSources(release, { ...o, arch }), report.sourcesReport);
}

export async function show(this: CliContext, flags: ShowFlags, ...symbols: string[]): Promise<void> {
	const work = async (options: ops.CommonOptions): Promise<ops.ConfigShow> =>
		await ops.configShow(symbols, { ...options, from: flags.from });
	const result = await one(this, flags, async (o) => readable(flags, await work(o)), report.showReport);
	if (result?.text !== undefined && !flags.json) this.process.stdout.write(result.text);
}

export async function diff(this: CliContext, flags: DiffFlags, from: string, to: string): Promise<void> {
	const work = async (options: ops.CommonOptions): Promise<ops.ConfigDiff> =>
		readable(flags, await ops.configDiff(from, to, options));
	const result = await one(this, flags, work, flags.asFragment ? () => [] : report.diffReport);
	if (result === undefined) this.status = TROUBLE;
	else if (result.changes.length > 0) this.status = DIFFERENT;
	if (result !== undefined && flags.asFragment && !flags.json) this.process.stdout.write(result.fragment);
}

export async function merge(this: CliContext, flags: MergeFlags, ...configs: string[]): Promise<void> {
	const { output, set, strict, keepBuiltin } = flags;
	const work = async (options: ops.CommonOptions): Promise<ops.ConfigMergeResult> => {
		const [base, ...fragments] = configs;
		if (base === undefined || fragments.length + (set?.length ?? 0) === 0) {
			throw new KsquashError("ERR_KSQUASH_USAGE", "name a base, and a fragment or --set");
		}
		const result = await ops.configMerge(base, fragments, { ...options, output, set, strict, keepBuiltin });
		return readable(flags, result);
	};
	const toStdout = output === undefined && !flags.dryRun;
	const lines = (result: ops.ConfigMergeResult): string[] => report.mergeReport(result, flags.redundant ?? false);
	const result = await one(this, flags, work, toStdout ? () => [] : lines);
	if (result === undefined || flags.json || !toStdout) return;
	this.process.stderr.write(asText(lines(result)));
	this.process.stdout.write(result.text);
}

export async function check(this: CliContext, flags: CheckFlags, ...names: string[]): Promise<void> {
	const [release, ...fragments] = names;
	const work = async (options: ops.CommonOptions): Promise<ops.ConfigCheck> => {
		if (release === undefined) throw new KsquashError("ERR_KSQUASH_USAGE", "name a release");
		return await ops.configCheck(release, { ...options, fragments, set: flags.set });
	};
	const result = await one(this, flags, work, report.checkReport);
	if (result?.ok === false) this.status = DIFFERENT;
}

export async function explain(this: CliContext, flags: ExplainFlags, symbol: string): Promise<void> {
	const { release, config, prove } = flags;
	const work = async (options: ops.CommonOptions): Promise<ops.ConfigExplanation> =>
		await ops.configExplain(symbol, { ...options, release, config, prove });
	await one(this, flags, work, report.explainReport);
}

export async function fresh(this: CliContext, flags: NewFlags, release?: string): Promise<void> {
	const { base, brief = false } = flags;
	const work = async (options: ops.CommonOptions): Promise<ops.ConfigNew> =>
		await ops.configNew(release, { ...options, base });
	await one(this, flags, work, (result) => report.newReport(result, brief));
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
