/**
 * mount: images on their mount points. Twice is once.
 *
 * Owns: making the mount point where it is missing. Leaves to others: mounting (src/mount).
 */

import { findEntry, scan } from "../catalog.ts";
import { KsquashError } from "../errors.ts";
import { releasePaths } from "../layout.ts";
import { chooseMounter } from "../mount/mounter.ts";
import { attempt } from "../system/failure.ts";
import { makeDirectory } from "../system/files.ts";
import { type CommonOptions, type Context, openContext } from "./context.ts";

export interface MountOutcome {
	release: string;
	image: string;
	target: string;
	/** It was mounted there before. */
	already: boolean;
	/** e.g. "/dev/loop3"; absent with dryRun. */
	device?: string;
}

/** Mounts one release's image where its tree stood. Throws KsquashError. */
export async function mount(release: string, options: CommonOptions = {}): Promise<MountOutcome> {
	return await mountOne(await openContext(options), release);
}

export interface Failed {
	release: string;
	error: unknown;
}

/** Mounts every image there is; one that fails does not stop the others. */
export async function mountAll(options: CommonOptions = {}): Promise<{ done: MountOutcome[]; failed: Failed[] }> {
	const context = await openContext(options);
	const done: MountOutcome[] = [];
	const failed: Failed[] = [];
	for (const { release } of await scan(context.layout)) {
		try {
			done.push(await mountOne(context, release));
		} catch (error) {
			context.signal?.throwIfAborted();
			failed.push({ release, error });
		}
	}
	return { done, failed };
}

async function mountOne(context: Context, release: string): Promise<MountOutcome> {
	const { image, mountPoint } = releasePaths(context.layout, release);
	const entry = await findEntry(context.layout, release);
	if (entry === undefined)
		throw new KsquashError("ERR_KSQUASH_NO_RELEASE", `${release} has no image: there is no ${image}`);
	const outcome = { release, image, target: mountPoint };
	if (context.dryRun) return { ...outcome, already: false };
	return await context.step("mount", `${image} on ${mountPoint}`, async () => {
		const mounter = chooseMounter(context.probe);
		await attempt(`make the mount point ${mountPoint}`, makeDirectory(mountPoint));
		const { already, device } = await mounter.mount(image, mountPoint);
		return { ...outcome, already, device };
	});
}
