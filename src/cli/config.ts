/**
 * The table of `ksquash config …`: names, arguments, flags, help with examples.
 */

import { buildCommand, buildRouteMap } from "@stricli/core";
import type { CliContext } from "./context.ts";
import { type Common, common, dryRun, flag, text, texts } from "./flags.ts";

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

const SOURCE = "A file (also .gz, .xz, vmlinuz, vmlinux), running, or build:REL";

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
		positional: words(`The base, then fragments; the base is ${SOURCE.toLowerCase()}`, "config"),
		flags: {
			...common,
			...dryRun,
			output: text("Write FILE instead of stdout; what was there becomes FILE.old", "file"),
			set: texts("SYMBOL=VALUE after the last fragment (may be given again)", "setting"),
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

export const config = buildRouteMap({
	routes: { sources, show, diff, merge },
	docs: { brief: "Kernel configs: find, show, compare, merge, check and explain them" },
});
