/**
 * The table of `ksquash config …`: names, arguments, flags, help with examples.
 */

import { buildCommand, buildRouteMap } from "@stricli/core";
import type { CliContext } from "./context.ts";
import { type Common, common, dryRun, flag, list, text } from "./flags.ts";

const run = async () => await import("./config-run.ts");

const words = (brief: string, placeholder: string) =>
	({ kind: "array", parameter: { brief, parse: String, placeholder } }) as const;
const one = (brief: string, placeholder: string) => ({ brief, parse: String, placeholder }) as const;

export type SourcesFlags = Common & { arch?: string };
export type ShowFlags = Common & { from?: string };
export type DiffFlags = Common & { asFragment?: boolean };
export type MergeFlags = Common & {
	dryRun?: boolean;
	output?: string;
	set?: readonly string[];
	strict?: boolean;
	keepBuiltin?: boolean;
	redundant?: boolean;
};

export type CheckFlags = Common & { set?: readonly string[] };
export type ExplainFlags = Common & { release?: string; config?: string; prove?: boolean };
export type NewFlags = Common & { base?: string; brief?: boolean };

const KINDS = "file (also .gz, .xz, vmlinuz, vmlinux), running, or build:REL";
const SOURCE = `A ${KINDS}`;

const sources = buildCommand<SourcesFlags, [string?], CliContext>({
	loader: async () => (await run()).sources,
	parameters: {
		positional: {
			kind: "tuple",
			parameters: [{ ...one("A release whose build directory counts, too", "release"), optional: true }],
		},
		flags: { ...common, arch: text("ARCH of the build", "arch") },
	},
	docs: {
		brief: "Every config here that a build could begin with, and which one it would be",
		customUsage: ["[release] [flags]", { input: "6.1.192", brief: "For that release's build directory" }],
	},
});

const show = buildCommand<ShowFlags, string[], CliContext>({
	loader: async () => (await run()).show,
	parameters: {
		positional: words("A symbol; * and ? stand for any letters", "symbol"),
		flags: { ...common, from: text(`${SOURCE} (default: running)`, "config") },
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

const diff = buildCommand<DiffFlags, [string, string], CliContext>({
	loader: async () => (await run()).diff,
	parameters: {
		positional: { kind: "tuple", parameters: [one(SOURCE, "from"), one("The other one", "to")] },
		flags: { ...common, asFragment: flag("Print a fragment that turns the first into the second") },
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

const merge = buildCommand<MergeFlags, string[], CliContext>({
	loader: async () => (await run()).merge,
	parameters: {
		positional: words(`The base, then fragments; the base is a ${KINDS}`, "config"),
		flags: {
			...common,
			...dryRun,
			output: text("Write FILE instead of stdout; what was there becomes FILE.old", "file"),
			set: list("SYMBOL=VALUE after the last fragment (may be given again)", "setting"),
			strict: flag("Fail where a line would be lost or a fragment gives a symbol another value"),
			keepBuiltin: flag("A y stays y where a fragment says m"),
			redundant: flag("Also name settings that a fragment only repeats"),
		},
		aliases: { o: "output" },
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

const check = buildCommand<CheckFlags, string[], CliContext>({
	loader: async () => (await run()).check,
	parameters: {
		positional: words("The release (or REL-VARIANT), then fragments instead of those of the last configure", "release"),
		flags: { ...common, set: list("SYMBOL=VALUE to look for (may be given again)", "setting") },
	},
	docs: {
		brief: "What was asked for and is not in the .config, each with its reason",
		fullDescription:
			"Looks for what the last configure of this release was asked for, or for the fragments named here, and whether the " +
			"kernel could mount its own source. The exit status is 1 when something is missing.",
		customUsage: ["<release> [fragment]... [flags]", { input: "6.1.192", brief: "Did I get what I asked for?" }],
	},
});

const explain = buildCommand<ExplainFlags, [string], CliContext>({
	loader: async () => (await run()).explain,
	parameters: {
		positional: { kind: "tuple", parameters: [one("With or without CONFIG_", "symbol")] },
		flags: {
			...common,
			release: text("Of this release (or REL-VARIANT); default: the selected one", "rel"),
			config: text("With the values of this config instead of the build directory's", "config"),
			prove: flag("Let the kernel's own conf try the lines, in a scratch directory"),
		},
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

const fresh = buildCommand<NewFlags, [string?], CliContext>({
	loader: async () => (await run()).fresh,
	parameters: {
		positional: {
			kind: "tuple",
			parameters: [{ ...one("The release (or REL-VARIANT); default: the selected one", "release"), optional: true }],
		},
		flags: {
			...common,
			base: text(`New against this config: a ${KINDS} (default: the base of the last configure)`, "config"),
			brief: flag("Without help texts"),
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
