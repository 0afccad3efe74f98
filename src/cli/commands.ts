/**
 * The one table of commands: names, arguments, help with examples; flags come from the table of options. Each command's code is
 * loaded when it runs.
 */

import { buildCommand, buildRouteMap } from "@stricli/core";
import type { Flags } from "../options/types.ts";
import { config } from "./config.ts";
import type { CliContext } from "./context.ts";
import { flagsOf } from "./flags.ts";
import { portage } from "./portage.ts";
import { boot, helper } from "./privileges.ts";
import { completion, knownReleases } from "./shells.ts";
import { uninstall } from "./uninstall.ts";

const releases = {
	kind: "array",
	parameter: {
		brief: "A release, as ksquash status shows it",
		parse: String,
		placeholder: "release",
		proposeCompletions: knownReleases,
	},
} as const;

const source = {
	kind: "tuple",
	parameters: [{ brief: "A kernel source tree or tarball", parse: String, placeholder: "tree|tarball" }],
} as const;

const run = async () => await import("./run.ts");

const install = buildCommand<Flags<"install">, [string], CliContext>({
	loader: async () => (await run()).install,
	parameters: { ...flagsOf("install"), positional: source },
	docs: {
		brief: "Pack, verify, mount, configure and select: the whole chain",
		fullDescription:
			"Makes an image of a kernel source, proves it equal to the source, mounts it where the tree stands (or would stand), " +
			"and makes a build directory beside it with the running kernel's config. A tree that stands in that place is " +
			"removed after the proof; any other tree and every tarball is only read. mksquashfs options go behind --.",
		customUsage: [
			"<tree|tarball> [flags] [-- mksquashfs options]",
			{ input: "/usr/src/linux-6.1.192", brief: "Replace this tree by its image" },
			{ input: "linux-6.1.192.tar.xz", brief: "From a tarball; nothing is extracted" },
			{ input: "linux-6.1.192.tar.xz --signature linux-6.1.192.tar.sign", brief: "Only if kernel.org signed it" },
			{ input: "/usr/src/linux-6.1.192 --adopt", brief: "A tree that was built in" },
			{ input: "linux-6.1.tar.xz --preset smallest --owner alice", brief: "alice builds there" },
			{ input: "./linux -- -Xcompression-level 19", brief: "Options for mksquashfs" },
		],
	},
});

const pack = buildCommand<Flags<"pack">, [string], CliContext>({
	loader: async () => (await run()).pack,
	parameters: { ...flagsOf("pack"), positional: source },
	docs: {
		brief: "Make an image of a kernel source and prove it equal",
		customUsage: [
			"<tree|tarball> [flags] [-- mksquashfs options]",
			{ input: "linux-6.1.tar.xz --preset fast", brief: "An image, nothing else" },
			{ input: "/usr/src/linux-6.1.192 --keep-source", brief: "Keep the tree" },
		],
	},
});

const verify = buildCommand<Flags<"verify">, string[], CliContext>({
	loader: async () => (await run()).verify,
	parameters: { ...flagsOf("verify"), positional: releases },
	docs: {
		brief: "Is an image still what its manifest says?",
		customUsage: [
			"<release>... [flags]",
			{ input: "6.1.192", brief: "The image's sha256" },
			{ input: "--deep 6.1.192", brief: "Every entry and every byte" },
		],
	},
});

const mount = buildCommand<Flags<"mount">, string[], CliContext>({
	loader: async () => (await run()).mount,
	parameters: { ...flagsOf("mount"), positional: releases },
	docs: {
		brief: "Mount images where their trees stood",
		customUsage: [
			"<release>...|--all [flags]",
			{ input: "6.1.192", brief: "One release" },
			{ input: "--all", brief: "All of them" },
		],
	},
});

const umount = buildCommand<Flags<"umount">, string[], CliContext>({
	loader: async () => (await run()).umount,
	parameters: { ...flagsOf("umount"), positional: releases },
	docs: {
		brief: "Unmount images",
		customUsage: [
			"<release>...|--all [flags]",
			{ input: "6.1.192", brief: "One release; a busy one is refused, its users named" },
			{ input: "--all", brief: "All of them" },
			{ input: "--lazy 6.1.192", brief: "Although somebody still reads there" },
		],
	},
});

const configure = buildCommand<Flags<"configure">, string[], CliContext>({
	loader: async () => (await run()).configure,
	parameters: { ...flagsOf("configure"), positional: releases },
	docs: {
		brief: "Make a build directory with a merged .config",
		customUsage: [
			"<release>... [flags]",
			{ input: "6.1.192", brief: "From the running kernel's config" },
			{ input: "6.1.192 --base defconfig --owner alice", brief: "From the tree's defconfig, for alice" },
			{ input: "6.1.192 --build-dir /fast/disk/k --fragment my.config", brief: "Elsewhere, with settings of your own" },
			{ input: "6.1.192 --variant arm --arch arm64 --cross aarch64-linux-gnu-", brief: "A second build directory" },
		],
	},
});

const select = buildCommand<Flags<"select">, [string], CliContext>({
	loader: async () => (await run()).select,
	parameters: { ...flagsOf("select"), positional: { kind: "tuple", parameters: [releases.parameter] } },
	docs: {
		brief: "Point /usr/src/linux to a release's build directory",
		customUsage: ["<release> [flags]", { input: "6.1.192", brief: "/usr/src/linux → build-6.1.192" }],
	},
});

const remove = buildCommand<Flags<"remove">, string[], CliContext>({
	loader: async () => (await run()).remove,
	parameters: { ...flagsOf("remove"), positional: releases },
	docs: {
		brief: "Remove a release; its configs and keys are saved first",
		customUsage: [
			"<release>... [flags]",
			{ input: "6.1.192", brief: "Image, mount, build directory" },
			{ input: "6.1.192 --dry-run", brief: "Only say what would go, and what would stay" },
			{ input: "6.1.192 --purge", brief: "Your own files in the build directory, too" },
			{ input: "6.1.192 --force", brief: "Although it is the running kernel's" },
		],
	},
});

const status = buildCommand<Flags<"status">, [], CliContext>({
	loader: async () => (await run()).status,
	parameters: flagsOf("status"),
	docs: {
		brief: "What is there: releases, mounts, sizes, build directories",
		customUsage: ["[flags]", { input: "--json", brief: "For programs" }],
	},
});

const doctor = buildCommand<Flags<"doctor">, [], CliContext>({
	loader: async () => (await run()).doctor,
	parameters: flagsOf("doctor"),
	docs: {
		brief: "What this machine lacks, and the line that mends it",
		customUsage: ["[flags]"],
	},
});

export const routes = buildRouteMap({
	routes: {
		install,
		pack,
		verify,
		mount,
		umount,
		configure,
		config,
		select,
		remove,
		status,
		doctor,
		helper,
		boot,
		portage,
		uninstall,
		completion,
	},
	docs: {
		brief: "Keeps a kernel source tree as one mounted squashfs image, with a writable build directory beside it",
	},
});
