/**
 * The pure functions on configs, for programs that have the texts already: nothing is read, written or run.
 */

export { type Config, formatConfig, parseConfig } from "../../kconfig/config.ts";
export { diffConfigs, fragmentBetween } from "../../kconfig/diff.ts";
export { type Fragment, type MergeOptions, type MergeResult, mergeConfigs } from "../../kconfig/merge.ts";
