/**
 * umount: images off their mount points. Only what is ours; never by force unless that is said.
 *
 * Owns: what counts as ours to unmount. Leaves to others: the call and the holders' names (src/mount).
 */

import { KsquashError } from "../errors.ts";
import { type ReleasePaths, releasePaths } from "../layout.ts";
import { type FileId, statTarget, type TargetStatus } from "../native/verbs.ts";
import type { Options } from "../options/types.ts";
import { findEntry, scan, withoutImage } from "../release/catalog.ts";
import { type Context, openContext } from "../release/context.ts";
import { withLock } from "../release/locks.ts";
import { type Failed, forEachRelease } from "../release/many.ts";
import { assertNotLastCopy, assertUnused, LOCK_WAIT_MS, mounterFor, ownMount } from "../release/mount-guards.ts";
import { releasesWithoutAddon, umountWithoutAddon } from "../release/without-addon.ts";
import { lstatIfExists } from "../system/files.ts";

export type UmountOptions = Options<"umount">;

export interface UmountOutcome {
	release: string;
	target: string;
	/** Nothing was mounted there. */
	already: boolean;
	/** Another namespace, or a lazy umount's users, still hold the image. */
	stillHeld: boolean;
	plan?: string[];
}

/** Unmounts one release. Throws ERR_KSQUASH_BUSY with the holders named, ERR_KSQUASH_OCCUPIED for what is not ours. */
export async function umount(release: string, options: UmountOptions = {}): Promise<UmountOutcome> {
	return await umountOne(await openContext("umount", options, { release }), release, options);
}

/** Unmounts every release; one that is busy does not stop the others. */
export async function umountAll(options: UmountOptions = {}): Promise<{ done: UmountOutcome[]; failed: Failed[] }> {
	const context = await openContext("umountAll", options);
	const releases = await releasesHere(context);
	return await forEachRelease(context, releases, async (release) => await umountOne(context, release, options));
}

/** Those with an image, and those whose image was deleted while it is mounted. */
async function releasesHere(context: Context): Promise<string[]> {
	if (context.missingAddon !== undefined) return await releasesWithoutAddon(context);
	const releases = (await scan(context.layout)).map(({ release }) => release);
	for (const release of await withoutImage(context.layout)) {
		const { mountPoint, image } = releasePaths(context.layout, release);
		if ((await statTarget(mountPoint, image)).state === "mounted") releases.push(release);
	}
	return releases;
}

async function umountOne(context: Context, release: string, options: UmountOptions): Promise<UmountOutcome> {
	if (context.missingAddon !== undefined) return await umountWithoutAddon(context, release);
	const paths = releasePaths(context.layout, release);
	const outcome = { release, target: paths.mountPoint, already: false, stillHeld: false };
	const before = await mountedFile(context, paths, options);
	if (before === undefined) {
		const plan = [`nothing: ${paths.mountPoint} is not mounted`];
		return { ...outcome, already: true, ...(context.dryRun ? { plan } : {}) };
	}
	if (context.dryRun) {
		if (!options.lazy) await assertUnused(paths.mountPoint);
		return { ...outcome, plan: [`unmount ${paths.mountPoint}${options.lazy ? " (lazily)" : ""}`] };
	}
	const work = async (): Promise<UmountOutcome> => {
		const standing = await mountedFile(context, paths, options);
		if (standing === undefined) return { ...outcome, already: true };
		return await context.step("umount", paths.mountPoint, async () => {
			const mounter = await mounterFor(context, { standing });
			const { lazy = false } = options;
			const { stillHeld } = await mounter.umount(paths.mountPoint, { lazy, expect: standing.file });
			if (stillHeld) {
				context.warn(`the image is off ${paths.mountPoint}, but still held elsewhere (another mount namespace?)`);
			}
			return { ...outcome, stillHeld };
		});
	};
	return await withLock(context, paths.name, work, { waitMs: LOCK_WAIT_MS });
}

/** What is mounted there and may go; undefined where nothing is mounted. */
async function mountedFile(
	{ layout }: Context,
	paths: ReleasePaths,
	{ force }: UmountOptions,
): Promise<(TargetStatus & { file: FileId }) | undefined> {
	const { release, image, mountPoint } = paths;
	const status = await statTarget(mountPoint, image);
	if (status.state === "absent" && (await lstatIfExists(image)) === undefined) {
		throw new KsquashError("ERR_KSQUASH_NO_RELEASE", `${release} is not here: neither ${image} nor ${mountPoint}`);
	}
	if (status.state === "unmounted" || status.state === "absent") return undefined;
	const file = ownMount(paths, status);
	if (!force) assertNotLastCopy(paths, status, await findEntry(layout, release));
	return { ...status, file };
}
