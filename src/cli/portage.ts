/**
 * The commands `ksquash portage …`: their table, what they call, and what they say.
 */

import { buildCommand, buildRouteMap } from "@stricli/core";
import type { PortageChange, PortageStatus } from "../operations/portage/index.ts";
import type { Flags } from "../options/types.ts";
import { type CliContext, one } from "./context.ts";
import { flagsOf, optionsFrom } from "./flags.ts";

const library = async () => await import("../index.ts");

const install = buildCommand<Flags<"portageInstall">, [], CliContext>({
	async func(flags) {
		const own = optionsFrom("portageInstall", flags);
		const { portageInstall } = await library();
		await one(this, flags, async (o) => await portageInstall({ ...own, ...o }), change);
	},
	parameters: flagsOf("portageInstall"),
	docs: {
		brief: "Let Portage install kernel sources as images",
		customUsage: [
			"[flags]",
			{ input: "--package sys-kernel/vanilla-sources", brief: "For these instead of gentoo-sources" },
			{ input: "--package 'sys-kernel/*-sources'", brief: "For all kernel sources of that name in the repositories" },
		],
	},
});

const uninstall = buildCommand<Flags<"portageUninstall">, [], CliContext>({
	async func(flags) {
		const own = optionsFrom("portageUninstall", flags);
		const { portageUninstall } = await library();
		await one(this, flags, async (o) => await portageUninstall({ ...own, ...o }), change);
	},
	parameters: flagsOf("portageUninstall"),
	docs: { brief: "Undo portage install; what else is in the files stays", customUsage: ["[flags]"] },
});

const status = buildCommand<Flags<"portageStatus">, [], CliContext>({
	async func(flags) {
		const { portageStatus } = await library();
		await one(this, flags, portageStatus, statusLines);
	},
	parameters: flagsOf("portageStatus"),
	docs: { brief: "Which packages have the hook, and what is wrong", customUsage: ["[flags]"] },
});

const setting = buildCommand<Flags<"portageSetting">, [string], CliContext>({
	async func(flags, name) {
		const { portageSetting } = await library();
		await one(
			this,
			flags,
			async (o) => await portageSetting(name, o),
			({ value }) => (value === "" ? [] : [value]),
		);
	},
	parameters: {
		...flagsOf("portageSetting"),
		positional: { kind: "tuple", parameters: [{ parse: String, brief: "Its name", placeholder: "name" }] },
	},
	docs: { brief: "A setting that the hook asks for", customUsage: ["[flags] NAME"] },
});

function change({ did, left = [], dryRun: planned }: PortageChange): string[] {
	const rest = left.length > 0 ? ["left to you:", ...left.map((line) => `  ${line}`)] : [];
	if (did.length === 0) return ["nothing to do", ...rest];
	return [...(planned ? ["would:", ...did.map((line) => `  ${line}`)] : did), ...rest];
}

function statusLines({ hooks, problems }: PortageStatus, command: (words: string) => string): string[] {
	const lines = hooks.map(({ package: name, path, version }) => `${name}: hook of ksquash ${version} in ${path}`);
	const first = hooks.length === 0 ? [`Portage has no hook of ksquash's (${command("portage install")})`] : lines;
	return [...first, ...problems.map((line) => `  ${line}`)];
}

export const portage = buildRouteMap({
	routes: { install, uninstall, status, setting },
	docs: { brief: "Gentoo: kernel sources that Portage installs become images", hideRoute: { setting: true } },
});
