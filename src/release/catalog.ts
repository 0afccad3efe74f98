/**
 * The catalog: a scan of the source directory. The file system is the registry, so nothing can go stale.
 *
 * Owns: which files there are ksquash's images, what stands beside them, and leftovers of interrupted work.
 * Leaves to others: mounting (src/mount) and what to do about leftovers.
 */

import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { fits, type Manifest, readManifest } from "../image/manifest.ts";
import {
	isImageName,
	type Layout,
	type ReleasePaths,
	releaseOf,
	releaseOfAside,
	releaseOfManifest,
	releasePaths,
	temporaryKey,
} from "../layout.ts";
import { type ImageInfo, inspectImage, statTarget } from "../native/verbs.ts";
import { attempt } from "../system/failure.ts";
import { lstatIfExists } from "../system/files.ts";

export interface Entry {
	release: string;
	paths: ReleasePaths;
	/** Superblock facts; absent when the file is no good image. */
	info?: ImageInfo;
	/** Why the image is no good. */
	imageProblem?: string;
	/** The image's own: it fits in size and superblock. */
	manifest?: Manifest;
	/** Why there is no manifest, e.g. "absent". */
	manifestProblem?: string;
	/** As in ReadManifest. */
	manifestForeign?: true;
	/** A tree that an interrupted pack set aside, or the rest of one. */
	aside?: string;
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
	const entries = await Promise.all(
		releases.toSorted(byRelease).map(async (release) => await findEntry(layout, release)),
	);
	return entries.filter((entry) => entry !== undefined);
}

/** Releases that have no image (any more), but a mount of one that was deleted, a tree set aside, or a manifest. */
export async function withoutImage(layout: Layout): Promise<string[]> {
	const names = await list(layout);
	const found = names.map(async (name) => {
		const release = releaseOfAside(name) ?? releaseOfManifest(name) ?? releaseOf(name);
		if (release === undefined || names.includes(basename(releasePaths(layout, release).image))) return undefined;
		if (releaseOfAside(name) !== undefined) return release;
		// Anybody may have a file of such a name.
		if (releaseOfManifest(name) !== undefined) {
			const { manifest } = await readManifest(join(layout.sourceDir, name));
			return manifest?.release === release ? release : undefined;
		}
		const { image, mountPoint } = releasePaths(layout, release);
		const { state } = await attempt(`look at ${mountPoint}`, statTarget(mountPoint, image));
		return state === "mounted" || state === "stale" ? release : undefined;
	});
	const releases = new Set((await Promise.all(found)).filter((release) => release !== undefined));
	return [...releases].toSorted(byRelease);
}

/** 6.2 before 6.10. */
export const byRelease: (a: string, b: string) => number = new Intl.Collator("en", { numeric: true }).compare;

/** Temporary files of work that did not end. */
export async function leftovers(layout: Layout): Promise<Leftover[]> {
	return (await list(layout)).flatMap((name) => {
		const key = temporaryKey(name);
		return key === undefined ? [] : [{ path: join(layout.sourceDir, name), key }];
	});
}

/** What there is of one release; `undefined` when it has no image, also when another process takes it away meanwhile. */
export async function findEntry(layout: Layout, release: string): Promise<Entry | undefined> {
	const paths = releasePaths(layout, release);
	const entry: Entry = { release, paths };
	for (const path of [paths.displacedTree, paths.partialTree])
		if ((await lstatIfExists(path)) !== undefined) entry.aside = path;
	try {
		entry.info = await inspectImage(paths.image);
	} catch (error) {
		const { code, reason, message } = error as { code?: string; reason?: string; message: string };
		// A link that leads nowhere is there.
		if (code === "ENOENT" && !(await lstatIfExists(paths.image))?.isSymbolicLink()) return undefined;
		entry.imageProblem = reason ?? message;
		return entry;
	}
	const current = await readManifest(paths.manifest);
	const candidates = [current, await readManifest(paths.oldManifest)];
	const fitting = candidates.find(({ manifest }) => manifest && fits(manifest, entry.info as ImageInfo));
	if (fitting?.manifest) entry.manifest = fitting.manifest;
	else {
		entry.manifestProblem = current.problem ?? "of another image (size or superblock differ)";
		if (current.foreign) entry.manifestForeign = true;
	}
	return entry;
}

async function list(layout: Layout): Promise<string[]> {
	if ((await lstatIfExists(layout.sourceDir)) === undefined) return [];
	return await attempt(`read ${layout.sourceDir}`, readdir(layout.sourceDir));
}
