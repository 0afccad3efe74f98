/**
 * The build directories: found by name, known as ours by their stamp.
 *
 * Owns: finding them, also behind a link that --build-dir left. Leaves to others: what happens to them.
 */

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { findOwner, type Owner } from "../build/ownership.ts";
import { readStamp, type Stamp } from "../build/stamp.ts";
import { buildName, type Layout, resolveLink } from "../layout.ts";
import { isSystemError } from "../system/failure.ts";
import { lstatIfExists, pinDirectory, readLinkIfExists } from "../system/files.ts";
import type { FileId } from "../system/native.ts";

export interface Build {
	/** In the source directory: the directory itself, or a link to it. */
	name: string;
	/** The directory. */
	path: string;
	/** Its identity: on the way there may be directories of the owner's, who can swap what the path leads to. */
	id: FileId;
	/** The name is a link to the directory. */
	linked: boolean;
	owner: Owner;
	/** undefined: it has no mark of ours. */
	stamp: Stamp | undefined;
}

/** build-REL and every build-REL-VARIANT whose stamp says REL. */
export async function findBuilds(layout: Layout, release: string): Promise<Build[]> {
	return buildsOf(await findAllBuilds(layout, buildName(release)), release);
}

/** Those of one release. */
export function buildsOf(builds: readonly Build[], release: string): Build[] {
	const usual = buildName(release);
	return builds.filter(({ stamp, name }) => (stamp ? stamp.release === release : name === usual));
}

/** Every build directory whose name begins so, in order of name. */
export async function findAllBuilds(layout: Layout, prefix = buildName("")): Promise<Build[]> {
	const there = (await lstatIfExists(layout.sourceDir)) === undefined ? [] : await readdir(layout.sourceDir);
	const owners = new Map<string, Promise<Owner>>();
	const ownerOf = async (uid: number, gid: number): Promise<Owner> => {
		const key = `${uid}:${gid}`;
		const found = owners.get(key) ?? findOwner(uid, gid);
		owners.set(key, found);
		return await found;
	};
	const names = there.filter((name) => name.startsWith(prefix)).toSorted();
	const builds = await Promise.all(names.map(async (name) => await readBuild(layout, name, ownerOf)));
	return builds.filter((build) => build !== undefined);
}

/** Where a link in the source directory leads, below the root; undefined when it leads nowhere. It may dangle. */
export async function followLink(layout: Layout, target: string): Promise<string | undefined> {
	try {
		return await resolveLink(layout, target);
	} catch (error) {
		if (isSystemError(error) && error.code === "ELOOP") return undefined;
		throw error;
	}
}

export function isBelowRoot({ root }: Layout, path: string): boolean {
	return root === "/" || path.startsWith(`${root}/`);
}

async function readBuild(
	layout: Layout,
	name: string,
	ownerOf: (uid: number, gid: number) => Promise<Owner>,
): Promise<Build | undefined> {
	const at = join(layout.sourceDir, name);
	const target = await readLinkIfExists(at);
	const linked = target !== undefined;
	const path = linked ? await followLink(layout, target) : at;
	const pinned = path === undefined ? undefined : await pinDirectory(path);
	if (path === undefined || pinned === undefined) return undefined;
	try {
		const owner = await ownerOf(pinned.uid, pinned.gid);
		const { stamp } = await readStamp(pinned.path, owner).catch(() => ({ stamp: undefined }));
		return { name, path, id: pinned.id, linked, owner, stamp };
	} finally {
		await pinned.close();
	}
}
