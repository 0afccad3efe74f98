/**
 * The table of `ksquash config …`: names, arguments, help with examples.
 */

import { buildCommand, buildRouteMap } from "@stricli/core";
import { CONFIG_KINDS } from "../options/configs.ts";
import type { Flags } from "../options/types.ts";
import type { CliContext } from "./context.ts";
import { flagsOf } from "./flags.ts";

const run = async () => await import("./config-run.ts");

const words = (brief: string, placeholder: string) =>
	({ kind: "array", parameter: { brief, parse: String, placeholder } }) as const;
const one = (brief: string, placeholder: string) => ({ brief, parse: String, placeholder }) as const;

const SOURCE = `A ${CONFIG_KINDS}`;

const sources = buildCommand<Flags<"configSources">, [string?], CliContext>({
	loader: async () => (await run()).sources,
	parameters: {
		...flagsOf("configSources"),
		positional: {
			kind: "tuple",
			parameters: [{ ...one("A release whose build directory counts, too", "release"), optional: true }],
		},
	},
	docs: {
		brief: "Every config here that a build could begin with, and which one it would be",
		customUsage: ["[release] [flags]", { input: "6.1.192", brief: "For that release's build directory" }],
	},
});

const show = buildCommand<Flags<"configShow">, string[], CliContext>({
	loader: async () => (await run()).show,
	parameters: {
		...flagsOf("configShow"),
		positional: words("A symbol; * and ? stand for any letters", "symbol"),
	},
	docs: {
		brief: "Print a config, or some of its symbols",
		customUsage: [
			"[symbol]... [flags]",
			{ input: "SQUASHFS 'SQUASHFS_*'", brief: "Of the running kernel" },
			{ input: "--from /boot/vmlinuz-6.1.0-50-amd64", brief: "What that image was built with" },
		],
	},
});

const diff = buildCommand<Flags<"configDiff">, [string, string], CliContext>({
	loader: async () => (await run()).diff,
	parameters: {
		...flagsOf("configDiff"),
		positional: { kind: "tuple", parameters: [one(SOURCE, "from"), one("The other one", "to")] },
	},
	docs: {
		brief: "What differs between two configs",
		fullDescription:
			"An absent symbol equals one that is not set. The exit status is 0 when nothing differs, 1 when something does, " +
			"and 2 when a config cannot be read.",
		customUsage: [
			"<from> <to> [flags]",
			{ input: "running build:6.1.192", brief: "What configure changed" },
			{ input: "--as-fragment .config.old .config", brief: "An evening of menuconfig as a fragment" },
		],
	},
});

const merge = buildCommand<Flags<"configMerge">, string[], CliContext>({
	loader: async () => (await run()).merge,
	parameters: {
		...flagsOf("configMerge"),
		positional: words(`The base, then fragments; the base is a ${CONFIG_KINDS}`, "config"),
	},
	docs: {
		brief: "Merge fragments into a base, as the kernel's merge_config.sh -m does",
		fullDescription:
			"The output is the base without every line that a fragment sets, then each fragment. The kernel's own conf decides " +
			"the final values: make olddefconfig, or ksquash configure, comes after it.",
		customUsage: [
			"<base> <fragment>... [flags]",
			{ input: "running my.config -o .config", brief: "The running kernel's config and mine" },
			{ input: "--dry-run --strict .config a.config b.config", brief: "Only say what clashes" },
		],
	},
});

const check = buildCommand<Flags<"configCheck">, string[], CliContext>({
	loader: async () => (await run()).check,
	parameters: {
		...flagsOf("configCheck"),
		positional: words("The release (or REL-VARIANT), then fragments instead of those of the last configure", "release"),
	},
	docs: {
		brief: "What was asked for and is not in the .config, each with its reason",
		fullDescription:
			"Looks for what the last configure of this release was asked for, or for the fragments named here, and whether the " +
			"kernel could mount its own source. The exit status is 1 when something is missing.",
		customUsage: ["<release> [fragment]... [flags]", { input: "6.1.192", brief: "Did I get what I asked for?" }],
	},
});

const explain = buildCommand<Flags<"configExplain">, [string], CliContext>({
	loader: async () => (await run()).explain,
	parameters: {
		...flagsOf("configExplain"),
		positional: { kind: "tuple", parameters: [one("With or without CONFIG_", "symbol")] },
	},
	docs: {
		brief: "Why a symbol is as it is, and the lines that would turn it on",
		customUsage: [
			"<symbol> [flags]",
			{ input: "SQUASHFS_XZ", brief: "Of the selected release" },
			{ input: "BTRFS_FS --release 6.1.192 --prove", brief: "And see that the lines work" },
		],
	},
});

const fresh = buildCommand<Flags<"configNew">, [string?], CliContext>({
	loader: async () => (await run()).fresh,
	parameters: {
		...flagsOf("configNew"),
		positional: {
			kind: "tuple",
			parameters: [{ ...one("The release (or REL-VARIANT); default: the selected one", "release"), optional: true }],
		},
	},
	docs: {
		brief: "Symbols that the base knew nothing of, with conf's choice and their help",
		customUsage: ["[release] [flags]", { input: "6.1.192 --brief", brief: "One line each" }],
	},
});

export const config = buildRouteMap({
	routes: { sources, show, diff, merge, check, explain, new: fresh },
	docs: { brief: "Kernel configs: find, show, compare, merge, check and explain them" },
});
