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
import {
	type DoneResult,
	type Dry,
	describePlan,
	execute,
	type Plan,
	type PlannedResult,
	type Real,
} from "../release/plan.ts";
import { releasesWithoutAddon, umountWithoutAddon } from "../release/without-addon.ts";
import { lstatIfExists } from "../system/files.ts";

export type UmountOptions = Options<"umount">;

export interface UmountOutcome extends DoneResult {
	release: string;
	target: string;
	/** Nothing was mounted there. */
	already: boolean;
	/** Another namespace, or a lazy umount's users, still hold the image. */
	stillHeld: boolean;
}

/** With dryRun. */
export interface UmountPlan extends PlannedResult {
	release: string;
	target: string;
	/** Nothing is mounted there. */
	already: boolean;
}

/** Unmounts one release. Throws ERR_KSQUASH_BUSY with the holders named, ERR_KSQUASH_OCCUPIED for what is not ours. */
export async function umount(release: string, options?: Real<UmountOptions>): Promise<UmountOutcome>;
export async function umount(release: string, options: Dry<UmountOptions>): Promise<UmountPlan>;
export async function umount(release: string, options?: UmountOptions): Promise<UmountOutcome | UmountPlan>;
export async function umount(release: string, options: UmountOptions = {}): Promise<UmountOutcome | UmountPlan> {
	return await umountOne(await openContext("umount", options, { release }), release, options);
}

export interface UmountedAll<Outcome> {
	done: Outcome[];
	failed: Failed[];
}

/** Unmounts every release; one that is busy does not stop the others. */
export async function umountAll(options?: Real<UmountOptions>): Promise<UmountedAll<UmountOutcome>>;
export async function umountAll(options: Dry<UmountOptions>): Promise<UmountedAll<UmountPlan>>;
export async function umountAll(options?: UmountOptions): Promise<UmountedAll<UmountOutcome | UmountPlan>>;
export async function umountAll(options: UmountOptions = {}): Promise<UmountedAll<UmountOutcome | UmountPlan>> {
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

async function umountOne(
	context: Context,
	release: string,
	options: UmountOptions,
): Promise<UmountOutcome | UmountPlan> {
	if (context.missingAddon !== undefined) return { state: "done", ...(await umountWithoutAddon(context, release)) };
	const paths = releasePaths(context.layout, release);
	const before = await planUmount(context, paths, options);
	if (context.dryRun) return describePlan(before);
	// No lock for nothing: a pack holds it for minutes.
	if (before.known.already) return await execute(context, before);
	const work = async (): Promise<UmountOutcome> => {
		return await execute(context, await planUmount(context, paths, options));
	};
	return await withLock(context, paths.name, work, { waitMs: LOCK_WAIT_MS });
}

type Known = Omit<UmountPlan, keyof PlannedResult>;
type Done = Omit<UmountOutcome, "state">;

async function planUmount(context: Context, paths: ReleasePaths, options: UmountOptions): Promise<Plan<Known, Done>> {
	const { release, mountPoint: target } = paths;
	const standing = await mountedFile(context, paths, options);
	const outcome: Done = { release, target, already: standing === undefined, stillHeld: false };
	const plan = {
		known: { release, target, already: outcome.already },
		nothing: `nothing: ${target} is not mounted`,
		unchecked: [],
		done: () => outcome,
	};
	if (standing === undefined) return { ...plan, steps: [] };
	const { lazy = false } = options;
	if (context.dryRun) {
		await mounterFor(context, { standing });
		// The kernel itself refuses to unmount what is in use.
		if (!lazy) await assertUnused(target);
	}
	const run = async (): Promise<void> => {
		const mounter = await mounterFor(context, { standing });
		const { stillHeld } = await mounter.umount(target, { lazy, expect: standing.file });
		outcome.stillHeld = stillHeld;
		if (stillHeld) context.warn(`the image is off ${target}, but still held elsewhere (another mount namespace?)`);
	};
	const say = [`unmount ${target}${lazy ? " (lazily)" : ""}`];
	return { ...plan, steps: [{ name: "umount", say, lasts: true, label: target, run }] };
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
