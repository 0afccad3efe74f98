/**
 * Whether somebody else could change what of this package runs with this user's rights.
 *
 * Owns: looking at owners and modes of the package's files and of the directories above it.
 */

import { lstat, readdir, realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ownPackage } from "./package.ts";

/** What runs, or is installed to run; the rest of the package is text for people. */
const RUN = ["package.json", "dist", "prebuilds", "build/Release", "build/helper", "share"];

/** Paths that a user other than root and the present one owns or may write, at most `limit`; one sentence each. */
export async function foreignPackageFiles(limit = 5): Promise<string[]> {
	const root = await realpath(ownPackage().root);
	const found: string[] = [];
	for await (const path of everyPath(root)) {
		const why = await whoElse(path);
		if (why !== undefined) found.push(`${path} ${why}`);
		if (found.length === limit) break;
	}
	return found;
}

async function* everyPath(root: string): AsyncGenerator<string> {
	for (let above = root; ; above = dirname(above)) {
		yield above;
		if (above === dirname(above)) break;
	}
	for (const name of RUN) {
		const top = join(root, name);
		const stats = await lstat(top).catch(() => undefined);
		if (stats === undefined) continue;
		yield top;
		if (!stats.isDirectory()) continue;
		for (const below of await readdir(top, { recursive: true })) yield join(top, below);
	}
}

/** A sticky directory (/tmp) lets nobody put another file in the place of ours. A link's own mode says nothing. */
async function whoElse(path: string): Promise<string | undefined> {
	const stats = await lstat(path).catch(() => undefined);
	if (stats === undefined) return undefined;
	if (stats.uid !== 0 && stats.uid !== process.geteuid?.()) return `belongs to the user ${stats.uid}`;
	const open = (stats.mode & 0o022) !== 0 && (stats.mode & 0o1000) === 0 && !stats.isSymbolicLink();
	return open ? "can be written by others" : undefined;
}
