/**
 * The link /usr/src/linux: whose it is, and where it goes when its release goes.
 *
 * Owns: what makes it ksquash's own. Leaves to others: moving it on request (select.ts).
 */

import { readdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { STAMP } from "../build/stamp.ts";
import { type Layout, releaseOf, releasePaths } from "../layout.ts";
import { lstatIfExists, readLinkIfExists, swapSymlink, unlinkIfExists } from "../system/files.ts";

/** Dangling, or a build directory with our mark, or the mount point of an image. */
export async function isOwnLink(layout: Layout, target: string): Promise<boolean> {
	const path = resolve(dirname(layout.link), target);
	if ((await lstatIfExists(path)) === undefined) return true;
	if ((await lstatIfExists(join(path, STAMP))) !== undefined) return true;
	const release = dirname(path) === layout.sourceDir ? releaseOf(basename(path)) : undefined;
	return release !== undefined && (await lstatIfExists(releasePaths(layout, release).image)) !== undefined;
}

/**
 * After a release is gone no link may dangle: it moves to the newest other build directory of ours, or goes.
 * Returns what the link says now; undefined when it is gone or was another's.
 */
export async function unselect(layout: Layout, buildDirs: readonly string[]): Promise<string | undefined> {
	const now = await readLinkIfExists(layout.link);
	if (now === undefined || !buildDirs.includes(resolve(dirname(layout.link), now))) return undefined;
	const collator = new Intl.Collator("en", { numeric: true });
	const others: string[] = [];
	for (const name of await readdir(layout.sourceDir)) {
		const path = join(layout.sourceDir, name);
		if (!name.startsWith("build-") || buildDirs.includes(path)) continue;
		if ((await lstatIfExists(join(path, STAMP))) !== undefined) others.push(name);
	}
	const newest = others.toSorted(collator.compare).at(-1);
	if (newest === undefined) await unlinkIfExists(layout.link);
	else await swapSymlink(layout.link, newest);
	return newest;
}
