/**
 * Each command's function: flags to an operation's options, its result to a report.
 */

import * as ops from "../index.ts";
import type { Flags } from "../options/types.ts";
import { type CliContext, each, every, one } from "./context.ts";
import { type CommonFlags, optionsFrom } from "./flags.ts";
import * as report from "./render/report.ts";

export async function install(this: CliContext, flags: Flags<"install">, source: string): Promise<void> {
	const own = { ...optionsFrom("install", flags), toolOptions: this.passThrough };
	await one(this, flags, async (o) => await ops.install(source, { ...own, ...o }), report.installReport);
}

export async function pack(this: CliContext, flags: Flags<"pack">, source: string): Promise<void> {
	const own = { ...optionsFrom("pack", flags), toolOptions: this.passThrough };
	await one(this, flags, async (o) => await ops.pack(source, { ...own, ...o }), report.packReport);
}

export async function verify(this: CliContext, flags: Flags<"verify">, ...releases: string[]): Promise<void> {
	const own = optionsFrom("verify", flags);
	await each(this, flags, releases, async (rel, o) => await ops.verify(rel, { ...own, ...o }), report.verifyReport);
}

export async function mount(this: CliContext, flags: Flags<"mount">, ...releases: string[]): Promise<void> {
	const own = optionsFrom("mount", flags);
	const all = async (o: ops.CommonOptions) => await ops.mountAll({ ...own, ...o });
	if (flags.all) return await every(this, flags, releases, all, report.mountReport);
	await each(this, flags, releases, async (rel, o) => await ops.mount(rel, { ...own, ...o }), report.mountReport);
}

export async function umount(this: CliContext, flags: Flags<"umount">, ...releases: string[]): Promise<void> {
	const own = optionsFrom("umount", flags);
	const all = async (o: ops.CommonOptions) => await ops.umountAll({ ...own, ...o });
	if (flags.all) return await every(this, flags, releases, all, report.umountReport);
	await each(this, flags, releases, async (rel, o) => await ops.umount(rel, { ...own, ...o }), report.umountReport);
}

export async function configure(this: CliContext, flags: Flags<"configure">, ...releases: string[]): Promise<void> {
	const own = optionsFrom("configure", flags);
	const work = async (release: string, options: ops.CommonOptions): Promise<ops.ConfigureResult | ops.ConfigurePlan> =>
		await ops.configure(release, { ...own, ...options });
	await each(this, flags, releases, work, report.configureReport);
}

export async function select(this: CliContext, flags: Flags<"select">, release: string): Promise<void> {
	const own = optionsFrom("select", flags);
	await one(this, flags, async (o) => await ops.select(release, { ...own, ...o }), report.selectReport);
}

export async function remove(this: CliContext, flags: Flags<"remove">, ...releases: string[]): Promise<void> {
	const own = optionsFrom("remove", flags);
	await each(this, flags, releases, async (rel, o) => await ops.remove(rel, { ...own, ...o }), report.removeReport);
}

export async function status(this: CliContext, flags: CommonFlags): Promise<void> {
	await one(this, flags, ops.status, report.statusReport);
}

export async function doctor(this: CliContext, flags: CommonFlags): Promise<void> {
	const result = await one(this, flags, ops.doctor, report.doctorReport);
	if (result?.healthy === false) this.status = ops.Exit.unavailable;
}
