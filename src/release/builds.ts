/**
 * The build directories: found by name, known as ours by their stamp.
 *
 * Owns: finding them, also behind a link that --build-dir left, each of them once, and whose a new one is by default.
 * Leaves to others: what happens to them.
 */

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { findOwner, type Owner } from "../build/ownership.ts";
import { readStamp, type Stamp } from "../build/stamp.ts";
import { KsquashError } from "../errors.ts";
import { buildName, type Layout, nameOfRemoved, resolveLink } from "../layout.ts";
import type { FileId } from "../native/verbs.ts";
import { isSystemError } from "../system/failure.ts";
import { lstatIfExists, pinDirectory, readLinkIfExists } from "../system/files.ts";
import type { Context } from "./context.ts";

export interface Build {
	/** In the source directory: the directory itself, or the first link to it. */
	name: string;
	/** The directory. */
	path: string;
	/** Its identity: on the way there may be directories of the owner's, who can swap what the path leads to. */
	id: FileId;
	/** Files in the source directory that are links to it. */
	links: readonly string[];
	/** `name` is one of them (or was, before its removal began): --build-dir left it. */
	elsewhere: boolean;
	owner: Owner;
	/** undefined: it has no mark of ours. */
	stamp: Stamp | undefined;
}

/**
 * Where nobody is named and nobody owns it yet: the settings' owner, else sudo's caller below a root of his own, else we.
 * Throws ERR_KSQUASH_SETTINGS where the settings name nobody.
 */
export async function defaultOwner({ settings, layout }: Context): Promise<Owner> {
	if (settings.owner === undefined) return (await sudoCaller(layout)) ?? (await findOwner(process.geteuid?.() ?? 0));
	return await findOwner(settings.owner).catch((error: unknown) => {
		if (!(error instanceof KsquashError) || error.code !== "ERR_KSQUASH_USAGE") throw error;
		const path = layout.settingsFile;
		throw new KsquashError("ERR_KSQUASH_SETTINGS", `${path}: owner: ${error.message}`, { path, cause: error });
	});
}

/**
 * Whoever called us by sudo, if the root is a directory of his. He could swap whatever root builds below it: so the builds
 * there are his, and make runs with his rights.
 */
export async function sudoCaller({ root }: Layout): Promise<Owner | undefined> {
	const { SUDO_UID: uid = "", SUDO_GID: gid = "" } = process.env;
	const isNumber = (id: string): boolean => /^[1-9]\d{0,9}$/.test(id);
	if (process.geteuid?.() !== 0 || root === "/" || !isNumber(uid)) return undefined;
	if ((await lstatIfExists(root))?.uid !== BigInt(uid)) return undefined;
	return await findOwner(Number(uid), isNumber(gid) ? Number(gid) : undefined);
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
	const names = there.filter((name) => (nameOfRemoved(name) ?? name).startsWith(prefix)).toSorted();
	const builds = await Promise.all(names.map(async (name) => await readBuild(layout, name, ownerOf)));
	return distinct(builds.filter((build) => build !== undefined));
}

/** One build for each directory: what has two names must not be saved and removed twice. */
function distinct(found: readonly Build[]): Build[] {
	const known = new Map<FileId, Build>();
	// The directory's own name counts before a link's.
	for (const build of found.toSorted((a, b) => a.links.length - b.links.length)) {
		const first = known.get(build.id);
		known.set(build.id, first === undefined ? build : { ...first, links: [...first.links, ...build.links] });
	}
	return [...known.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
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

/** Is this one of its names? */
export function isCalled({ name, links }: Build, wanted: string): boolean {
	return name === wanted || links.includes(wanted);
}

export function isBelowRoot({ root }: Layout, path: string): boolean {
	return root === "/" || path.startsWith(`${root}/`);
}

async function readBuild(
	layout: Layout,
	file: string,
	ownerOf: (uid: number, gid: number) => Promise<Owner>,
): Promise<Build | undefined> {
	const at = join(layout.sourceDir, file);
	const name = nameOfRemoved(file) ?? file;
	const target = await readLinkIfExists(at);
	if (target === undefined && name !== file) return undefined;
	const path = target === undefined ? at : await followLink(layout, target);
	const pinned = path === undefined ? undefined : await pinDirectory(path);
	if (path === undefined || pinned === undefined) return undefined;
	try {
		const owner = await ownerOf(pinned.uid, pinned.gid);
		const { stamp } = await readStamp(pinned.path, owner).catch(() => ({ stamp: undefined }));
		const elsewhere = target !== undefined;
		return { name, path, id: pinned.id, links: elsewhere ? [file] : [], elsewhere, owner, stamp };
	} finally {
		await pinned.close();
	}
}
