/**
 * Whether somebody else could change what of this package runs with this user's rights.
 *
 * Owns: looking at owners and modes of the package's files and of the directories above it.
 */

import { lstat, readdir, realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ownPackage } from "../system/package.ts";
import { whyWritable } from "./writers.ts";

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

async function whoElse(path: string): Promise<string | undefined> {
	const stats = await lstat(path).catch(() => undefined);
	return stats && (await whyWritable(path, stats, [process.geteuid?.() ?? 0]));
}
