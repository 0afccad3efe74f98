/**
 * The one table of commands: names, arguments, flags, help with examples. Each command's code is loaded when it runs.
 */

import { buildCommand, buildRouteMap } from "@stricli/core";
import { config } from "./config.ts";
import type { CliContext } from "./context.ts";
import {
	buildFlags,
	type Common,
	type ConfigureFlags,
	common,
	dryRun,
	flag,
	mountFlags,
	type PackFlags,
	packFlags,
	variantFlags,
} from "./flags.ts";
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

export type ManyFlags = Common & { all?: boolean; dryRun?: boolean };
export type MountFlags = ManyFlags & { fuse?: "auto" | "never" | "always" };
export type UmountFlags = ManyFlags & { lazy?: boolean; force?: boolean };
export type VerifyFlags = Common & { quick?: boolean; deep?: boolean };
export type RemoveFlags = Common & { dryRun?: boolean; force?: boolean; purge?: boolean };
export type InstallFlags = PackFlags & ConfigureFlags & Pick<MountFlags, "fuse"> & { select?: boolean };
export type SelectFlags = Common & { dryRun?: boolean; variant?: string };

const install = buildCommand<InstallFlags, [string], CliContext>({
	loader: async () => (await run()).install,
	parameters: {
		positional: source,
		flags: {
			...packFlags,
			...buildFlags,
			...variantFlags,
			...mountFlags,
			select: flag("Move the linux link wherever it points now"),
		},
	},
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

const pack = buildCommand<PackFlags, [string], CliContext>({
	loader: async () => (await run()).pack,
	parameters: { positional: source, flags: packFlags },
	docs: {
		brief: "Make an image of a kernel source and prove it equal",
		customUsage: [
			"<tree|tarball> [flags] [-- mksquashfs options]",
			{ input: "linux-6.1.tar.xz --preset fast", brief: "An image, nothing else" },
			{ input: "/usr/src/linux-6.1.192 --keep-source", brief: "Keep the tree" },
		],
	},
});

const verify = buildCommand<VerifyFlags, string[], CliContext>({
	loader: async () => (await run()).verify,
	parameters: {
		positional: releases,
		flags: {
			...common,
			quick: flag("Only size and superblock"),
			deep: flag("Read every file, too"),
		},
	},
	docs: {
		brief: "Is an image still what its manifest says?",
		customUsage: [
			"<release>... [flags]",
			{ input: "6.1.192", brief: "The image's sha256" },
			{ input: "--deep 6.1.192", brief: "Every entry and every byte" },
		],
	},
});

const mount = buildCommand<MountFlags, string[], CliContext>({
	loader: async () => (await run()).mount,
	parameters: {
		positional: releases,
		flags: { ...common, ...dryRun, ...mountFlags, all: flag("Every image there is") },
	},
	docs: {
		brief: "Mount images where their trees stood",
		customUsage: [
			"<release>...|--all [flags]",
			{ input: "6.1.192", brief: "One release" },
			{ input: "--all", brief: "All of them" },
		],
	},
});

const umount = buildCommand<UmountFlags, string[], CliContext>({
	loader: async () => (await run()).umount,
	parameters: {
		positional: releases,
		flags: {
			...common,
			...dryRun,
			all: flag("Every image there is"),
			lazy: flag("Detach a busy mount; it lives on, unseen, until its last user ends"),
			force: flag("Also a mount whose image was deleted: the last copy"),
		},
	},
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

const configure = buildCommand<ConfigureFlags, string[], CliContext>({
	loader: async () => (await run()).configure,
	parameters: { positional: releases, flags: { ...common, ...dryRun, ...buildFlags, ...variantFlags } },
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

const select = buildCommand<SelectFlags, [string], CliContext>({
	loader: async () => (await run()).select,
	parameters: {
		positional: { kind: "tuple", parameters: [releases.parameter] },
		flags: { ...common, ...dryRun, variant: variantFlags.variant },
	},
	docs: {
		brief: "Point /usr/src/linux to a release's build directory",
		customUsage: ["<release> [flags]", { input: "6.1.192", brief: "/usr/src/linux → build-6.1.192" }],
	},
});

const remove = buildCommand<RemoveFlags, string[], CliContext>({
	loader: async () => (await run()).remove,
	parameters: {
		positional: releases,
		flags: {
			...common,
			...dryRun,
			force: flag("Also the running kernel's release, and an image without a manifest of ksquash's"),
			purge: flag("Also your own files in the build directory"),
		},
	},
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

const status = buildCommand<Common, [], CliContext>({
	loader: async () => (await run()).status,
	parameters: { flags: common },
	docs: {
		brief: "What is there: releases, mounts, sizes, build directories",
		customUsage: ["[flags]", { input: "--json", brief: "For programs" }],
	},
});

const doctor = buildCommand<Common, [], CliContext>({
	loader: async () => (await run()).doctor,
	parameters: { flags: common },
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
