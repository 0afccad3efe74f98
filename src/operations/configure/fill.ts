/**
 * What the steps of a configure do in the build directory.
 *
 * Leaves to others: which steps there are (plan.ts), the directory (src/build/directory.ts), and one config's text (merge.ts).
 */

import { availableParallelism } from "node:os";
import { dirname, relative } from "node:path";
import { settleConfigBackup, withConfigBackup } from "../../build/config-backup.ts";
import { type BuildDirectory, prepareDirectory } from "../../build/directory.ts";
import { removeTemporaries } from "../../build/files.ts";
import { runTarget } from "../../build/kbuild.ts";
import { type Stamp, sha256, writeStamp } from "../../build/stamp.ts";
import { forgetPrepared, keepMade, keepPrepared } from "../../build/tools.ts";
import type { Origin } from "../../kconfig/base-config.ts";
import { parseConfig, symbolValue } from "../../kconfig/config.ts";
import type { Fragment } from "../../kconfig/merge.ts";
import { releasePaths } from "../../layout.ts";
import type { Context } from "../../release/context.ts";
import { swapSymlink } from "../../system/files.ts";
import { type Made, merge, type Request } from "./merge.ts";
import type { ConfigureOptions } from "./options.ts";
import type { Inputs } from "./plan.ts";

/** The directory with our mark, and without what a run that broke off left in it. */
export async function makeDirectory(context: Context, { release, place, memory }: Inputs): Promise<BuildDirectory> {
	const { path, link, owner } = place;
	const { mountPoint, root } = releasePaths(context.layout, release);
	const made = await prepareDirectory({ path, owner, source: mountPoint, release, root });
	if (link !== undefined) await swapSymlink(link, relative(dirname(link), path));
	const stamp = await settlePrepared(made);
	await removeTemporaries(path, owner);
	await settleConfigBackup(path, owner, memory);
	return { ...made, stamp };
}

/** The config of a prepared directory, and what is remembered of it. */
export async function configureDirectory(
	context: Context,
	directory: BuildDirectory,
	{ origin, hash, toolchain, memory }: Inputs,
	fragments: readonly Fragment[],
	options: ConfigureOptions,
): Promise<Made & { stamp: Stamp }> {
	const { path, owner, stamp } = directory;
	const next: Stamp = { ...stamp, ...record(origin, fragments), inputs: hash, toolchain, make: toldTo(options) };
	// The directory's own .config as the base is no new origin: the first one stays what is remembered.
	if (origin.kind === "build-directory" && stamp.base !== undefined) next.base = stamp.base;
	return await withConfigBackup(path, owner, memory, async () => {
		const merged = await merge(context, requestOf(context, directory, options), origin, fragments);
		// The stamp says that it is done: from here on nothing of it may be lost.
		await keepMade(path, owner);
		Object.assign(next, { asked: merged.asked, config: sha256(merged.config) });
		await writeStamp(path, next, owner);
		return { ...merged, stamp: next };
	});
}

function requestOf(
	{ signal }: Context,
	{ path, source, owner }: BuildDirectory,
	{ arch, cross, makeArgs }: ConfigureOptions,
): Request {
	return { owner, arch, cross, makeArgs, source, build: path, signal, jobs: availableParallelism() };
}

/** The mark is the stamp's own time: what make has made since a modules_prepare began that did not end goes first of all. */
async function settlePrepared({ path, owner, stamp }: BuildDirectory): Promise<Stamp> {
	if (!stamp.preparing) return stamp;
	await forgetPrepared(path, owner);
	const settled = { ...stamp, preparing: undefined };
	await writeStamp(path, settled, owner);
	return settled;
}

/** Once for each .config: make looks at thousands of files to find out that nothing is to be done. */
export async function prepareModules(
	context: Context,
	directory: BuildDirectory,
	stamp: Stamp,
	config: Buffer,
	options: ConfigureOptions,
): Promise<void> {
	if (stamp.prepared !== undefined && stamp.prepared === stamp.config) return;
	if (symbolValue(parseConfig(config, ".config"), "MODULES") === "n") {
		context.warn("modules_prepare would do nothing: CONFIG_MODULES is not set, so this kernel takes no modules");
		return;
	}
	const { path, owner } = directory;
	const work = async (): Promise<void> => {
		await writeStamp(path, { ...stamp, prepared: undefined, preparing: true }, owner);
		await runTarget(requestOf(context, directory, options), ["modules_prepare"]);
		await keepPrepared(path, owner);
		await writeStamp(path, { ...stamp, prepared: stamp.config }, owner);
	};
	await context.step("modules_prepare", `make modules_prepare in ${path}`, work, { lasts: true });
}

function toldTo({ arch, cross, makeArgs }: ConfigureOptions): NonNullable<Stamp["make"]> {
	return {
		...(arch === undefined ? {} : { arch }),
		...(cross === undefined ? {} : { cross }),
		...(makeArgs === undefined ? {} : { makeArgs: [...makeArgs] }),
	};
}

/** What the stamp says of the inputs. */
export function record(origin: Origin, fragments: readonly Fragment[]): Pick<Stamp, "base" | "fragments"> {
	return {
		base: {
			kind: origin.kind,
			...(origin.path === undefined ? {} : { path: origin.path }),
			...(origin.target === undefined ? {} : { target: origin.target }),
			...(origin.text === undefined ? {} : { sha256: sha256(origin.text) }),
		},
		fragments: fragments.map(({ name, text }) => ({ name, sha256: sha256(text) })),
	};
}
