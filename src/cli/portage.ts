/**
 * The commands `ksquash portage …`: their table, what they call, and what they say.
 */

import { buildCommand, buildRouteMap } from "@stricli/core";
import type { PortageChange, PortageStatus } from "../operations/portage/index.ts";
import { type CliContext, one } from "./context.ts";
import { type Common, common, dryRun } from "./flags.ts";

type Flags = Common & { dryRun?: boolean; package?: readonly string[] };
type InstallFlags = Flags & { migrate?: boolean };

const library = async () => await import("../index.ts");

const packages = {
	kind: "parsed",
	parse: String,
	optional: true,
	variadic: true,
	brief: "CATEGORY/NAME, or a pattern in quotes (may be given again)",
	placeholder: "package",
} as const;

const install = buildCommand<InstallFlags, [], CliContext>({
	async func({ package: names, migrate, ...flags }) {
		const { portageInstall } = await library();
		await one(this, flags, async (o) => await portageInstall({ ...o, packages: names, migrate }), change);
	},
	parameters: {
		flags: {
			...common,
			...dryRun,
			package: packages,
			migrate: {
				kind: "boolean",
				optional: true,
				withNegated: false,
				brief:
					"Take out hook functions that pack and delete by themselves (a copy is kept), and take over what they left",
			},
		},
	},
	docs: {
		brief: "Let Portage install kernel sources as images",
		customUsage: [
			"[flags]",
			{ input: "--package sys-kernel/vanilla-sources", brief: "For these instead of gentoo-sources" },
			{ input: "--package 'sys-kernel/*-sources'", brief: "For all kernel sources of that name in the repositories" },
		],
	},
});

const uninstall = buildCommand<Flags, [], CliContext>({
	async func({ package: names, ...flags }) {
		const { portageUninstall } = await library();
		await one(this, flags, async (o) => await portageUninstall({ ...o, packages: names }), change);
	},
	parameters: { flags: { ...common, ...dryRun, package: packages } },
	docs: { brief: "Undo portage install; what else is in the files stays", customUsage: ["[flags]"] },
});

const status = buildCommand<Common, [], CliContext>({
	async func(flags) {
		const { portageStatus } = await library();
		await one(this, flags, portageStatus, statusLines);
	},
	parameters: { flags: common },
	docs: { brief: "Which packages have the hook, and what is wrong", customUsage: ["[flags]"] },
});

const setting = buildCommand<Common, [string], CliContext>({
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
		flags: common,
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
