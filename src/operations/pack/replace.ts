/**
 * A proved tree gives way to its image: exchange with the mount point, mount, and only then removal.
 *
 * Owns: that order, its undo, and the tree that an interrupted run left set aside.
 * Leaves to others: the proof (src/image/proof.ts), without which nothing here may be called.
 */

import { chmod, mkdir, rmdir } from "node:fs/promises";
import { KsquashError } from "../../errors.ts";
import { type Proof, proveTree } from "../../image/proof.ts";
import { squashfs } from "../../image/squashfs.ts";
import type { ReleasePaths } from "../../layout.ts";
import { holderLines } from "../../mount/direct.ts";
import { chooseMounter } from "../../mount/mounter.ts";
import { VERSION_CONTROL } from "../../source/tree.ts";
import { attempt, failure, isSystemError } from "../../system/failure.ts";
import { hasCode, lstatIfExists } from "../../system/files.ts";
import { exchange, holders, removeTree, renameNew } from "../../system/native.ts";
import type { Context } from "../context.ts";

export interface Replaced {
	/** Entries that were removed. */
	removed: number;
	/** What stays of the tree because it changed or never was in the image; below `setAside`. */
	kept: string[];
	setAside?: string;
}

/** Refuses while a process stands in the tree or writes there. Throws ERR_KSQUASH_BUSY naming each. */
export async function assertIdle(tree: string): Promise<void> {
	const found = await attempt(`look for users of ${tree}`, holders(tree));
	const blocking = found.filter(({ how, writes }) => writes || how.includes("cwd") || how.includes("root"));
	if (blocking.length === 0) return;
	throw new KsquashError("ERR_KSQUASH_BUSY", `${tree} is in use`, { path: tree, notes: holderLines(blocking) });
}

/** Puts the mount in the tree's place and removes the tree. `proof` must be of this very tree. */
export async function replaceTree(
	context: Context,
	paths: ReleasePaths,
	proof: Proof,
	mountable: boolean,
): Promise<Replaced> {
	const tree = paths.mountPoint;
	if (proof.snapshot === undefined) throw new KsquashError("ERR_KSQUASH_INTERNAL", "a tree without a snapshot");
	await assertIdle(tree);
	await context.step("replace", `put the image in the place of ${tree}`, async () => {
		await swap(tree, paths.setAside);
		if (!mountable) return;
		try {
			await chooseMounter(context.probe).mount(paths.image, paths.mountPoint);
		} catch (error) {
			// The image stays, proved. A failed undo never hides the first error.
			await swapBack(tree, paths.setAside).catch((undo: Error) => {
				context.warn(`the tree is in ${paths.setAside} and could not be put back: ${undo.message}`);
			});
			throw error;
		}
	});
	return await removeProved(context, paths.setAside, proof.snapshot);
}

/** A proved tree that stands elsewhere: no mount takes its place. */
export async function removeSource(context: Context, tree: string, proof: Proof): Promise<Replaced> {
	if (proof.snapshot === undefined) throw new KsquashError("ERR_KSQUASH_INTERNAL", "a tree without a snapshot");
	await assertIdle(tree);
	return await removeProved(context, tree, proof.snapshot);
}

/** An empty directory of an interrupted run goes; what a run has kept there stays, and is in the way. */
export async function assertNothingAside({ setAside, mountPoint }: ReleasePaths): Promise<void> {
	if (await removedWhenEmpty(setAside)) return;
	throw new KsquashError("ERR_KSQUASH_OCCUPIED", `${setAside} is there: an earlier run kept it for ${mountPoint}`, {
		path: setAside,
		hint: `look at what is in it and move it away, or pack with --keep-source`,
	});
}

/** RENAME_EXCHANGE, so that the path never disappears; two renames where the file system cannot (EINVAL). */
async function swap(tree: string, aside: string): Promise<void> {
	await attempt(`make ${aside}`, makeMountPoint(aside));
	try {
		await exchange(tree, aside);
	} catch (error) {
		await rmdir(aside).catch(() => undefined);
		if (!isSystemError(error) || error.code !== "EINVAL") throw failure(error, `set ${tree} aside`);
		await attempt(`set ${tree} aside`, renameNew(tree, aside));
		await makeMountPoint(tree).catch(async (first: unknown) => {
			await renameNew(aside, tree).catch(() => undefined);
			throw failure(first, `make ${tree}`);
		});
	}
}

async function swapBack(tree: string, aside: string): Promise<void> {
	try {
		await exchange(tree, aside);
		await rmdir(aside);
	} catch (error) {
		if (!isSystemError(error) || error.code !== "EINVAL") throw error;
		await rmdir(tree);
		await renameNew(aside, tree);
	}
}

/** Whatever the umask: when nothing is mounted there everybody may see that it is empty. */
async function makeMountPoint(path: string): Promise<void> {
	await mkdir(path);
	await chmod(path, 0o755);
}

async function removeProved(context: Context, path: string, snapshot: Uint8Array): Promise<Replaced> {
	const result = await context.step(
		"remove",
		"remove the proved tree",
		async (tick) =>
			await removeTree({
				path,
				expect: snapshot,
				signal: context.signal,
				onProgress: ({ entries }) => tick({ done: entries, unit: "entries" }),
			}),
		({ removed }) => `${removed} entries`,
	);
	if (result.keptCount === 0) return { removed: result.removed, kept: [] };
	context.warn(`${result.keptCount} entries changed after the proof or are not in the image; they stay in ${path}`);
	return { removed: result.removed, kept: result.kept, setAside: path };
}

/**
 * Completes what an interrupted run began: a tree set aside is compared in full with the image, then removed.
 * A proof is never remembered. Does nothing where nothing is set aside.
 */
export async function finishReplacement(context: Context, paths: ReleasePaths): Promise<Replaced | undefined> {
	const aside = await lstatIfExists(paths.setAside);
	if (aside === undefined) return undefined;
	if (await removedWhenEmpty(paths.setAside)) return undefined;
	const image = await lstatIfExists(paths.image);
	if (image === undefined) return await restore(context, paths);
	if ((await lstatIfExists(paths.mountPoint)) === undefined) {
		await attempt(`make ${paths.mountPoint}`, makeMountPoint(paths.mountPoint));
	}
	await chooseMounter(context.probe).mount(paths.image, paths.mountPoint);
	const rest = await proveRest(context, paths);
	if ("kept" in rest) return rest;
	if (rest.snapshot === undefined) throw new KsquashError("ERR_KSQUASH_INTERNAL", "a tree without a snapshot");
	return await removeProved(context, paths.setAside, rest.snapshot);
}

/** What differs from the image was changed by somebody: then all of it stays, and is named. */
async function proveRest(context: Context, paths: ReleasePaths): Promise<Proof | Replaced> {
	const label = `compare what is left in ${paths.setAside} with the image`;
	try {
		return await context.step("verify", label, async (tick) => {
			return await proveTree({
				format: squashfs,
				image: paths.image,
				tree: paths.setAside,
				exclude: VERSION_CONTROL,
				subset: true,
				mountable: true,
				signal: context.signal,
				onProgress: ({ bytes }) => tick({ done: bytes, unit: "bytes" }),
			});
		});
	} catch (error) {
		if (!(error instanceof KsquashError) || error.code !== "ERR_KSQUASH_PROOF") throw error;
		context.warn(`${error.message}; it stays: ${error.notes.join("; ")}`);
		return { removed: 0, kept: [...error.notes], setAside: paths.setAside };
	}
}

/** Without an image the tree goes back to its place. */
async function restore(context: Context, paths: ReleasePaths): Promise<undefined> {
	await removedWhenEmpty(paths.mountPoint);
	await attempt(`put ${paths.setAside} back to ${paths.mountPoint}`, renameNew(paths.setAside, paths.mountPoint));
	context.warn(`an interrupted run had set the tree aside and there is no image: it is back in ${paths.mountPoint}`);
	return undefined;
}

async function removedWhenEmpty(path: string): Promise<boolean> {
	// On a read-only file system rmdir(2) says EROFS for what is not there, too.
	if ((await lstatIfExists(path)) === undefined) return true;
	try {
		await rmdir(path);
		return true;
	} catch (error) {
		if (hasCode(error, "ENOENT")) return true;
		if (hasCode(error, "ENOTEMPTY") || hasCode(error, "EBUSY") || hasCode(error, "EEXIST")) return false;
		throw failure(error, `remove the empty directory ${path}`);
	}
}
