/**
 * Options about configs and build directories: those of configure (install has them, too) and of `ksquash config …`.
 */

import type { OptionSpec } from "./types.ts";

const building = ["install", "configure"] as const;
/** pack takes them with `adopt`; its command has no flags for them. */
const adopting = ["install", "pack", "configure"] as const;

export const CONFIG_KINDS = "file (also .gz, .xz, vmlinuz, vmlinux), running, or build:REL";

export const configs = {
	/**
	 * configure and install: user name or id. For root: the settings', else root; for others the directory's own, else the
	 * caller.
	 * pack: with adopt: the user whose the build directory is.
	 */
	owner: {
		kind: "owner",
		verbs: adopting,
		commands: building,
		placeholder: "user",
		brief: "User who builds there",
		default: "root",
	},
	/**
	 * configure and install: where the directory lies; beside the source when absent. A link stands there then.
	 * pack: with adopt: the build directory.
	 */
	buildDir: {
		kind: "text",
		verbs: adopting,
		commands: building,
		placeholder: "dir",
		brief: "Where the build directory lies",
	},
	/**
	 * configure and install: "running", "build:REL", "defconfig", "NAME_defconfig", or a file.
	 * configNew: compared with this: a file, "running", or "build:REL"; what the configure began with when absent.
	 */
	base: {
		kind: "text",
		verbs: [...building, "configNew"],
		placeholder: "base",
		brief: "Base config: running, build:REL, defconfig, NAME_defconfig, or a file",
		per: {
			configNew: {
				brief: `New against this config: a ${CONFIG_KINDS}`,
				placeholder: "config",
				default: "the base of the last configure",
			},
		},
	},
	brief: { kind: "flag", verbs: [], commands: ["configNew"], brief: "Without help texts" },
	/** Where the result goes; only returned when absent. What was there becomes FILE.old. */
	output: {
		kind: "text",
		verbs: ["configMerge"],
		letter: "o",
		placeholder: "file",
		brief: "Write FILE instead of stdout; what was there becomes FILE.old",
	},
	/** Config fragments, merged in this order after those of the machine. */
	fragments: {
		kind: "texts",
		verbs: [...building, "configCheck"],
		commands: building,
		flag: "fragment",
		placeholder: "file",
		brief: "Config fragment to merge (may be given again)",
	},
	/** Settings after the last fragment, e.g. "SQUASHFS=y". */
	set: {
		kind: "texts",
		verbs: [...building, "configMerge", "configCheck"],
		placeholder: "setting",
		brief: "SYMBOL=VALUE after the last fragment (may be given again)",
		per: { configCheck: { brief: "SYMBOL=VALUE to look for (may be given again)", placeholder: "setting" } },
	},
	/**
	 * configure and install: fail where `conf` would lose a line, instead of a warning.
	 * configMerge: fail when `conf` would lose a line, or a fragment gives a symbol another value (merge_config.sh -s).
	 */
	strict: {
		kind: "flag",
		verbs: [...building, "configMerge"],
		brief: "Fail where a line of a fragment would be lost",
		per: { configMerge: { brief: "Fail where a line would be lost or a fragment gives a symbol another value" } },
	},
	/** A y stays y where a fragment says m (merge_config.sh -y). */
	keepBuiltin: { kind: "flag", verbs: ["configMerge", "mergeConfigs"], brief: "A y stays y where a fragment says m" },
	redundant: {
		kind: "flag",
		verbs: [],
		commands: ["configMerge"],
		brief: "Also name settings that a fragment only repeats",
	},
	/** What becomes of the base's LOCALVERSION: "keep" (the default), "drop", or the text to set, e.g. "-mine". */
	localVersion: {
		kind: "text",
		verbs: building,
		flag: "localversion",
		placeholder: "rule",
		brief: "The base's LOCALVERSION: keep (the default), drop, or the text to set",
	},
	/** Also run modules_prepare: modules from elsewhere (DKMS, nvidia, zfs) need what it makes. */
	modulesPrepare: { kind: "flag", verbs: building, brief: "Also run modules_prepare, which external modules need" },
	/** NAME=VALUE for make, e.g. "CC=clang". */
	makeArgs: {
		kind: "texts",
		verbs: building,
		flag: "make",
		placeholder: "arg",
		brief: "NAME=VALUE for make (may be given again)",
	},
	/**
	 * configure, install and select: a second build directory of the same release: build-REL-VARIANT.
	 * pack: with adopt: the build directory is this release's second one, by this name.
	 */
	variant: {
		kind: "text",
		verbs: [...adopting, "select"],
		commands: [...building, "select"],
		placeholder: "name",
		brief: "A second build directory: build-REL-NAME",
	},
	/**
	 * configure and install: ARCH= of make; the machine's own when absent.
	 * configSources: ARCH= of the build; the machine's own when absent.
	 */
	arch: {
		kind: "text",
		verbs: [...building, "configSources"],
		placeholder: "arch",
		brief: "ARCH for make",
		per: { configSources: { brief: "ARCH of the build", placeholder: "arch" } },
	},
	/** CROSS_COMPILE= of make. */
	cross: { kind: "text", verbs: building, placeholder: "prefix", brief: "CROSS_COMPILE for make" },
	/** Which config: a file, "running" (the default), or "build:REL". */
	from: {
		kind: "text",
		verbs: ["configShow"],
		placeholder: "config",
		brief: `A ${CONFIG_KINDS}`,
		default: "running",
	},
	asFragment: {
		kind: "flag",
		verbs: [],
		commands: ["configDiff"],
		brief: "Print a fragment that turns the first into the second",
	},
	/** Whose values: a file, "running", or "build:REL"; the release's own .config when absent. */
	config: {
		kind: "text",
		verbs: ["configExplain"],
		placeholder: "config",
		brief: "With the values of this config instead of the build directory's",
	},
	/** Let `conf` try the lines, where there are some, in a directory that is removed again. */
	prove: {
		kind: "flag",
		verbs: ["configExplain"],
		brief: "Let the kernel's own conf try the lines, in a scratch directory",
	},
} as const satisfies Record<string, OptionSpec>;
