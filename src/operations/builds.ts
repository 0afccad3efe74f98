/**
 * The build directories of a release: found by name, known as ours by their stamp.
 *
 * Owns: finding them, also behind a link that --build-dir left. Leaves to others: what happens to them.
 */

import { readdir, realpath } from "node:fs/promises";
import { join, resolve } from "node:path";
import { ownerOf } from "../build/directory.ts";
import { findOwner, type Owner } from "../build/ownership.ts";
import { readStamp, type Stamp } from "../build/stamp.ts";
import { buildName, type Layout } from "../layout.ts";
import { lstatIfExists, readLinkIfExists } from "../system/files.ts";

export interface Build {
	/** In the source directory: the directory itself, or a link to it. */
	name: string;
	/** The directory. */
	path: string;
	/** The name is a link to the directory. */
	linked: boolean;
	owner: Owner;
	/** undefined: it has no mark of ours. */
	stamp: Stamp | undefined;
}

/** build-REL and every build-REL-VARIANT whose stamp says REL. */
export async function findBuilds(layout: Layout, release: string): Promise<Build[]> {
	const usual = buildName(release);
	const there = (await lstatIfExists(layout.sourceDir)) === undefined ? [] : await readdir(layout.sourceDir);
	const names = there.filter((name) => name === usual || name.startsWith(`${usual}-`));
	const builds = await Promise.all(names.map(async (name) => await readBuild(layout, name)));
	return builds.filter((build): build is Build => {
		if (build === undefined) return false;
		return build.stamp ? build.stamp.release === release : build.name === usual;
	});
}

/** Where the link of --build-dir leads, below the root; undefined when it leads out. It may dangle. */
export async function followBuildLink(layout: Layout, at: string, target: string): Promise<string | undefined> {
	const path = await realpath(at).catch(() => resolve(layout.sourceDir, target));
	return (await isBelowRoot(layout, path)) ? path : undefined;
}

export async function isBelowRoot(layout: Layout, path: string): Promise<boolean> {
	const root = await realpath(layout.root);
	return root === "/" || path.startsWith(`${root}/`);
}

async function readBuild(layout: Layout, name: string): Promise<Build | undefined> {
	const at = join(layout.sourceDir, name);
	const target = await readLinkIfExists(at);
	const linked = target !== undefined;
	const path = linked ? await followBuildLink(layout, at, target) : at;
	const user = path === undefined ? undefined : await ownerOf(path);
	if (path === undefined || user === undefined) return undefined;
	const owner = await findOwner(user.uid, user.gid);
	const { stamp } = await readStamp(path, owner).catch(() => ({ stamp: undefined }));
	return { name, path, linked, owner, stamp };
}
