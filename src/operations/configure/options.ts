/**
 * What a caller may ask of configure, what he gets, and the checks that need no source: files there, names good,
 * programs there.
 */

import { assertBuildTools, assertMakeWords } from "../../build/kbuild.ts";
import { parseConfig } from "../../kconfig/config.ts";
import type { Fragment } from "../../kconfig/merge.ts";
import { readConfigFile } from "../../kconfig/read.ts";
import type { Options } from "../../options/types.ts";
import { allFragments, findingsOf, namedBase, refuseLost } from "../../release/config-inputs.ts";
import type { Context } from "../../release/context.ts";
import type { DoneResult, PlannedResult } from "../../release/plan.ts";
import { assertRelease } from "../../system/names.ts";
import { option, text } from "../../text.ts";

/** Fragments are merged after those of /etc/kernel/config.d and of the settings. */
export type ConfigureOptions = Options<"configure">;

export interface ConfigureResult extends DoneResult {
	release: string;
	buildDir: string;
	/** Nothing had changed: no make was run. */
	already: boolean;
	/** Which base, and why; one sentence. */
	base: string;
	/** Symbols of the base that were left out: facts of another compiler, files that are not here. */
	scrubbed: { symbol: string; why: string }[];
	/** What was asked for and is not in the final config, each with its reason: one sentence. */
	missed: string[];
}

/** With dryRun. */
export interface ConfigurePlan extends PlannedResult {
	release: string;
	buildDir: string;
	/** Nothing has changed: no make would be run. */
	already: boolean;
	/** Which base, and why; one sentence. */
	base: string;
}

/**
 * Says what is wrong with the options before any work, and returns the fragments. Without `source` a kernel of today is
 * assumed.
 *
 * Throws ERR_KSQUASH_USAGE, ERR_KSQUASH_NO_INPUT, ERR_KSQUASH_RELEASE_NAME, ERR_KSQUASH_TOOL_MISSING,
 * ERR_KSQUASH_CONFIG_FILE.
 */
export async function checkOptions(
	context: Context,
	options: ConfigureOptions,
	{ release = "x", source }: { release?: string | undefined; source?: string | undefined } = {},
): Promise<Fragment[]> {
	if (options.variant !== undefined) assertRelease(`${release}-${options.variant}`, text`from ${option("variant")}`);
	assertMakeWords(options);
	const fragments = await allFragments(context, options);
	if (options.strict) refuseLost(findingsOf(fragments));
	const base = await namedBase(context, options.base);
	if (base?.kind === "file") parseConfig(await readConfigFile(base.path), base.path);
	await assertBuildTools(options, source);
	return fragments;
}
