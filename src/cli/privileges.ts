/**
 * The commands `ksquash helper …` and `ksquash boot …`: their table, what they call, and what they say.
 *
 * Owns: flags and sentences of both. Leaves to others: the work (src/operations/helper.ts, boot.ts).
 */

import { buildCommand, buildRouteMap } from "@stricli/core";
import { Exit } from "../errors.ts";
import type { BootStatus } from "../operations/boot.ts";
import type { HelperStatus } from "../operations/helper.ts";
import type { Flags } from "../options/types.ts";
import { type CliContext, one } from "./context.ts";
import { flagsOf, optionsFrom } from "./flags.ts";

const library = async () => await import("../index.ts");

const helperInstall = buildCommand<Flags<"helperInstall">, [], CliContext>({
	async func(flags) {
		const { helperInstall } = await library();
		const own = optionsFrom("helperInstall", flags);
		await one(this, flags, async (o) => await helperInstall({ ...own, ...o }), change);
	},
	parameters: flagsOf("helperInstall"),
	docs: {
		brief: "Let users mount and unmount releases without being root",
		customUsage: ["[flags]", { input: "--user alice", brief: "alice, and nobody else" }],
	},
});

const helperUninstall = buildCommand<Flags<"helperUninstall">, [], CliContext>({
	async func(flags) {
		const { helperUninstall } = await library();
		await one(this, flags, helperUninstall, change);
	},
	parameters: flagsOf("helperUninstall"),
	docs: { brief: "Undo helper install", customUsage: ["[flags]"] },
});

const helperStatus = buildCommand<Flags<"helperStatus">, [], CliContext>({
	async func(flags) {
		const { helperStatus } = await library();
		const result = await one(this, flags, helperStatus, helperLines);
		if (result?.works === false) this.status = Exit.unavailable;
	},
	parameters: flagsOf("helperStatus"),
	docs: { brief: "Would the helper work for this user, and if not why?", customUsage: ["[flags]"] },
});

const bootEnable = buildCommand<Flags<"bootEnable">, [], CliContext>({
	async func(flags) {
		const { bootEnable } = await library();
		await one(this, flags, async (o) => await bootEnable({ ...optionsFrom("bootEnable", flags), ...o }), change);
	},
	parameters: flagsOf("bootEnable"),
	docs: {
		brief: "Mount all images after every boot",
		customUsage: ["[flags]", { input: "--init openrc", brief: "For OpenRC, whatever runs now" }],
	},
});

const bootDisable = buildCommand<Flags<"bootDisable">, [], CliContext>({
	async func(flags) {
		const { bootDisable } = await library();
		await one(this, flags, bootDisable, change);
	},
	parameters: flagsOf("bootDisable"),
	docs: { brief: "Undo boot enable", customUsage: ["[flags]"] },
});

const bootStatus = buildCommand<Flags<"bootStatus">, [], CliContext>({
	async func(flags) {
		const { bootStatus } = await library();
		await one(this, flags, bootStatus, bootLines);
	},
	parameters: flagsOf("bootStatus"),
	docs: { brief: "What mounts the images after a boot", customUsage: ["[flags]"] },
});

export function change({ did, dryRun: planned }: { did: string[]; dryRun: boolean }): string[] {
	if (did.length === 0) return ["nothing to do"];
	return planned ? ["would:", ...did.map((line) => `  ${line}`)] : did.map((line) => `done: ${line}`);
}

function helperLines({ program, installed, works, why, rules, policy }: HelperStatus): string[] {
	const lines = [works ? `${program} works for this user` : `${program} does not work for this user: ${why}`];
	if (installed !== undefined) {
		const { version, sha256, current, capable } = installed;
		const state = [
			current ? "this package's" : "not this package's (ksquash helper install)",
			capable ? "" : "without capabilities",
		];
		lines.push(
			`${version === undefined ? "" : `version ${version}, `}${state.filter(Boolean).join(", ")}, sha256 ${sha256}`,
		);
	}
	for (const { rule, images, mountpoints, umount } of rules) {
		lines.push(`rule ${rule} of ${policy}: images of ${images} on ${mountpoints}${umount ? ", umount" : ""}`);
	}
	return lines;
}

function bootLines({ enabled, ready, problems, notes, fstab }: BootStatus): string[] {
	const first = ready
		? `after a boot ${enabled.join(", ")} mounts all images`
		: "after a boot nothing is mounted by ksquash";
	const lines =
		ready || fstab.length === 0 ? [] : ["or without any service, in /etc/fstab:", ...fstab.map((line) => `  ${line}`)];
	return [first, ...[...problems, ...notes].map((line) => `  ${line}`), ...lines];
}

export const helper = buildRouteMap({
	routes: { install: helperInstall, status: helperStatus, uninstall: helperUninstall },
	docs: { brief: "A small program that lets users mount without being root; off unless it is installed" },
});

export const boot = buildRouteMap({
	routes: { enable: bootEnable, status: bootStatus, disable: bootDisable },
	docs: { brief: "Images mounted after every boot" },
});
