/**
 * The catalog: a scan of the source directory. The file system is the registry, so nothing can go stale.
 *
 * Owns: which files there are ksquash's images, what stands beside them, and leftovers of interrupted work.
 * Leaves to others: whether they are mounted (src/mount) and what to do about leftovers.
 */

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fits, type Manifest, readManifest } from "./image/manifest.ts";
import { isImageName, type Layout, type ReleasePaths, releaseOf, releasePaths, temporaryKey } from "./layout.ts";
import { attempt } from "./system/failure.ts";
import { lstatIfExists } from "./system/files.ts";
import { type ImageInfo, inspectImage } from "./system/native.ts";

export interface Entry {
	release: string;
	paths: ReleasePaths;
	/** Superblock facts; absent when the file is no good image. */
	info?: ImageInfo;
	/** Why the image is no good. */
	imageProblem?: string;
	manifest?: Manifest;
	/** Why there is no manifest, e.g. "absent". */
	manifestProblem?: string;
	/** A tree that an interrupted pack set aside and nobody removed yet. */
	setAside?: string;
}

export interface Leftover {
	path: string;
	/** The key of the lock that its writer holds while it is alive. */
	key: string;
}

/** All releases that have an image, in order of name. */
export async function scan(layout: Layout): Promise<Entry[]> {
	const names = await list(layout);
	const releases = names.filter(isImageName).map((name) => releaseOf(name) as string);
	const collator = new Intl.Collator("en", { numeric: true });
	return await Promise.all(releases.toSorted(collator.compare).map(async (release) => readEntry(layout, release)));
}

/** Temporary files of work that did not end. */
export async function leftovers(layout: Layout): Promise<Leftover[]> {
	return (await list(layout)).flatMap((name) => {
		const key = temporaryKey(name);
		return key === undefined ? [] : [{ path: join(layout.sourceDir, name), key }];
	});
}

/** What there is of one release; `undefined` when it has no image. */
export async function findEntry(layout: Layout, release: string): Promise<Entry | undefined> {
	const stats = await lstatIfExists(releasePaths(layout, release).image);
	return stats === undefined ? undefined : await readEntry(layout, release);
}

async function readEntry(layout: Layout, release: string): Promise<Entry> {
	const paths = releasePaths(layout, release);
	const entry: Entry = { release, paths };
	if ((await lstatIfExists(paths.setAside)) !== undefined) entry.setAside = paths.setAside;
	try {
		entry.info = await inspectImage(paths.image);
	} catch (error) {
		entry.imageProblem = (error as { reason?: string }).reason ?? (error as Error).message;
		return entry;
	}
	const current = await readManifest(paths.manifest);
	const candidates = [current, await readManifest(paths.oldManifest)];
	const fitting = candidates.find(({ manifest }) => manifest && fits(manifest, entry.info as ImageInfo));
	if (fitting?.manifest) entry.manifest = fitting.manifest;
	else entry.manifestProblem = current.problem ?? "of another image (size or superblock differ)";
	return entry;
}

async function list(layout: Layout): Promise<string[]> {
	if ((await lstatIfExists(layout.sourceDir)) === undefined) return [];
	return await attempt(`read ${layout.sourceDir}`, readdir(layout.sourceDir));
}
