/**
 * The link /usr/src/linux: whose it is, and where it goes when its release goes.
 *
 * Owns: what makes it ksquash's own. Leaves to others: moving it on request (select.ts).
 */

import { buildName, type Layout, releaseAt, releasePaths } from "../layout.ts";
import { lstatIfExists, readLinkIfExists, swapSymlink, unlinkIfExists } from "../system/files.ts";
import { type Build, findAllBuilds, followLink } from "./builds.ts";
import { byRelease } from "./catalog.ts";

/** Dangling, or a build directory with our mark, or the mount point of an image. */
export async function isOwnLink(layout: Layout, target: string): Promise<boolean> {
	if (!(await leadsSomewhere(layout, target))) return true;
	const path = await followLink(layout, target);
	const builds = await findAllBuilds(layout);
	if (builds.some((build) => build.path === path && build.stamp !== undefined)) return true;
	const release = path === undefined ? undefined : releaseAt(layout, path);
	return release !== undefined && (await lstatIfExists(releasePaths(layout, release).image)) !== undefined;
}

async function leadsSomewhere(layout: Layout, target: string): Promise<boolean> {
	const path = await followLink(layout, target);
	return path !== undefined && (await lstatIfExists(path)) !== undefined;
}

/** Does the link lead to one of these directories? Also when that one is behind a link of --build-dir. */
export async function leadsTo(layout: Layout, target: string, places: readonly string[]): Promise<boolean> {
	const path = await followLink(layout, target);
	return path !== undefined && places.includes(path);
}

/**
 * Where the link is to lead when a release is gone, so that it never dangles: to the newest other build directory of
 * ours, or nowhere (`to` is undefined). `gone` are the release's build directories, `places` are these and its mount
 * point. Returns undefined when the link may stay as it is.
 */
export async function successor(
	layout: Layout,
	release: string,
	gone: readonly Build[],
	places: readonly string[],
): Promise<{ to: string | undefined } | undefined> {
	const now = await readLinkIfExists(layout.link);
	if (now === undefined) return undefined;
	// Its build directory may have gone before, by whomever.
	const dangles = now === buildName(release) && !(await leadsSomewhere(layout, now));
	if (!dangles && !(await leadsTo(layout, now, places))) return undefined;
	// By identity: a directory may have another name among those of all releases.
	const others = (await findAllBuilds(layout))
		.filter(({ stamp, id }) => stamp !== undefined && !gone.some((build) => build.id === id))
		.map(({ name }) => name);
	return { to: others.toSorted(byRelease).at(-1) };
}

/** Moves the link there. Returns what it says now; undefined when it is gone or may stay. */
export async function unselect(...about: Parameters<typeof successor>): Promise<string | undefined> {
	const [{ link }] = about;
	const next = await successor(...about);
	if (next === undefined) return undefined;
	if (next.to === undefined) await unlinkIfExists(link);
	else await swapSymlink(link, next.to);
	return next.to;
}
