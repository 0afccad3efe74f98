/**
 * Saving what is of value in a build directory before it goes: configs, fragments, signing keys.
 *
 * Owns: the place (kept/REL-DATE), that the copies are root's alone (0600), and that they are on disk on return.
 */

import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readOwned } from "../build/files.ts";
import { KsquashError } from "../errors.ts";
import { removeTree, renameNew } from "../native/verbs.ts";
import { attempt } from "../system/failure.ts";
import {
	hasCode,
	lstatIfExists,
	makeDirectory,
	type PinnedDirectory,
	temporaryName,
	writeFileAtomic,
} from "../system/files.ts";
import type { Build } from "./builds.ts";

export interface BuildBackup {
	build: Build;
	/** The very directory, held open. */
	pinned: PinnedDirectory;
	/** Paths in it. */
	names: readonly string[];
}

/** Returns the new directory; undefined when there is nothing to save. Throws before anything is removed. */
export async function keep(
	keptDir: string,
	release: string,
	saved: readonly BuildBackup[],
): Promise<string | undefined> {
	const some = saved.filter(({ names }) => names.length > 0);
	if (some.length === 0) return undefined;
	await attempt(`remove what an interrupted run left in ${keptDir}`, removeUnfinished(keptDir, release));
	// Under a name that is no rescue yet: whoever finds REL-DATE finds all of it.
	const making = temporaryName(join(keptDir, release));
	// Others may look through /var; what was saved is root's alone.
	await attempt(`make ${dirname(keptDir)}`, makeDirectory(dirname(keptDir)));
	await attempt(`make ${making}`, makeDirectory(making, 0o700));
	try {
		await copyAll(making, some);
		return await attempt(`make a directory below ${keptDir}`, finish(keptDir, release, making));
	} catch (error) {
		// The first error is the one that counts; what stays is known by its name at the next run.
		await removeTree({ path: making }).catch(() => undefined);
		throw error;
	}
}

async function copyAll(making: string, some: readonly BuildBackup[]): Promise<void> {
	const taken = new Set<string>();
	for (const { build, pinned, names } of some) {
		const directory = some.length > 1 ? [freeName(build.name, taken)] : [];
		for (const name of names) {
			const bytes = await readOwned(pinned.path, name, build.owner);
			if (bytes === undefined) {
				throw new KsquashError("ERR_KSQUASH_CHANGED", `${join(build.path, name)} could not be saved: it went away`);
			}
			const to = join(making, ...directory, name);
			await makeDirectory(dirname(to), 0o700);
			await attempt(`save ${join(build.path, name)}`, writeFileAtomic(to, bytes, { mode: 0o600 }));
		}
	}
}

/** Where a removal broke off and another directory was made since, both have one name: the second one gets -2, and so on. */
function freeName(name: string, taken: Set<string>): string {
	let free = name;
	for (let i = 2; taken.has(free); i++) free = `${name}-${i}`;
	taken.add(free);
	return free;
}

/** Copies of a run that was killed: what they were made of is still where it was. */
async function removeUnfinished(keptDir: string, release: string): Promise<void> {
	const names = (await lstatIfExists(keptDir)) === undefined ? [] : await readdir(keptDir);
	for (const name of names) {
		if (!name.startsWith(`.${release}.`) || !/^[0-9a-f]{12}\.tmp$/.test(name.slice(release.length + 2))) continue;
		await removeTree({ path: join(keptDir, name) });
	}
}

/** REL-2026-11-23, or with -2, -3 … behind it: an earlier day's rescue is never written into. */
async function finish(keptDir: string, release: string, from: string): Promise<string> {
	const date = new Date().toISOString().slice(0, 10);
	for (let i = 1; ; i++) {
		const path = join(keptDir, `${release}-${date}${i === 1 ? "" : `-${i}`}`);
		try {
			await renameNew(from, path);
			return path;
		} catch (error) {
			if (!hasCode(error, "EEXIST")) throw error;
		}
	}
}
