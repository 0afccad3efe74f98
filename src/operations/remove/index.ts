/**
 * remove: everything of a release that is ours goes; what is of value is saved first, what is not ours stays.
 *
 * Owns: the order: refuse → save → link → umount → build directories → mount point → image → manifest.
 * Each step may have been done by an earlier run that broke off; the manifest goes last, so that a rerun knows what is
 * left as ours. Leaves to others: what is ours (survey.ts), and a build directory (build.ts).
 */

import { join } from "node:path";
import { KsquashError } from "../../errors.ts";
import { buildKey, buildName, LINK_KEY, releasePaths } from "../../layout.ts";
import { statTarget } from "../../native/verbs.ts";
import type { Options } from "../../options/types.ts";
import { keep } from "../../release/backup.ts";
import { findBuilds } from "../../release/builds.ts";
import { type Context, openContext } from "../../release/context.ts";
import { assertNotNeeded, finishReplacement } from "../../release/displaced-tree.ts";
import { unselect } from "../../release/link.ts";
import { removeLeftovers, withLock } from "../../release/locks.ts";
import { LOCK_WAIT_MS, mounterFor, ownMount } from "../../release/mount-guards.ts";
import { readLinkIfExists, removeEmptyDirectory, unlinkIfExists } from "../../system/files.ts";
import { option, text } from "../../text.ts";
import { closeAll, type OpenedBuild, openBuilds, type RemovedBuild, removeBuild } from "./build.ts";
import { withLinks } from "./links.ts";
import { planOf } from "./plan.ts";
import { NOT_OURS, type Survey, survey } from "./survey.ts";

export type RemoveOptions = Options<"remove">;

export interface RemoveResult {
	release: string;
	/** Paths that are gone. */
	removed: string[];
	/** Where .config, signing keys and fragments were saved; absent when there were none. */
	kept?: string;
	/** What stays because it is not ours, or changed meanwhile, with the reason. */
	stays: string[];
	/** What the link /usr/src/linux was moved to. */
	link?: string;
	plan?: string[];
}

/**
 * Throws before anything is touched: ERR_KSQUASH_BUSY with the holders named, ERR_KSQUASH_RUNNING_KERNEL,
 * ERR_KSQUASH_NO_RELEASE, ERR_KSQUASH_MANIFEST (the image is not known as ours), ERR_KSQUASH_OCCUPIED (the mount is not).
 */
export async function remove(release: string, options: RemoveOptions = {}): Promise<RemoveResult> {
	const context = await openContext("remove", options, { release });
	const paths = releasePaths(context.layout, release);
	if (context.dryRun) return await planOf(context, await survey(context, paths, options), options);
	await survey(context, paths, options);
	await removeLeftovers(context);
	return await withLock(
		context,
		paths.name,
		async () => {
			await survey(context, paths, options);
			// What an interrupted pack left goes first: the image alone tells what of it is safe.
			const aside = await finishReplacement(context, paths, { remount: false });
			if (!options.force) assertNotNeeded(aside, paths);
			const restored = aside?.restored ?? false;
			const result = await withBuildLocks(context, release, async () => {
				return await removeAll(context, await survey(context, paths, { ...options, restored }), options);
			});
			if (restored) result.stays.push(`${paths.mountPoint}: it is a whole tree, of which there is no image`);
			if (aside?.rest) result.stays.push(`${aside.rest}: it differs from the image that was removed`);
			return result;
		},
		{ waitMs: LOCK_WAIT_MS },
	);
}

/** Keeps every configure of this release out. */
async function withBuildLocks<T>(context: Context, release: string, work: () => Promise<T>): Promise<T> {
	const names = async (): Promise<string[]> => {
		const found = (await findBuilds(context.layout, release)).flatMap(({ name, links }) => [name, ...links]);
		return [...new Set([buildName(release), ...found])].toSorted();
	};
	const locked = await names();
	const inside = async (): Promise<T> => {
		// A configure may have made one between the look and the locks.
		const now = await names();
		if (now.every((name) => locked.includes(name))) return await work();
		throw new KsquashError("ERR_KSQUASH_LOCKED", `another ksquash makes build directories of ${release}`);
	};
	const all = locked.reduceRight<() => Promise<T>>(
		(inner, name) => async () => await withLock(context, buildKey(name), inner),
		inside,
	);
	return await all();
}

async function removeAll(context: Context, found: Survey, options: RemoveOptions): Promise<RemoveResult> {
	const { paths } = found;
	const result: RemoveResult = { release: paths.release, removed: [], stays: [...found.stays] };
	const opened = await openBuilds(found.ours);
	try {
		if (opened.some(({ names }) => names.length > 0)) {
			const kept = await context.step("save", `configs and keys of ${paths.release}`, async () => {
				return await keep(context.layout.keptDir, paths.release, opened);
			});
			if (kept !== undefined) result.kept = kept;
		}
		await moveLink(context, found, result);
		await takeOff(context, found);
		for (const build of opened) await removeOne(context, build, options, result);
	} finally {
		await closeAll(opened);
	}
	for (const path of found.empty) if (await removeEmptyDirectory(path)) result.removed.push(path);
	for (const path of found.begunLinks) await unlink(path, result);
	await assertOff(found);
	await removeMountPoint(found, result);
	const manifests = [paths.oldManifest, paths.manifest];
	for (const path of found.files) if (!manifests.includes(path)) await unlink(path, result);
	for (const path of found.files) if (manifests.includes(path)) await unlink(path, result);
	return result;
}

async function moveLink(context: Context, { paths, ours }: Survey, result: RemoveResult): Promise<void> {
	const places = [paths.mountPoint, ...ours.map(({ path }) => path)];
	const before = await readLinkIfExists(context.layout.link);
	const moved = async (): Promise<string | undefined> => await unselect(context.layout, paths.release, ours, places);
	const link = await withLock(context, LINK_KEY, moved, { waitMs: LOCK_WAIT_MS });
	if (link !== undefined) result.link = link;
	if (before !== undefined && (await readLinkIfExists(context.layout.link)) === undefined) {
		result.removed.push(context.layout.link);
	}
}

async function takeOff(context: Context, { paths, mounted }: Survey): Promise<void> {
	if (mounted === undefined) return;
	await context.step("umount", paths.mountPoint, async () => {
		const mounter = await mounterFor(context, { standing: mounted });
		await mounter.umount(paths.mountPoint, { expect: mounted.file });
	});
}

async function removeOne(
	context: Context,
	opened: OpenedBuild,
	options: RemoveOptions,
	result: RemoveResult,
): Promise<void> {
	const { build } = opened;
	const name = (path: string): string => (path === "." ? build.path : join(build.path, path));
	const links = await withLinks(context.layout, build, async () => {
		const gone = async (): Promise<RemovedBuild> => await removeBuild(opened, options);
		const { foreign, changed } = await context.step("remove", build.path, gone);
		for (const path of foreign) {
			result.stays.push(context.say(text`${name(path)}: Kbuild did not make it (${option("purge")} removes it)`));
		}
		result.stays.push(...changed.map((path) => `${name(path)}: it changed after it was saved (run this again)`));
		if (foreign.length + changed.length === 0) result.removed.push(build.path);
		// As long as something of ours is behind it, the link is how the next run finds it.
		return changed.length > 0;
	});
	result.removed.push(...links);
}

/** Right before the image goes: a mount that came up meanwhile would live on without a name. */
async function assertOff({ paths }: Survey): Promise<void> {
	const status = await statTarget(paths.mountPoint, paths.image);
	if (status.state === "absent" || status.state === "unmounted") return;
	ownMount(paths, status);
	throw new KsquashError("ERR_KSQUASH_BUSY", `${paths.mountPoint} was mounted again meanwhile`, {
		path: paths.mountPoint,
		hint: "nothing else of the release is left but its image: run this again",
	});
}

async function removeMountPoint({ paths, mountPoint }: Survey, result: RemoveResult): Promise<void> {
	if (!mountPoint) return;
	if (await removeEmptyDirectory(paths.mountPoint)) result.removed.push(paths.mountPoint);
	else result.stays.push(`${paths.mountPoint}: ${NOT_OURS}`);
}

async function unlink(path: string, { removed }: RemoveResult): Promise<void> {
	if (await unlinkIfExists(path)) removed.push(path);
}
