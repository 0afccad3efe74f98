/**
 * Each command's function: flags to an operation's options, its result to a report.
 */

import * as ops from "../index.ts";
import type { InstallFlags, MountFlags, RemoveFlags, SelectFlags, UmountFlags, VerifyFlags } from "./commands.ts";
import { type CliContext, each, every, one } from "./context.ts";
import type { Common, ConfigureFlags, PackFlags } from "./flags.ts";
import * as report from "./render/report.ts";

/** The flags that have another name in the library. */
function packOptions(
	context: CliContext,
	{ comp, patch, forThisKernel, json: _json, ...flags }: PackFlags,
): Omit<ops.PackOptions, "signal"> {
	return { ...flags, compressor: comp, patches: patch, mounts: forThisKernel, toolOptions: context.passThrough };
}

function configureOptions({
	fragment,
	make,
	localversion,
	json: _json,
	...flags
}: ConfigureFlags): ops.ConfigureOptions {
	return { ...flags, fragments: fragment, makeArgs: make, localVersion: localversion };
}

export async function install(this: CliContext, flags: InstallFlags, source: string): Promise<void> {
	const own = { ...packOptions(this, flags), ...configureOptions(flags) };
	await one(this, flags, async (options) => await ops.install(source, { ...own, ...options }), report.installReport);
}

export async function pack(this: CliContext, flags: PackFlags, source: string): Promise<void> {
	const own = packOptions(this, flags);
	await one(this, flags, async (options) => await ops.pack(source, { ...own, ...options }), report.packReport);
}

export async function verify(this: CliContext, flags: VerifyFlags, ...releases: string[]): Promise<void> {
	const depth = flags.deep ? "deep" : flags.quick ? "quick" : "full";
	const work = async (release: string, options: ops.CommonOptions): Promise<ops.VerifyResult> =>
		await ops.verify(release, { ...options, depth });
	await each(this, flags, releases, work, report.verifyReport);
}

export async function mount(this: CliContext, flags: MountFlags, ...releases: string[]): Promise<void> {
	const { all, fuse } = flags;
	if (all)
		return await every(this, flags, releases, async (o) => await ops.mountAll({ ...o, fuse }), report.mountReport);
	await each(this, flags, releases, async (release, o) => await ops.mount(release, { ...o, fuse }), report.mountReport);
}

export async function umount(this: CliContext, flags: UmountFlags, ...releases: string[]): Promise<void> {
	const { lazy, force } = flags;
	if (flags.all) {
		return await every(
			this,
			flags,
			releases,
			async (o) => await ops.umountAll({ ...o, lazy, force }),
			report.umountReport,
		);
	}
	await each(
		this,
		flags,
		releases,
		async (release, o) => await ops.umount(release, { ...o, lazy, force }),
		report.umountReport,
	);
}

export async function configure(this: CliContext, flags: ConfigureFlags, ...releases: string[]): Promise<void> {
	const own = configureOptions(flags);
	const work = async (release: string, options: ops.CommonOptions): Promise<ops.ConfigureResult> =>
		await ops.configure(release, { ...own, ...options });
	await each(this, flags, releases, work, report.configureReport);
}

export async function select(this: CliContext, flags: SelectFlags, release: string): Promise<void> {
	const { variant } = flags;
	await one(this, flags, async (o) => await ops.select(release, { ...o, variant }), report.selectReport);
}

export async function remove(this: CliContext, flags: RemoveFlags, ...releases: string[]): Promise<void> {
	const { force, purge } = flags;
	const work = async (release: string, options: ops.CommonOptions): Promise<ops.RemoveResult> =>
		await ops.remove(release, { ...options, force, purge });
	await each(this, flags, releases, work, report.removeReport);
}

export async function status(this: CliContext, flags: Common): Promise<void> {
	await one(this, flags, ops.status, report.statusReport);
}

export async function doctor(this: CliContext, flags: Common): Promise<void> {
	const result = await one(this, flags, ops.doctor, report.doctorReport);
	if (result?.healthy === false) this.status = ops.Exit.unavailable;
}
