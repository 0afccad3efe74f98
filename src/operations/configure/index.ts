/**
 * configure: a build directory in which plain `make` works, with a config that begins with the running kernel's.
 *
 * Owns: the flow: directory → base → fragments → one make → stamp, and when none of it is needed.
 * Leaves to others: each part (src/build, src/kconfig).
 */

import { dirname, join, relative } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type BuildDirectory, prepareDirectory } from "../../build/directory.ts";
import { removeTemporaries } from "../../build/files.ts";
import { toolchainLine } from "../../build/kbuild.ts";
import { openMemory, remembering } from "../../build/memory.ts";
import { inputsHash, sha256, writeStamp } from "../../build/stamp.ts";
import { findEntry } from "../../catalog.ts";
import { KsquashError } from "../../errors.ts";
import { canMountOwnSource } from "../../kconfig/audit.ts";
import { parseConfig } from "../../kconfig/config.ts";
import { findBase } from "../../kconfig/origins.ts";
import { buildKey, buildName, releasePaths } from "../../layout.ts";
import { lstatIfExists, swapSymlink } from "../../system/files.ts";
import { type Context, openContext, removeLeftovers, withLock } from "../context.ts";
import { type Merged, merge, record } from "./merge.ts";
import { type ConfigureOptions, checkOptions, explicitBase, readFragments } from "./options.ts";
import { findPlace, type Place } from "./place.ts";

export type { ConfigureOptions } from "./options.ts";

export interface ConfigureResult extends Omit<Merged, "config"> {
	release: string;
	buildDir: string;
	/** Nothing had changed: no make was run. */
	already: boolean;
	/** Which base, and why; one sentence. */
	base: string;
	plan?: string[];
}

/**
 * Makes or refreshes the build directory of a release. The source must be mounted (or stand there as a tree).
 *
 * A hand-edited .config is the base, and .config.old keeps what was there. Configuring runs the tree's own code, as
 * the directory's owner. Throws KsquashError.
 */
export async function configure(release: string, options: ConfigureOptions = {}): Promise<ConfigureResult> {
	const context = await openContext(options);
	const paths = releasePaths(context.layout, release);
	await assertSource(context, release);
	await checkOptions(context, options, { release, source: paths.mountPoint });
	if (context.dryRun) return planned(context, await findPlace(context, release, options), release, options);
	await removeLeftovers(context);
	return await withLock(context, buildKey(buildName(release, options.variant)), async () => {
		const place = await findPlace(context, release, options);
		const label = `${release} in ${place.path}`;
		const directory = await context.step("build directory", label, async () => {
			const made = await prepareDirectory({ ...place, source: paths.mountPoint, release });
			if (place.link !== undefined) await swapSymlink(place.link, relative(dirname(place.link), place.path));
			return made;
		});
		return await fill(context, directory, options);
	});
}

function planned(
	{ layout }: Context,
	{ path, link, owner }: Place,
	release: string,
	{ base }: ConfigureOptions,
): ConfigureResult {
	const plan = [
		`make or refresh ${path} as ${owner.name}`,
		...(link === undefined ? [] : [`point ${link} to it`]),
		`run make olddefconfig of ${releasePaths(layout, release).mountPoint} there, from ${base ?? "the first base that fits"}`,
	];
	return { release, buildDir: path, already: false, base: "", scrubbed: [], missed: [], plan };
}

async function assertSource(context: Context, release: string): Promise<void> {
	const { mountPoint } = releasePaths(context.layout, release);
	if ((await lstatIfExists(join(mountPoint, "Makefile"))) !== undefined) return;
	const entry = await findEntry(context.layout, release);
	throw new KsquashError("ERR_KSQUASH_NO_INPUT", `there is no kernel source at ${mountPoint}`, {
		path: mountPoint,
		hint: entry ? `mount it first: ksquash mount ${release}` : "ksquash status lists the releases that there are",
	});
}

async function fill(context: Context, directory: BuildDirectory, options: ConfigureOptions): Promise<ConfigureResult> {
	const { path, source, release, owner, stamp } = directory;
	const make = { owner, arch: options.arch, cross: options.cross, makeArgs: options.makeArgs };
	const fragments = await readFragments(context, options);
	await removeTemporaries(path, owner);
	const memory = await openMemory(path, owner);
	const existing = memory.config;
	const toolchain = await toolchainLine(make);
	const inputs = inputsHash({ ...make, release, toolchain, base: "", fragments });
	const result = { release, buildDir: path, scrubbed: [], missed: [] };
	const origin = await findBase({
		explicit: explicitBase(options.base),
		existing: existing && { path: join(path, ".config"), text: existing },
		arch: options.arch,
		owner: owner.uid,
		signal: context.signal,
	});
	const untouched = existing !== undefined && stamp.config === sha256(existing);
	const sameBase = options.base === undefined || isDeepStrictEqual(stamp.base, record(origin, []).base);
	if (!memory.interrupted && untouched && sameBase && stamp.inputs === inputs) {
		return { ...result, already: true, base: `${path}/.config is as the last configure left it` };
	}
	if (stamp.toolchain !== undefined && stamp.toolchain !== toolchain) {
		context.warn(`${path} was configured for "${stamp.toolchain}"; the compiler is now "${toolchain}"`);
	}
	const request = { ...make, source, build: path, signal: context.signal };
	for (const other of origin.passedOver) context.warn(other);
	const made = await context.step("configure", origin.why, async () => {
		return await remembering(path, owner, memory, async () => {
			const merged = await merge(request, origin, fragments);
			// The directory's own .config as the base is no new origin: the first one stays what is remembered.
			const facts = record(origin, fragments);
			if (origin.kind === "build-directory" && stamp.base !== undefined) facts.base = stamp.base;
			await writeStamp(path, { ...stamp, ...facts, inputs, config: sha256(merged.config), toolchain }, owner);
			return merged;
		});
	});
	await warnIfUnmountable(context, made.config, release);
	return { ...result, already: false, base: origin.why, scrubbed: made.scrubbed, missed: made.missed };
}

/** A kernel of this config that cannot mount its own source would leave its owner without it. */
async function warnIfUnmountable(context: Context, config: Buffer, release: string): Promise<void> {
	const compressor = (await findEntry(context.layout, release))?.info?.compressor;
	if (compressor === undefined) return;
	const { missing } = canMountOwnSource(parseConfig(config, ".config"), compressor);
	if (missing.length === 0) return;
	const symbols = missing.map((symbol) => `CONFIG_${symbol}`).join(", ");
	context.warn(`a kernel built with this config could not mount its own source: it lacks ${symbols}`);
}
