/**
 * From a proved temporary image to the image and its manifest, in an order that survives a crash at every point.
 *
 * Owns: the order manifest → image → fsync(directory), and the old pair that --replace keeps until then.
 * Leaves to others: the proof, which must be there before.
 */

import { link, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { KsquashError } from "../../errors.ts";
import type { Manifest } from "../../image/manifest.ts";
import type { ReleasePaths } from "../../layout.ts";
import { attempt, isSystemError } from "../../system/failure.ts";
import { fsyncPath, lstatIfExists, unlinkIfExists, writeFileAtomic } from "../../system/files.ts";
import { renameNew } from "../../system/native.ts";

/**
 * `temporary` must be on disk already (flushFile) and in the image's own directory.
 * Throws ERR_KSQUASH_EXISTS when an image came up meanwhile and `replace` is not set.
 */
export async function publish(
	paths: ReleasePaths,
	temporary: string,
	manifest: Manifest,
	replace: boolean,
): Promise<void> {
	const text = `${JSON.stringify(manifest, undefined, "\t")}\n`;
	const there = (await lstatIfExists(paths.image)) !== undefined;
	if (there && !replace) throw exists(paths.image);
	if (there) await keepOld(paths);
	await attempt(`write ${paths.manifest}`, writeFileAtomic(paths.manifest, text));
	try {
		if (there) await rename(temporary, paths.image);
		else await renameNew(temporary, paths.image);
	} catch (error) {
		if (isSystemError(error) && error.code === "EEXIST") throw exists(paths.image);
		throw error;
	}
	await fsyncPath(dirname(paths.image));
	await unlinkIfExists(paths.oldManifest);
	await unlinkIfExists(paths.oldImage);
}

/** Links, not renames: the release has an image under its name at every moment. */
async function keepOld(paths: ReleasePaths): Promise<void> {
	await unlinkIfExists(paths.oldImage);
	await unlinkIfExists(paths.oldManifest);
	await link(paths.image, paths.oldImage);
	if ((await lstatIfExists(paths.manifest)) !== undefined) await link(paths.manifest, paths.oldManifest);
	await fsyncPath(dirname(paths.image));
}

function exists(image: string): KsquashError {
	return new KsquashError("ERR_KSQUASH_EXISTS", `${image} is there already`, { path: image });
}
