/**
 * The links that --build-dir left in the source directory, when the directory behind them goes.
 *
 * Owns: the name that such a link has while its directory is being removed: of what an interrupted run leaves, also of
 * a link that leads nowhere or to files of a person's, it tells that the link is ours to take away.
 */

import { rename } from "node:fs/promises";
import { join } from "node:path";
import { type Layout, nameOfRemoved, removedName } from "../../layout.ts";
import { renameNew } from "../../native/verbs.ts";
import type { Build } from "../../release/builds.ts";
import { attempt } from "../../system/failure.ts";
import { unlinkIfExists } from "../../system/files.ts";

/** Paths of the links that go with a directory. What leads to one in the source directory itself is a person's. */
export function ownLinks({ sourceDir }: Layout, { elsewhere, links }: Build): string[] {
	return elsewhere ? links.map((file) => join(sourceDir, file)) : [];
}

/** Runs the removal of what is behind the links; they go unless it says that something of ours is left. */
export async function withLinks(layout: Layout, build: Build, work: () => Promise<boolean>): Promise<string[]> {
	const usual = join(layout.sourceDir, build.name);
	const begun = join(layout.sourceDir, removedName(build.name));
	const links = ownLinks(layout, build);
	const isMarked = build.links.some((file) => nameOfRemoved(file) !== undefined);
	if (links.includes(usual) && !isMarked) await attempt(`begin the removal of ${usual}`, rename(usual, begun));
	const left = await work();
	if (left && links.includes(usual) && !isMarked) await attempt(`put ${usual} back`, renameNew(begun, usual));
	if (left) return [];
	const gone: string[] = [];
	for (const path of new Set([begun, ...links]))
		if (await unlinkIfExists(path)) gone.push(path === begun ? usual : path);
	return gone;
}
