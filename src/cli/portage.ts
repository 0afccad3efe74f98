/**
 * The commands `ksquash portage …`: their table, what they call, and what they say.
 *
 * Owns: flags and sentences. Leaves to others: the work (src/operations/portage.ts).
 */

import { buildCommand, buildRouteMap } from "@stricli/core";
import { Exit } from "../errors.ts";
import type { PortageChange, PortageStatus } from "../operations/portage.ts";
import { type CliContext, one } from "./context.ts";
import { type Common, common, dryRun, list } from "./flags.ts";
import { change } from "./privileges.ts";

type ChangeFlags = Common & { dryRun?: boolean; package?: readonly string[] };

const library = async () => await import("../index.ts");

const changeFlags = {
	...common,
	...dryRun,
	package: list("CATEGORY/NAME of kernel sources (may be given again)", "package"),
} as const;

const install = buildCommand<ChangeFlags, [], CliContext>({
	async func({ package: packages, ...flags }) {
		const { portageInstall } = await library();
		await one<PortageChange>(this, flags, async (o) => await portageInstall({ ...o, packages }), change);
	},
	parameters: { flags: changeFlags },
	docs: {
		brief: "Let emerge pack, mount and configure kernel sources (sys-kernel/gentoo-sources)",
		customUsage: ["[flags]", { input: "--package sys-kernel/vanilla-sources", brief: "These instead" }],
	},
});

const uninstall = buildCommand<ChangeFlags, [], CliContext>({
	async func({ package: packages, ...flags }) {
		const { portageUninstall } = await library();
		await one<PortageChange>(this, flags, async (o) => await portageUninstall({ ...o, packages }), change);
	},
	parameters: { flags: changeFlags },
	docs: { brief: "Undo portage install; your own lines in these files stay", customUsage: ["[flags]"] },
});

const status = buildCommand<Common, [], CliContext>({
	async func(flags) {
		const { portageStatus } = await library();
		const result = await one(this, flags, portageStatus, statusLines);
		if (result?.packages.some(({ problems }) => problems.length > 0)) this.status = Exit.config;
	},
	parameters: { flags: common },
	docs: { brief: "Which packages have the hook, and would Portage run it?", customUsage: ["[flags]"] },
});

const setting = buildCommand<Common, [string], CliContext>({
	async func(flags, name) {
		const { portageSetting } = await library();
		await one(
			this,
			flags,
			async (o) => await portageSetting(name, o),
			({ value }) => [value],
		);
	},
	parameters: {
		positional: { kind: "tuple", parameters: [{ brief: "Its name", parse: String, placeholder: "name" }] },
		flags: common,
	},
	docs: { brief: "What the hook asks for: a portage_ setting, or its default", customUsage: ["<name> [flags]"] },
});

function statusLines({ packages }: PortageStatus): string[] {
	if (packages.length === 0) return ["no package has the hook (ksquash portage install)"];
	return packages.flatMap(({ package: name, version, problems }) => [
		`${name}: ${version === undefined ? "no block of ksquash's" : `the hook of ksquash ${version}`}`,
		...problems.map((problem) => `  ${problem}`),
	]);
}

export const portage = buildRouteMap({
	routes: { install, status, uninstall, setting },
	docs: { brief: "Kernel sources packed by emerge itself" },
});
