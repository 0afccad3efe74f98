/**
 * configure: a build directory in which plain `make` works, with a config that begins with the running kernel's.
 *
 * Owns: the flow: directory → base → fragments → one make → stamp, and when none of it is needed.
 * Leaves to others: each part (src/build, src/kconfig).
 */

import { availableParallelism } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type BuildDirectory, ownerOf, prepareDirectory } from "../build/directory.ts";
import { removeTemporaries } from "../build/files.ts";
import { runTarget, toolchainLine } from "../build/kbuild.ts";
import { openMemory, remembering } from "../build/memory.ts";
import { findOwner, type Owner } from "../build/ownership.ts";
import { inputsHash, type Stamp, sha256, writeStamp } from "../build/stamp.ts";
import { findEntry } from "../catalog.ts";
import { KsquashError } from "../errors.ts";
import type { Fragment } from "../kconfig/merge.ts";
import { findBase, type Origin } from "../kconfig/origins.ts";
import { buildKey, buildName, releasePaths } from "../layout.ts";
import { lstatIfExists, readLinkIfExists, swapSymlink } from "../system/files.ts";
import { assertRelease } from "../system/names.ts";
import { followLink, isBelowRoot } from "./builds.ts";
import { merge, type Request, warnIfUnmountable } from "./configure/merge.ts";
import { type CommonOptions, type Context, openContext, removeLeftovers, withLock } from "./context.ts";
import { allFragments, buildConfigs, type FragmentOptions, findingsOf, namedBase, reportLost } from "./inputs.ts";

/** Fragments are merged after those of /etc/kernel/config.d and of the settings. */
export interface ConfigureOptions extends CommonOptions, FragmentOptions {
	/** User name or id; the directory's own, the settings', or the caller. */
	owner?: string | number | undefined;
	/** Where the directory lies; beside the source when absent. A link stands there then. */
	buildDir?: string | undefined;
	/** A second build directory of the same release: build-REL-VARIANT. */
	variant?: string | undefined;
	/** "running", "build:REL", "defconfig", "NAME_defconfig", or a file. */
	base?: string | undefined;
	/** Fail where `conf` would lose a line, instead of a warning. */
	strict?: boolean | undefined;
	/** What becomes of the base's LOCALVERSION: "keep" (the default), "drop", or the text to set, e.g. "-mine". */
	localVersion?: string | undefined;
	/** Also run modules_prepare: modules from elsewhere (DKMS, nvidia, zfs) need what it makes. */
	modulesPrepare?: boolean | undefined;
	/** ARCH= and CROSS_COMPILE= of make. */
	arch?: string | undefined;
	cross?: string | undefined;
	/** NAME=VALUE for make, e.g. "CC=clang". */
	makeArgs?: readonly string[] | undefined;
}

export interface ConfigureResult {
	release: string;
	buildDir: string;
	/** Nothing had changed: no make was run. */
	already: boolean;
	/** Which base, and why; one sentence. */
	base: string;
	/** Symbols of the base that were left out: facts of another compiler, files that are not here. */
	scrubbed: { symbol: string; why: string }[];
	/** What was asked for and is not in the final config, each with its reason: one sentence. */
	missed: string[];
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
	if (options.variant !== undefined) assertRelease(`${release}-${options.variant}`, "from --variant");
	const place = await locate(context, release, options);
	const owner = await chooseOwner(context, place.path, options);
	const fragments = await allFragments(context, options);
	reportLost(context, findingsOf(fragments), options.strict);
	if (context.dryRun) {
		const plan = [
			`make or refresh ${place.path} as ${owner.name}`,
			...fragments.map(({ name }) => `merge ${name}`),
			`run make olddefconfig ${options.modulesPrepare ? "and modules_prepare " : ""}of ${paths.mountPoint} there`,
		];
		return { release, buildDir: place.path, already: false, base: "", scrubbed: [], missed: [], plan };
	}
	await assertSource(context, release);
	await removeLeftovers(context);
	return await withLock(context, buildKey(buildName(release, options.variant)), async () => {
		const label = `${release} in ${place.path}`;
		const directory = await context.step("build directory", label, async () => {
			const made = await prepareDirectory({ path: place.path, source: paths.mountPoint, release, owner });
			if (place.link !== undefined) await swapSymlink(place.link, relative(dirname(place.link), place.path));
			return made;
		});
		return await fill(context, directory, fragments, options);
	});
}

/** The directory itself; with --build-dir a link to it stands in the usual place, so that it can be found. */
async function locate(
	{ layout }: Context,
	release: string,
	{ variant, buildDir }: ConfigureOptions,
): Promise<{ path: string; link?: string }> {
	const usual = join(layout.sourceDir, buildName(release, variant));
	const target = await readLinkIfExists(usual);
	if (buildDir === undefined) {
		const path = target === undefined ? usual : await followLink(layout, target);
		if (path !== undefined) return { path };
		const why = `${usual} is a link to ${target}, which is not below ${layout.root}`;
		throw new KsquashError("ERR_KSQUASH_OCCUPIED", why);
	}
	const path = resolve(buildDir);
	if (!isBelowRoot(layout, path)) {
		throw new KsquashError("ERR_KSQUASH_USAGE", `the build directory ${path} is not below ${layout.root}`);
	}
	const elsewhere = target !== undefined && (await followLink(layout, target)) !== path;
	if (elsewhere || (target === undefined && (await lstatIfExists(usual)) !== undefined)) {
		const why = `${release} has a build directory already: ${target === undefined ? usual : `${usual} → ${target}`}`;
		throw new KsquashError("ERR_KSQUASH_OCCUPIED", why, {
			hint: "remove it, or give the second one a name with --variant",
		});
	}
	return { path, link: usual };
}

async function chooseOwner({ settings }: Context, path: string, options: ConfigureOptions): Promise<Owner> {
	if (options.owner !== undefined) return await findOwner(options.owner);
	const own = process.geteuid?.() ?? 0;
	// Root's default is root, never the owner found there: his files would run as whoever he is.
	const there = own === 0 ? undefined : await ownerOf(path);
	return await findOwner(there?.uid ?? settings.owner ?? own);
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

async function fill(
	context: Context,
	directory: BuildDirectory,
	fragments: readonly Fragment[],
	options: ConfigureOptions,
): Promise<ConfigureResult> {
	const { path, source, release, owner, stamp } = directory;
	const { arch, cross, makeArgs } = options;
	const make = { owner, arch, cross, makeArgs };
	await removeTemporaries(path, owner);
	const memory = await openMemory(path, owner);
	const existing = memory.config;
	const toolchain = await toolchainLine(make);
	const inputs = inputsHash({ ...make, release, toolchain, base: "", fragments });
	const result = { release, buildDir: path, scrubbed: [], missed: [] };
	const own = join(path, ".config");
	const origin = await findBase({
		explicit: await namedBase(context, options.base),
		existing: existing && { path: own, text: existing },
		others: (await buildConfigs(context.layout)).filter((other) => other.path !== own),
		arch,
		owner: owner.uid,
		signal: context.signal,
	});
	const request = { ...make, source, build: path, signal: context.signal, jobs: availableParallelism() };
	const untouched = existing !== undefined && stamp.config === sha256(existing);
	const sameBase = options.base === undefined || isDeepStrictEqual(stamp.base, record(origin, []).base);
	if (!memory.interrupted && untouched && sameBase && stamp.inputs === inputs) {
		if (options.modulesPrepare) await prepareModules(context, request, stamp);
		return { ...result, already: true, base: `${own} is as the last configure left it` };
	}
	if (stamp.toolchain !== undefined && stamp.toolchain !== toolchain) {
		context.warn(`${path} was configured for "${stamp.toolchain}"; the compiler is now "${toolchain}"`);
	}
	for (const other of origin.passedOver) context.warn(other);
	const next: Stamp = { ...stamp, ...record(origin, fragments), inputs, toolchain, make: toldTo(options) };
	// The directory's own .config as the base is no new origin: the first one stays what is remembered.
	if (origin.kind === "build-directory" && stamp.base !== undefined) next.base = stamp.base;
	const made = await context.step("configure", origin.why, async () => {
		return await remembering(path, owner, memory, async () => {
			const merged = await merge(context, request, origin, fragments);
			Object.assign(next, { asked: merged.asked, config: sha256(merged.config) });
			await writeStamp(path, next, owner);
			return merged;
		});
	});
	if (options.modulesPrepare) await prepareModules(context, request, next);
	await warnIfUnmountable(context, made.config, release);
	return { ...result, already: false, base: origin.why, scrubbed: made.scrubbed, missed: made.missed };
}

/** Once for each .config: make looks at thousands of files to find out that nothing is to be done. */
async function prepareModules(context: Context, request: Request, stamp: Stamp): Promise<void> {
	if (stamp.prepared !== undefined && stamp.prepared === stamp.config) return;
	await context.step("modules_prepare", `make modules_prepare in ${request.build}`, async () => {
		await runTarget(request, ["modules_prepare"]);
		await writeStamp(request.build, { ...stamp, prepared: stamp.config }, request.owner);
	});
}

function toldTo({ arch, cross, makeArgs }: ConfigureOptions): NonNullable<Stamp["make"]> {
	return {
		...(arch === undefined ? {} : { arch }),
		...(cross === undefined ? {} : { cross }),
		...(makeArgs === undefined ? {} : { makeArgs: [...makeArgs] }),
	};
}

function record(origin: Origin, fragments: readonly Fragment[]): Pick<Stamp, "base" | "fragments"> {
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
