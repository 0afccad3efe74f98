/**
 * mount and umount where the add-on does not load: by the helper alone, which checks, locks and mounts by itself.
 *
 * Owns: what is asked of it. Leaves to others: whether it may (its policy).
 */

import { readdir } from "node:fs/promises";
import { isImageName, releaseOf, releasePaths } from "../layout.ts";
import { HelperMounter } from "../mount/helper.ts";
import { which } from "../process/run.ts";
import { attempt } from "../system/failure.ts";
import { removeEmptyDirectory } from "../system/files.ts";
import { call, text } from "../text.ts";
import type { Context } from "./context.ts";
import { ensureMountPoint } from "./mount-guards.ts";

/** The installed helper, which is of the running system only. Throws why the add-on does not load where it cannot serve. */
function helperAlone({ layout, missingAddon, dryRun, warn }: Context): HelperMounter {
	if (dryRun || layout.root !== "/" || which(layout.helper) === undefined) throw missingAddon;
	warn(text`the native add-on does not load: the helper alone mounts and unmounts (${call("doctor")} says more)`);
	return new HelperMounter(layout.helper);
}

export async function mountWithoutAddon(
	context: Context,
	release: string,
): Promise<{ release: string; image: string; target: string; already: boolean; device?: string }> {
	const paths = releasePaths(context.layout, release);
	const { image, mountPoint } = paths;
	const helper = helperAlone(context);
	return await context.step(
		"mount",
		`${image} on ${mountPoint}`,
		async () => {
			const made = await ensureMountPoint(paths);
			try {
				const { mountId: _, file: __, ...done } = await helper.mount(image, mountPoint);
				return { release, image, target: mountPoint, ...done };
			} catch (error) {
				if (made) await removeEmptyDirectory(mountPoint).catch(() => false);
				throw error;
			}
		},
		{ lasts: true },
	);
}

export async function umountWithoutAddon(
	context: Context,
	release: string,
): Promise<{ release: string; target: string; already: boolean; stillHeld: boolean }> {
	const { mountPoint } = releasePaths(context.layout, release);
	const helper = helperAlone(context);
	return await context.step(
		"umount",
		mountPoint,
		async () => {
			const { stillHeld, already } = await helper.umount(mountPoint);
			return { release, target: mountPoint, already, stillHeld };
		},
		{ lasts: true },
	);
}

/** By their files' names only: nothing reads their superblocks. */
export async function releasesWithoutAddon({ layout }: Context): Promise<string[]> {
	const names = await attempt(`list ${layout.sourceDir}`, readdir(layout.sourceDir));
	return names.flatMap((name) => (isImageName(name) ? (releaseOf(name) ?? []) : [])).toSorted();
}
