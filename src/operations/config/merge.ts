/**
 * config merge: fragments into a base, written as one file; what the kernel's merge_config.sh -m does.
 *
 * Owns: reading, what strict refuses, and the way the result gets to its place. Leaves to others: the merge (src/kconfig/merge.ts)
 * and the final values, which only `conf` decides.
 */

import { lstat, realpath } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { KsquashError } from "../../errors.ts";
import type { Finding } from "../../kconfig/config.ts";
import { type MergeReport, mergeConfigs } from "../../kconfig/merge.ts";
import { findingLine, fragmentName } from "../../kconfig/set-option.ts";
import type { Options } from "../../options/types.ts";
import { reportLost, strictError, userFragments } from "../../release/config-inputs.ts";
import { openContext } from "../../release/context.ts";
import { attempt } from "../../system/failure.ts";
import { lstatIfExists, readIfExists, writeFileAtomic } from "../../system/files.ts";
import { text } from "../../text.ts";
import { readNamed } from "./named-config.ts";

export type { Finding } from "../../kconfig/config.ts";
export type { MergeReport } from "../../kconfig/merge.ts";

export type ConfigMergeOptions = Options<"configMerge">;

export interface ConfigMergeResult {
	/** The merged config. */
	text: Uint8Array;
	/** The file that was written; absent without one. */
	output?: string;
	/** The file had this content already. */
	already: boolean;
	/** Symbols that the fragments set. */
	asked: number;
	reports: MergeReport[];
	findings: Finding[];
	/** Symbols that are m, and that `conf` makes y because MODULES is not set. */
	promoted: string[];
	plan?: string[];
}

/** `base` is a file, "running" or "build:REL". Throws ERR_KSQUASH_CONFIG_FILE where strict refuses. */
export async function configMerge(
	base: string,
	fragments: readonly string[],
	options: ConfigMergeOptions = {},
): Promise<ConfigMergeResult> {
	const context = await openContext("configMerge", options, { base, fragments });
	const { signal } = context;
	const first = await readNamed(context, base);
	const files = await userFragments(context, { fragments, set: options.set });
	const { keepBuiltin = false } = options;
	const { text, reports, findings, asked, promoted } = mergeConfigs(first, files, { keepBuiltin });
	if (options.strict) assertStrict(reports, findings);
	reportLost(context, findings);
	const result = { text, asked: asked.length, reports, findings, promoted, already: false };
	if (options.output === undefined) return result;
	const output = await destination(options.output, fragments);
	const previous = await attempt(`read ${output}`, readIfExists(output));
	if (previous?.equals(text)) return { ...result, output, already: true };
	const old = `${output}.old`;
	if (context.dryRun) {
		const plan = [...(previous === undefined ? [] : [`keep ${output} as ${old}`]), `write ${output}`];
		return { ...result, output, plan };
	}
	signal?.throwIfAborted();
	const mode = previous === undefined ? 0o644 : (await lstat(output)).mode & 0o777;
	if (previous !== undefined) await attempt(`write ${old}`, writeFileAtomic(old, previous, { mode }));
	await attempt(`write ${output}`, writeFileAtomic(output, text, { mode }));
	return { ...result, output };
}

function assertStrict(reports: readonly MergeReport[], findings: readonly Finding[]): void {
	const lost = findings.filter(({ kind }) => kind === "lost").map(findingLine);
	const changed = reports.filter(({ kind, previous, next }) => {
		return kind === "redefinition" || (kind === "duplicate" && previous.raw !== next.raw);
	});
	const lines = changed.map(({ symbol, previous, next }) => {
		const before = text`${fragmentName(previous.file)}:${previous.line}`;
		return text`${fragmentName(next.file)}:${next.line}: CONFIG_${symbol}=${next.raw}, but ${before} says ${previous.raw}`;
	});
	if (lost.length + lines.length > 0) throw strictError([...lost, ...lines]);
}

/** A link is followed, so that it stays one. A fragment is never written over. */
async function destination(output: string, fragments: readonly string[]): Promise<string> {
	const given = resolve(output);
	const target = (await lstatIfExists(given)) === undefined ? undefined : await realpath(given).catch(() => undefined);
	if (target === undefined) {
		const stats = await lstatIfExists(given);
		if (stats === undefined)
			return join(await attempt(`write ${given}`, realpath(dirname(given))), given.slice(given.lastIndexOf("/") + 1));
		throw new KsquashError("ERR_KSQUASH_OCCUPIED", `${given} is a link that leads nowhere`, { path: given });
	}
	const stats = await lstat(target, { bigint: true });
	if (!stats.isFile()) {
		throw new KsquashError("ERR_KSQUASH_OCCUPIED", `${given} is no regular file`, {
			path: given,
			hint: "without -o the result goes to stdout",
		});
	}
	for (const fragment of fragments) {
		const same = await lstat(await realpath(resolve(fragment)), { bigint: true });
		if (same.dev !== stats.dev || same.ino !== stats.ino) continue;
		throw new KsquashError("ERR_KSQUASH_USAGE", `${fragment} is a fragment, and cannot be the output, too`, {
			path: target,
			hint: "name another file with -o",
		});
	}
	return target;
}
