/**
 * mount: images on their mount points. Twice is once.
 *
 * Owns: making the mount point where it is missing, and what may not be there. Leaves to others: mounting (src/mount).
 */

import { KsquashError } from "../errors.ts";
import { type ReleasePaths, releasePaths } from "../layout.ts";
import type { FuseUse, Mounter } from "../mount/mounter.ts";
import { type FileId, statTarget, type TargetStatus } from "../native/verbs.ts";
import type { Options } from "../options/types.ts";
import { type Entry, findEntry, scan } from "../release/catalog.ts";
import { type Context, openContext } from "../release/context.ts";
import { withLock } from "../release/locks.ts";
import { type Failed, forEachRelease } from "../release/many.ts";
import { assertMountPoint, ensureMountPoint, LOCK_WAIT_MS, mounterFor, staleness } from "../release/mount-guards.ts";
import { mountWithoutAddon, releasesWithoutAddon } from "../release/without-addon.ts";
import { isEmptyDirectory, removeEmptyDirectory } from "../system/files.ts";

export interface MountOutcome {
	release: string;
	image: string;
	target: string;
	/** It was mounted there before. */
	already: boolean;
	/** e.g. "/dev/loop3"; absent with dryRun, and by FUSE. */
	device?: string;
	/** A process of this user's (squashfuse) serves it, not the kernel. */
	fuse?: boolean;
	plan?: string[];
}

export type MountOptions = Options<"mount">;

/**
 * What `await using` unmounts at the end of its block, if this very call mounted it: what was mounted before stays.
 * Disposing throws ERR_KSQUASH_BUSY with the holders named; the call's signal does not count then. Twice is once.
 */
export interface MountHandle extends MountOutcome, AsyncDisposable {}

/** Mounts one release's image where its tree stood. Throws KsquashError. */
export async function mount(release: string, options: MountOptions = {}): Promise<MountHandle> {
	const context = await openContext("mount", options, { release });
	const { undo, ...outcome } = await mountOne(context, release, options);
	const dispose = async (): Promise<void> => {
		await undo?.();
	};
	// Not enumerable: the outcome is data, to be printed and compared as such.
	return Object.defineProperty(outcome, Symbol.asyncDispose, { value: dispose }) as MountOutcome as MountHandle;
}

/** Mounts every image there is; one that fails does not stop the others. */
export async function mountAll(options: MountOptions = {}): Promise<{ done: MountOutcome[]; failed: Failed[] }> {
	const context = await openContext("mountAll", options);
	const releases = await releasesHere(context);
	return await forEachRelease(context, releases, async (release) => {
		const { undo: _, ...outcome } = await mountOne(context, release, options);
		return outcome;
	});
}

async function releasesHere(context: Context): Promise<string[]> {
	if (context.missingAddon !== undefined) return await releasesWithoutAddon(context);
	return (await scan(context.layout)).map(({ release }) => release);
}

interface Undoable extends MountOutcome {
	/** Absent where nothing was mounted by this call. */
	undo?: () => Promise<void>;
}

async function mountOne(context: Context, release: string, { fuse }: MountOptions): Promise<Undoable> {
	const { name } = releasePaths(context.layout, release);
	if (context.missingAddon !== undefined) return await mountWithoutAddon(context, release);
	if (context.dryRun) return await planned(context, release, fuse);
	await findImage(context, release);
	const work = async (): Promise<Undoable> => await mountLocked(context, release, fuse);
	return await withLock(context, name, work, { waitMs: LOCK_WAIT_MS });
}

async function mountLocked(context: Context, release: string, fuse: FuseUse | undefined): Promise<Undoable> {
	const { paths } = await findImage(context, release);
	const { image, mountPoint } = paths;
	return await context.step(
		"mount",
		`${image} on ${mountPoint}`,
		async () => {
			const mounter = await mounterFor(context, { fuse });
			assertNotStale(paths, await statTarget(mountPoint, image));
			const made = await ensureMountPoint(paths);
			try {
				const { mountId: _, file, ...done } = await mounter.mount(image, mountPoint);
				const outcome = { release, image, target: mountPoint, ...done };
				return done.already ? outcome : { ...outcome, undo: () => unmountAgain(context, paths, mounter, file) };
			} catch (error) {
				if (made) await removeEmptyDirectory(mountPoint).catch(() => false);
				throw error;
			}
		},
		{ lasts: true },
	);
}

/** Only the very image that was mounted: what somebody else mounted there since is not ours to take. */
async function unmountAgain(context: Context, paths: ReleasePaths, mounter: Mounter, expect: FileId): Promise<void> {
	const { name, image, mountPoint } = paths;
	const work = async (): Promise<void> => {
		if ((await statTarget(mountPoint, image)).file !== expect) return;
		await mounter.umount(mountPoint, { expect });
	};
	await withLock(context, name, work, { waitMs: LOCK_WAIT_MS });
}

/** The same checks as the real work. */
async function planned(context: Context, release: string, fuse: FuseUse | undefined): Promise<MountOutcome> {
	const { paths } = await findImage(context, release);
	const { image, mountPoint } = paths;
	const { kind } = await mounterFor(context, { fuse });
	const status = await checkTarget(paths);
	assertNotStale(paths, status);
	const outcome = { release, image, target: mountPoint };
	if (status.state === "mounted") return { ...outcome, already: true, plan: [`nothing: ${mountPoint} is mounted`] };
	const make = status.state === "absent" ? [`make ${mountPoint}`] : [];
	return {
		...outcome,
		already: false,
		plan: [...make, `mount ${image} on ${mountPoint}${kind === "fuse" ? " by FUSE" : ""}`],
	};
}

/** Throws ERR_KSQUASH_OCCUPIED where something of another's is in the way. */
export async function checkTarget(paths: ReleasePaths): Promise<TargetStatus> {
	const { image, mountPoint } = paths;
	await assertMountPoint(paths);
	const status = await statTarget(mountPoint, image);
	const { state } = status;
	const ours = state === "absent" || state === "mounted" || state === "stale";
	if (ours || (state === "unmounted" && (await isEmptyDirectory(mountPoint)))) return status;
	const why = state === "unmounted" ? "it is not an empty directory" : "something else is mounted there";
	throw new KsquashError("ERR_KSQUASH_OCCUPIED", `cannot mount ${image} on ${mountPoint}: ${why}`);
}

/** Throws ERR_KSQUASH_NO_RELEASE, or ERR_KSQUASH_IMAGE for a file that cannot be mounted. */
async function findImage({ layout }: Context, release: string): Promise<Entry> {
	const { image } = releasePaths(layout, release);
	const entry = await findEntry(layout, release);
	if (entry === undefined) {
		throw new KsquashError("ERR_KSQUASH_NO_RELEASE", `${release} has no image: there is no ${image}`);
	}
	if (entry.imageProblem !== undefined) {
		throw new KsquashError("ERR_KSQUASH_IMAGE", `cannot mount ${image}: ${entry.imageProblem}`, { path: image });
	}
	return entry;
}

function assertNotStale(paths: ReleasePaths, standing: TargetStatus): void {
	const stale = standing.state === "stale" ? staleness(paths, standing) : undefined;
	if (stale === undefined) return;
	throw new KsquashError("ERR_KSQUASH_OCCUPIED", `${stale.why} on ${paths.mountPoint}`, {
		path: paths.mountPoint,
		hint: stale.mend,
		resume: stale.calls,
	});
}
