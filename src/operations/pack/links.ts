/**
 * Links below /lib/modules by which programs find a kernel's source and build directory: those that lead into a tree
 * are named before it goes.
 *
 * Owns: which of them stop working. Leaves to others: the tree's fate (source.ts).
 */

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { KsquashError } from "../../errors.ts";
import { type Layout, resolveLink } from "../../layout.ts";
import type { Context } from "../../release/context.ts";
import { attempt, isSystemError } from "../../system/failure.ts";
import { lstatIfExists, readLinkIfExists } from "../../system/files.ts";
import type { Fate } from "./source.ts";

/** Throws ERR_KSQUASH_LINKED naming each link that the tree's end would break; with `force` it is a warning. */
export async function assertUnlinked(
	{ layout, warn }: Context,
	tree: string,
	fate: Exclude<Fate, "keep">,
	force: boolean,
): Promise<void> {
	const links = (await linksInto(layout, tree)).filter(({ name }) => fate === "remove" || name === "build");
	if (links.length === 0) return;
	const notes = links.map(({ path, target, name }) => {
		if (fate === "remove") return `${path} → ${target}: it would lead nowhere`;
		return `${path} → ${target}: modules could not be built by this ${name} link, for the image is read-only`;
	});
	if (force) return notes.forEach((note) => void warn(note));
	const message = `${links.length === 1 ? "a link leads" : `${links.length} links lead`} into ${tree}`;
	throw new KsquashError("ERR_KSQUASH_LINKED", message, { path: tree, notes });
}

interface Link {
	path: string;
	/** What it says. */
	target: string;
	name: "build" | "source";
}

async function linksInto(layout: Layout, tree: string): Promise<Link[]> {
	const { modulesDir } = layout;
	if ((await lstatIfExists(modulesDir)) === undefined) return [];
	const releases = await attempt(`read ${modulesDir}`, readdir(modulesDir));
	const all = releases.toSorted().flatMap((release) => {
		const directory = join(modulesDir, release);
		return (["build", "source"] as const).map(async (name): Promise<Link[]> => {
			const path = join(directory, name);
			const target = await readLinkIfExists(path);
			if (target === undefined) return [];
			const place = await follow(layout, target, directory);
			return place === tree || place?.startsWith(`${tree}/`) ? [{ path, target, name }] : [];
		});
	});
	return (await Promise.all(all)).flat();
}

/** undefined for a link that leads nowhere. */
async function follow(layout: Layout, target: string, directory: string): Promise<string | undefined> {
	try {
		return await resolveLink(layout, target, directory);
	} catch (error) {
		if (isSystemError(error)) return undefined;
		throw error;
	}
}
