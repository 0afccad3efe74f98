/**
 * From a proved temporary image to the image and its manifest, in an order that survives a crash at every point.
 *
 * Owns: the order list → manifest → image → fsync(directory), the old pair that --replace keeps until then, and which of two
 * pairs counts after a crash. Leaves to others: the proof, which must be there before.
 */

import { link, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { KsquashError } from "../../errors.ts";
import { writeContentList } from "../../image/content-list.ts";
import { fileSha256, type Manifest, readManifest, writeManifest } from "../../image/manifest.ts";
import type { ReleasePaths } from "../../layout.ts";
import { renameNew, type TreeList } from "../../native/verbs.ts";
import { attempt, isSystemError } from "../../system/failure.ts";
import { fsyncPath, lstatIfExists, unlinkIfExists } from "../../system/files.ts";

/**
 * `temporary` must be on disk already (flushFile) and in the image's own directory.
 * Throws ERR_KSQUASH_EXISTS when an image came up meanwhile and `replace` is not set; then, and whenever the image
 * does not get its name, what was there is as it was.
 */
export async function publish(
	paths: ReleasePaths,
	temporary: string,
	{ manifest, list }: { manifest: Manifest; list: TreeList },
	replace: boolean,
): Promise<void> {
	const there = (await lstatIfExists(paths.image)) !== undefined;
	if (there && !replace) throw exists(paths.image);
	const writeList = async (): Promise<void> => await attempt(`write ${paths.list}`, writeContentList(paths.list, list));
	try {
		// Before the image, so that none is without it; but one that is there keeps its own until it goes.
		if (!there) await writeList();
		if (there) await attempt(`keep ${paths.image} until the new image is safe`, keepOld(paths));
		await attempt(`write ${paths.manifest}`, writeManifest(paths.manifest, manifest));
		if (there) await attempt(`replace ${paths.image}`, rename(temporary, paths.image));
		else await attempt(`name the image ${paths.image}`, named(temporary, paths.image));
	} catch (error) {
		// A failed undo never hides the first error; the next run settles what stays.
		await (there ? restoreOld(paths) : unlinkAll(paths.manifest, paths.list)).catch(() => undefined);
		throw error;
	}
	await attempt(`write ${dirname(paths.image)} to the disk`, fsyncPath(dirname(paths.image)));
	if (there) await writeList();
	await dropOld(paths);
}

/** For an image that is in its place and lost its manifest. The list first: a manifest is never without it. */
export async function publishManifest(paths: ReleasePaths, manifest: Manifest, list: TreeList): Promise<void> {
	await attempt(`write ${paths.list}`, writeContentList(paths.list, list));
	await attempt(`write ${paths.manifest}`, writeManifest(paths.manifest, manifest));
}

async function unlinkAll(...files: string[]): Promise<void> {
	for (const path of files) await unlinkIfExists(path);
}

async function named(temporary: string, image: string): Promise<void> {
	try {
		await renameNew(temporary, image);
	} catch (error) {
		if (isSystemError(error) && error.code === "EEXIST") throw exists(image);
		throw error;
	}
}

/** Links, not renames: the release has an image under its name at every moment. */
async function keepOld(paths: ReleasePaths): Promise<void> {
	await dropOld(paths);
	await link(paths.image, paths.oldImage);
	if ((await lstatIfExists(paths.manifest)) !== undefined) await link(paths.manifest, paths.oldManifest);
	await fsyncPath(dirname(paths.image));
}

async function restoreOld(paths: ReleasePaths): Promise<void> {
	if ((await lstatIfExists(paths.oldManifest)) === undefined) {
		// The image that is there had no manifest: the new one is not its own.
		if ((await lstatIfExists(paths.oldImage)) !== undefined) await unlinkIfExists(paths.manifest);
	} else {
		// Two names of one file: a rename would leave both.
		const [now, old] = [await lstatIfExists(paths.manifest), await lstatIfExists(paths.oldManifest)];
		if (now?.ino !== old?.ino) await rename(paths.oldManifest, paths.manifest);
	}
	await dropOld(paths);
}

async function dropOld(paths: ReleasePaths): Promise<void> {
	await unlinkAll(paths.oldManifest, paths.oldImage);
}

/**
 * After a crash within --replace: the manifest whose sha256 is the image's is the one that counts, and the old pair
 * goes. Where neither fits everything stays.
 */
export async function settlePair(paths: ReleasePaths, signal: AbortSignal | undefined): Promise<void> {
	const old = [paths.oldImage, paths.oldManifest].map(async (path) => await lstatIfExists(path));
	if ((await Promise.all(old)).every((stats) => stats === undefined)) return;
	if ((await lstatIfExists(paths.image)) === undefined) return;
	const sha256 = await attempt(`read ${paths.image}`, fileSha256(paths.image, signal));
	const of = async (path: string): Promise<boolean> => (await readManifest(path)).manifest?.image.sha256 === sha256;
	if (await of(paths.manifest)) await dropOld(paths);
	else if (await of(paths.oldManifest)) await restoreOld(paths);
}

function exists(image: string): KsquashError {
	return new KsquashError("ERR_KSQUASH_EXISTS", `${image} is there already`, { path: image });
}
