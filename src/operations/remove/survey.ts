/**
 * What there is of a release to remove, and the refusals: everything that would stop a removal is said before it begins.
 *
 * Owns: what is known as ours: a build directory by its mark, an image by its manifest, a mount by its image.
 */

import { readdir } from "node:fs/promises";
import { release as runningRelease } from "node:os";
import { join } from "node:path";
import { readOwned } from "../../build/files.ts";
import { KsquashError } from "../../errors.ts";
import { readManifest } from "../../image/manifest.ts";
import { buildName, type Layout, nameOfRemoved, type ReleasePaths } from "../../layout.ts";
import { type FileId, statTarget, type TargetStatus } from "../../native/verbs.ts";
import { type Build, findAllBuilds, findBuilds, followLink } from "../../release/builds.ts";
import { type Entry, findEntry, scan, withoutImage } from "../../release/catalog.ts";
import type { Context } from "../../release/context.ts";
import { assertCompletable } from "../../release/displaced-tree.ts";
import { assertNotLastCopy, assertUnused, ownMount } from "../../release/mount-guards.ts";
import { isEmptyDirectory, lstatIfExists, readLinkIfExists } from "../../system/files.ts";
import { option, text } from "../../text.ts";

export interface Survey {
	paths: ReleasePaths;
	/** Build directories with our mark. */
	ours: Build[];
	/** Build directories by name alone that are empty: the first thing that is made, and the last that goes. */
	empty: string[];
	/** What an interrupted pack left of a tree. */
	aside: string[];
	/** Links to build directories elsewhere whose removal had begun, and behind which nothing of ours is left. */
	begunLinks: string[];
	/** Files of ours beside the mount point. */
	files: string[];
	/** The mount point is a directory that goes when it is empty. */
	mountPoint: boolean;
	/** The image that is mounted. */
	mounted: (TargetStatus & { file: FileId }) | undefined;
	/** What is not ours, with the reason. */
	stays: string[];
}

/** Why a mount point stays. */
export const NOT_OURS = "it is no empty directory, and nothing in it is ksquash's";

export async function survey(
	context: Context,
	paths: ReleasePaths,
	{ force, restored }: { force?: boolean | undefined; restored?: boolean },
): Promise<Survey> {
	const { layout } = context;
	const builds = await findBuilds(layout, paths.release);
	const ours = builds.filter(({ stamp }) => stamp !== undefined);
	const entry = await findEntry(layout, paths.release);
	const target = await statTarget(paths.mountPoint, paths.image);
	const manifest = entry?.manifest !== undefined || (await hasManifest(paths));
	const aside = await filtered([paths.displacedTree, paths.partialTree], exists);
	if (aside.includes(paths.partialTree)) assertCompletable(paths, entry);
	const isMounted = target.state !== "absent" && target.state !== "unmounted" && target.state !== "other";
	if (!restored && entry === undefined && ours.length === 0 && aside.length === 0 && !manifest && !isMounted) {
		const why = `${paths.release} is not here: there is no ${paths.image}`;
		throw new KsquashError("ERR_KSQUASH_NO_RELEASE", why);
	}
	const mounted = isMountPoint(target) ? { ...target, file: ownMount(paths, target) } : undefined;
	if (!force) {
		await assertNotRunning(context, paths, ours);
		if (entry !== undefined) assertOurs(entry);
		assertNotLastCopy(paths, target, entry);
	}
	const living = mounted !== undefined && !mounted.dead;
	for (const path of [...(living ? [paths.mountPoint] : []), ...ours.map((build) => build.path)]) {
		await assertUnused(path);
	}
	const others = builds.filter(({ stamp }) => stamp === undefined);
	const empty = await emptyBuilds(layout, paths.release);
	const files = [paths.image, paths.oldImage, paths.oldManifest, ...(manifest ? [paths.list, paths.manifest] : [])];
	const stays = others
		.filter(({ path }) => !empty.includes(path))
		.map(({ path }) => `${path}: it has no mark of ksquash's`);
	stays.push(...(await strayLinks(layout, paths, ours)));
	const standing = target.state !== "absent" && !restored;
	// Below a mount it is looked at when that is off.
	const occupied = standing && !isMountPoint(target) && !(await isEmptyDirectory(paths.mountPoint).catch(() => false));
	if (occupied) stays.push(`${paths.mountPoint}: ${NOT_OURS}`);
	if (!manifest && (await exists(paths.manifest))) stays.push(`${paths.manifest}: it is no manifest of ksquash's`);
	return {
		paths,
		ours,
		aside,
		empty,
		begunLinks: await begunLinks(layout, paths, ours),
		files: await filtered(files, exists),
		mountPoint: standing && !occupied,
		mounted,
		stays,
	};
}

function isMountPoint({ state }: TargetStatus): boolean {
	return state !== "absent" && state !== "unmounted";
}

/** A manifest of this release, whether or not its image is there. */
async function hasManifest({ manifest, oldManifest, release }: ReleasePaths): Promise<boolean> {
	const found = await Promise.all([readManifest(manifest), readManifest(oldManifest)]);
	return found.some((read) => read.manifest?.release === release);
}

/** A file with such a name may be anybody's, and its only copy: the manifest says that it was proved by us. */
function assertOurs({ paths, manifest, manifestProblem, imageProblem }: Entry): void {
	if (manifest !== undefined) return;
	const why = imageProblem ?? `its manifest: ${manifestProblem}`;
	throw new KsquashError("ERR_KSQUASH_MANIFEST", `${paths.image} is not known as an image of ksquash's (${why})`, {
		path: paths.image,
		hint: text`look at what it is; ${option("force")} removes it all the same`,
	});
}

/** By its name, or because it was built there under another one (LOCALVERSION). Another root has another kernel. */
async function assertNotRunning({ layout }: Context, { release }: ReleasePaths, ours: readonly Build[]): Promise<void> {
	if (layout.root !== "/") return;
	const running = runningRelease();
	const refuse = (why: string): KsquashError => new KsquashError("ERR_KSQUASH_RUNNING_KERNEL", why);
	if (release === running) throw refuse(`${release} is the running kernel's release`);
	for (const { path, owner } of ours) {
		const built = await readOwned(join(path, "include/config"), "kernel.release", owner).catch(() => undefined);
		if (built?.toString().trim() === running) throw refuse(`the running kernel, ${running}, was built in ${path}`);
	}
}

/** Empty build directories without a mark: of this release, or by their names of a variant of it and of no other. */
async function emptyBuilds(layout: Layout, release: string): Promise<string[]> {
	const usual = buildName(release);
	const known = [...(await scan(layout)).map((entry) => entry.release), ...(await withoutImage(layout))];
	const longer = known.map((name) => buildName(name)).filter((name) => name.startsWith(`${usual}-`));
	const isOf = (name: string, of: string): boolean => name === of || name.startsWith(`${of}-`);
	const candidates = (await findAllBuilds(layout, usual)).filter(({ name, stamp, elsewhere }) => {
		// What a link leads to without our mark is a person's, also when it is empty.
		return stamp === undefined && !elsewhere && isOf(name, usual) && !longer.some((other) => isOf(name, other));
	});
	return (await filtered(candidates, async ({ path }) => await isEmptyDirectory(path))).map(({ path }) => path);
}

/** Marked links, with nothing of ours behind them any more. */
async function begunLinks(layout: Layout, { release }: ReleasePaths, ours: readonly Build[]): Promise<string[]> {
	const usual = buildName(release);
	const needed = new Set(ours.flatMap(({ links }) => links));
	const names = (await readdir(layout.sourceDir)).filter((file) => {
		const name = nameOfRemoved(file);
		return (name === usual || name?.startsWith(`${usual}-`)) && !needed.has(file);
	});
	const links = names.map((name) => join(layout.sourceDir, name));
	return await filtered(links, async (path) => (await readLinkIfExists(path)) !== undefined);
}

/** Links by our names that ksquash did not make, or cannot know: they will lead nowhere, or do so already. */
async function strayLinks(
	layout: Layout,
	{ release, buildDir }: ReleasePaths,
	ours: readonly Build[],
): Promise<string[]> {
	const aliases = ours.filter(({ elsewhere }) => !elsewhere).flatMap(({ links }) => links);
	const stray = aliases.map((name) => `${join(layout.sourceDir, name)}: a link to what goes, not made by ksquash`);
	const target = await readLinkIfExists(join(layout.sourceDir, buildName(release)));
	const path = target === undefined ? undefined : await followLink(layout, target);
	if (target === undefined || (path !== undefined && (await exists(path)))) return stray;
	return [...stray, `${buildDir}: it is a link to ${target}, which leads nowhere`];
}

async function exists(path: string): Promise<boolean> {
	return (await lstatIfExists(path)) !== undefined;
}

async function filtered<T>(items: readonly T[], wanted: (item: T) => Promise<boolean>): Promise<T[]> {
	const answers = await Promise.all(items.map(wanted));
	return items.filter((_, i) => answers[i]);
}
