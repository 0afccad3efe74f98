/**
 * configure: a build directory in which plain `make` works, with a config that begins with the running kernel's.
 *
 * Owns: the flow: directory → base → fragments → one make → stamp, and when none of it is needed.
 * Leaves to others: each part (src/build, src/kconfig).
 */

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { configure as runConfigure } from "../build/configure.ts";
import { type BuildDirectory, ownerOf, prepareDirectory } from "../build/directory.ts";
import { removeTemporaries } from "../build/files.ts";
import { toolchainLine } from "../build/kbuild.ts";
import { openMemory, remembering } from "../build/memory.ts";
import { findOwner, type Owner } from "../build/ownership.ts";
import { inputsHash, type Stamp, sha256, writeStamp } from "../build/stamp.ts";
import { findEntry } from "../catalog.ts";
import { KsquashError } from "../errors.ts";
import { auditConfig, canMountOwnSource, missed } from "../kconfig/audit.ts";
import { parseConfig } from "../kconfig/config.ts";
import { type Asked, type Fragment, mergeConfigs } from "../kconfig/merge.ts";
import { type ExplicitBase, findBase, type Origin } from "../kconfig/origins.ts";
import { scrubConfig } from "../kconfig/scrub.ts";
import { buildKey, buildName, releasePaths } from "../layout.ts";
import { attempt } from "../system/failure.ts";
import { lstatIfExists, readLinkIfExists, swapSymlink } from "../system/files.ts";
import { assertRelease } from "../system/names.ts";
import { followLink, isBelowRoot } from "./builds.ts";
import { type CommonOptions, type Context, openContext, removeLeftovers, withLock } from "./context.ts";

export interface ConfigureOptions extends CommonOptions {
	/** User name or id; the directory's own, the settings', or the caller. */
	owner?: string | number | undefined;
	/** Where the directory lies; beside the source when absent. A link stands there then. */
	buildDir?: string | undefined;
	/** A second build directory of the same release: build-REL-VARIANT. */
	variant?: string | undefined;
	/** "running", "defconfig", "NAME_defconfig", or a file. */
	base?: string | undefined;
	/** Config fragments, merged in this order after those of the settings. */
	fragments?: readonly string[] | undefined;
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
	/** What was asked for in fragments and is not in the final config. */
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
	if (context.dryRun) {
		const plan = [
			`make or refresh ${place.path} as ${owner.name}`,
			`run make olddefconfig of ${paths.mountPoint} there`,
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
		return await fill(context, directory, options);
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

async function fill(context: Context, directory: BuildDirectory, options: ConfigureOptions): Promise<ConfigureResult> {
	const { path, source, release, owner, stamp } = directory;
	const make = { owner, arch: options.arch, cross: options.cross, makeArgs: options.makeArgs };
	const fragments = await readFragments([...(context.settings.fragments ?? []), ...(options.fragments ?? [])]);
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

type Request = Parameters<typeof runConfigure>[0];

/** A base as text: one make. A defconfig with fragments: two, for the tree itself must make the base. */
async function merge(
	request: Request,
	origin: Origin,
	fragments: readonly Fragment[],
): Promise<{ config: Buffer } & Pick<ConfigureResult, "scrubbed" | "missed">> {
	let base = origin.text;
	if (base === undefined) {
		const made = await runConfigure({ ...request, target: origin.target });
		if (fragments.length === 0) return { config: made.config, scrubbed: [], missed: [] };
		base = made.config;
	}
	const name = origin.path ?? "defconfig";
	const own = origin.kind === "build-directory";
	const exists = (path: string): boolean => existsSync(isAbsolute(path) ? path : join(request.source, path));
	const { text, scrubbed } = own ? { text: base, scrubbed: [] } : scrubConfig(base, name, { exists });
	const merged = mergeConfigs({ name, text }, fragments);
	const { config } = await runConfigure({ ...request, text: merged.text });
	return {
		config,
		scrubbed: scrubbed.map(({ symbol, why }) => ({ symbol, why })),
		missed: lost(merged.asked, config),
	};
}

function lost(asked: readonly Asked[], config: Buffer): string[] {
	return missed(auditConfig(asked, parseConfig(config, ".config"))).map(
		({ file, line, symbol, raw, verdict }) => `${file}:${line}: CONFIG_${symbol}=${raw} (${verdict})`,
	);
}

function explicitBase(base: string | undefined): ExplicitBase | undefined {
	if (base === undefined) return undefined;
	if (base === "running") return { kind: "running" };
	if (!base.includes("/") && /(?:^|_)defconfig$/.test(base)) return { kind: "defconfig", target: base };
	return { kind: "file", path: resolve(base) };
}

async function readFragments(paths: readonly string[]): Promise<Fragment[]> {
	return await Promise.all(
		paths.map(async (path) => ({ name: path, text: await attempt(`read the fragment ${path}`, readFile(path)) })),
	);
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

/** A kernel of this config that cannot mount its own source would leave its owner without it. */
async function warnIfUnmountable(context: Context, config: Buffer, release: string): Promise<void> {
	const compressor = (await findEntry(context.layout, release))?.info?.compressor;
	if (compressor === undefined) return;
	const { missing } = canMountOwnSource(parseConfig(config, ".config"), compressor);
	if (missing.length === 0) return;
	const symbols = missing.map((symbol) => `CONFIG_${symbol}`).join(", ");
	context.warn(`a kernel built with this config could not mount its own source: it lacks ${symbols}`);
}
