/**
 * umount: images off their mount points. Only what is ours; never by force unless that is said.
 *
 * Owns: what counts as ours to unmount. Leaves to others: the call and the holders' names (src/mount).
 */

import { scan } from "../catalog.ts";
import { KsquashError } from "../errors.ts";
import { releasePaths } from "../layout.ts";
import { chooseMounter } from "../mount/mounter.ts";
import { lstatIfExists } from "../system/files.ts";
import { statTarget } from "../system/native.ts";
import { type CommonOptions, type Context, openContext } from "./context.ts";

export interface UmountOptions extends CommonOptions {
	/** Detach it although it is busy: it lives on, unseen, until its last user ends. */
	lazy?: boolean | undefined;
}

export interface UmountOutcome {
	release: string;
	target: string;
	/** Nothing was mounted there. */
	already: boolean;
	/** Another namespace, or a lazy umount's users, still hold the image. */
	stillHeld: boolean;
}

/** Unmounts one release. Throws ERR_KSQUASH_BUSY with the holders named, ERR_KSQUASH_OCCUPIED for what is not ours. */
export async function umount(release: string, options: UmountOptions = {}): Promise<UmountOutcome> {
	return await umountOne(await openContext(options), release, options);
}

/** Unmounts every release; one that is busy does not stop the others. */
export async function umountAll(
	options: UmountOptions = {},
): Promise<{ done: UmountOutcome[]; failed: { release: string; error: unknown }[] }> {
	const context = await openContext(options);
	const done: UmountOutcome[] = [];
	const failed: { release: string; error: unknown }[] = [];
	for (const { release } of await scan(context.layout)) {
		try {
			done.push(await umountOne(context, release, options));
		} catch (error) {
			context.signal?.throwIfAborted();
			failed.push({ release, error });
		}
	}
	return { done, failed };
}

async function umountOne(context: Context, release: string, options: UmountOptions): Promise<UmountOutcome> {
	const { image, mountPoint } = releasePaths(context.layout, release);
	const outcome = { release, target: mountPoint, already: false, stillHeld: false };
	const status = await statTarget(mountPoint, image);
	if (status.state === "unmounted" || status.state === "absent") {
		const known = (await lstatIfExists(image)) !== undefined || status.state === "unmounted";
		if (known) return { ...outcome, already: true };
		throw new KsquashError("ERR_KSQUASH_NO_RELEASE", `${release} is not here: neither ${image} nor ${mountPoint}`);
	}
	if (status.state === "hidden") {
		throw new KsquashError("ERR_KSQUASH_OCCUPIED", `the mount on ${mountPoint} is hidden by a later mount above it`, {
			hint: "unmount what covers it first (findmnt shows it)",
		});
	}
	if (status.state === "other" || status.file === undefined) {
		throw new KsquashError("ERR_KSQUASH_OCCUPIED", `what is mounted on ${mountPoint} is not ${image}`, {
			hint: "it was not mounted by ksquash: umount(8) takes it away",
		});
	}
	if (context.dryRun) return outcome;
	const { file } = status;
	return await context.step("umount", mountPoint, async () => {
		const mounter = chooseMounter(context.probe);
		const { stillHeld } = await mounter.umount(mountPoint, { lazy: options.lazy ?? false, expect: file });
		if (stillHeld) context.warn(`the image is off ${mountPoint}, but still held elsewhere (another mount namespace?)`);
		return { ...outcome, stillHeld };
	});
}
