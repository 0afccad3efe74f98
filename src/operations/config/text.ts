/**
 * The pure functions on configs, for programs that have the texts already: nothing is read, written or run.
 */

import { type Fragment, type MergeResult, mergeConfigs as merge } from "../../kconfig/merge.ts";
import { assertArguments, assertOptions } from "../../options/check.ts";
import type { Options } from "../../options/types.ts";

export { type Config, formatConfig, parseConfig } from "../../kconfig/config.ts";
export { diffConfigs, fragmentBetween } from "../../kconfig/diff.ts";
export type { Fragment, MergeResult } from "../../kconfig/merge.ts";

export type MergeOptions = Options<"mergeConfigs">;

/** What merge_config.sh -m does. Throws ERR_KSQUASH_USAGE for values of another type. */
export function mergeConfigs(base: Fragment, fragments: readonly Fragment[], options: MergeOptions = {}): MergeResult {
	assertArguments("mergeConfigs", { base, fragments });
	assertOptions("mergeConfigs", options);
	return merge(base, fragments, options);
}
