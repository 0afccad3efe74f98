/** The library: what a program can import from "ksquash". Re-exports, nothing else. */

export { type ErrorCode, Exit, errorCodes, KsquashError } from "./errors.ts";
export {
	type BootChange,
	type BootEnableOptions,
	type BootStatus,
	bootDisable,
	bootEnable,
	bootStatus,
} from "./operations/boot.ts";
export { type CheckOptions, type ConfigCheck, configCheck, type Miss } from "./operations/config/check.ts";
export { type Change, type ConfigDiff, type ConfigShow, configDiff, configShow } from "./operations/config/diff.ts";
export { type ConfigExplanation, configExplain, type ExplainOptions } from "./operations/config/explain.ts";
export {
	type ConfigMergeOptions,
	type ConfigMergeResult,
	configMerge,
	type Finding,
	type MergeReport,
} from "./operations/config/merge.ts";
export { type ConfigNew, configNew, type NewOptions, type NewSymbol } from "./operations/config/new-symbols.ts";
export { type ConfigSources, configSources, type SourceEntry } from "./operations/config/sources.ts";
export {
	type Config,
	diffConfigs,
	type Fragment,
	formatConfig,
	fragmentBetween,
	type MergeOptions,
	type MergeResult,
	mergeConfigs,
	parseConfig,
} from "./operations/config/text.ts";
export {
	type ConfigureOptions,
	type ConfigurePlan,
	type ConfigureResult,
	configure,
} from "./operations/configure/index.ts";
export { type Check, type Diagnosis, doctor } from "./operations/doctor/index.ts";
export {
	type HelperChange,
	type HelperInstallOptions,
	type HelperStatus,
	helperInstall,
	helperStatus,
	helperUninstall,
} from "./operations/helper.ts";
export { type InstallOptions, type InstallPlan, type InstallResult, install } from "./operations/install.ts";
export { type MountHandle, type MountOptions, type MountOutcome, mount, mountAll } from "./operations/mount.ts";
export { type PackOptions, type PackPlan, type PackResult, pack } from "./operations/pack/index.ts";
export {
	type PortageChange,
	type PortageOptions,
	type PortageStatus,
	type PortageUninstallOptions,
	portageInstall,
	portageSetting,
	portageStatus,
	portageUninstall,
} from "./operations/portage/index.ts";
export { type RemoveOptions, type RemovePlan, type RemoveResult, remove } from "./operations/remove/index.ts";
export { type SelectOptions, type SelectResult, select } from "./operations/select.ts";
export { type ReleaseStatus, type Status, status } from "./operations/status.ts";
export {
	type UmountedAll,
	type UmountOptions,
	type UmountOutcome,
	type UmountPlan,
	umount,
	umountAll,
} from "./operations/umount.ts";
export { type UninstallResult, uninstall } from "./operations/uninstall.ts";
export { type VerifyOptions, type VerifyResult, verify } from "./operations/verify.ts";
export type { CommonOptions, ProgressEvent } from "./release/context.ts";
export type { Failed } from "./release/many.ts";
export type { Call } from "./text.ts";
