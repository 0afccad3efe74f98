/**
 * Removing one build directory: what is saved is what goes.
 *
 * Owns: that all that is judged, saved and removed is of the very directory that has our mark, and that what changed
 * after it was seen stays. Leaves to others: where the copies go (src/release/backup.ts).
 */

import { removeTemporaries } from "../../build/files.ts";
import { commandFiles, foreignFiles, valuables } from "../../build/generated.ts";
import { STAMP } from "../../build/stamp.ts";
import { KsquashError } from "../../errors.ts";
import { listTree, type NativePath, removeTree } from "../../native/verbs.ts";
import type { BuildBackup } from "../../release/backup.ts";
import type { Build } from "../../release/builds.ts";
import { attempt } from "../../system/failure.ts";
import { type PinnedDirectory, pinDirectory } from "../../system/files.ts";
import { escapeNative } from "../../system/list.ts";

export interface OpenedBuild extends BuildBackup {
	/** Every entry as it was before anything of value was read. */
	snapshot: Uint8Array;
}

/** Throws ERR_KSQUASH_CHANGED when another directory stands there by now. Close them with closeAll. */
export async function openBuilds(builds: readonly Build[]): Promise<OpenedBuild[]> {
	const opened: OpenedBuild[] = [];
	try {
		for (const build of builds) opened.push(await openBuild(build));
		return opened;
	} catch (error) {
		await closeAll(opened);
		throw error;
	}
}

export async function closeAll(opened: readonly { pinned: PinnedDirectory }[]): Promise<void> {
	for (const { pinned } of opened) await pinned.close();
}

async function openBuild(build: Build): Promise<OpenedBuild> {
	const pinned = await attempt(`open ${build.path}`, pinDirectory(build.path));
	try {
		if (pinned?.id !== build.id) {
			const why = `${build.path} is not the directory that it was a moment ago`;
			throw new KsquashError("ERR_KSQUASH_CHANGED", why, { path: build.path });
		}
		await removeTemporaries(pinned.path, build.owner);
		// The snapshot comes first: what changes after it stays, whatever was saved of it.
		const tree = `${pinned.path}/.`;
		const { snapshot } = await attempt(`read ${build.path}`, listTree({ tree, content: false }));
		if (snapshot === undefined) throw new KsquashError("ERR_KSQUASH_INTERNAL", "a tree without a snapshot");
		return { build, pinned, snapshot, names: await valuables(pinned.path) };
	} catch (error) {
		await pinned?.close();
		throw error;
	}
}

/** What stays of it; relative paths, "." is the directory. */
export interface RemovedBuild {
	/** Kbuild did not make it. */
	foreign: string[];
	/** It changed since it was seen. */
	changed: string[];
}

export async function removeBuild(
	{ build, pinned, snapshot }: OpenedBuild,
	{ purge = false }: { purge?: boolean | undefined },
): Promise<RemovedBuild> {
	const foreign = purge ? [] : await foreignFiles(pinned.path);
	// First what is known by another file, last the mark: of what an interrupted run leaves the same is known.
	const marks = purge ? [] : await commandFiles(pinned.path);
	const without = async (keep: readonly NativePath[]): Promise<string[]> => {
		const request = { path: build.path, top: build.id, expect: snapshot, keep };
		return (await attempt(`remove ${build.path}`, removeTree(request))).kept;
	};
	await without([...foreign, ...marks, STAMP]);
	let changed = await without([...foreign, STAMP]);
	if (changed.length === 0) changed = await without(foreign);
	return { foreign: foreign.map(escapeNative), changed };
}
