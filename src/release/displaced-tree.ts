/**
 * A tree that has given way to its image: its removal, and what an interrupted run left of it.
 *
 * Owns: the two names of such a tree. Set aside it is whole, and goes back to its place where there is no image; once
 * its removal has begun it is a rest, which the image alone completes.
 * Leaves to others: the exchange (pack/replace.ts) and the proof (src/image/proof.ts), without which nothing goes.
 */

import { chmod, mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { surveyBuiltTree } from "../build/built-tree.ts";
import { KsquashError } from "../errors.ts";
import { formats } from "../image/formats.ts";
import { proveTree } from "../image/proof.ts";
import type { ReleasePaths } from "../layout.ts";
import { chooseMounter, mountProblem } from "../mount/mounter.ts";
import { flushFile, inspectImage, type NativePath, removeTree, renameNew } from "../native/verbs.ts";
import { VERSION_CONTROL } from "../source/tree.ts";
import { attempt } from "../system/failure.ts";
import { isEmptyDirectory, lstatIfExists, removeEmptyDirectory } from "../system/files.ts";
import { escapeNative } from "../system/list.ts";
import { option, text } from "../text.ts";
import { type Entry, findEntry } from "./catalog.ts";
import type { Context } from "./context.ts";
import { decompressorProblem } from "./decompressors.ts";

export interface Replaced {
	/** Entries that were removed. */
	removed: number;
	/** What stays of the tree because it changed or never was in the image; below `rest`. */
	kept: string[];
	rest?: string;
	/** There was no image: the tree is back in its place. */
	restored?: true;
}

/** mkdir and its mode, whatever the umask: everybody may look into a mount point. */
export async function makeMountPoint(path: string): Promise<void> {
	await mkdir(path);
	await chmod(path, 0o755);
}

/** Removes the tree that was set aside. `snapshot` is what its proof saw. */
export async function removeDisplacedTree(
	context: Context,
	paths: ReleasePaths,
	snapshot: Uint8Array,
	keep: readonly NativePath[] = [],
): Promise<Replaced> {
	await attempt(`begin the removal of ${paths.displacedTree}`, renameNew(paths.displacedTree, paths.partialTree));
	return await removeProved(context, paths.partialTree, snapshot, keep);
}

/** Removes what is still as its proof saw it, but not what is to be kept. */
export async function removeProved(
	context: Context,
	path: string,
	snapshot: Uint8Array,
	keep: readonly NativePath[] = [],
): Promise<Replaced> {
	const result = await context.step(
		"remove",
		"remove the proved tree",
		async (tick) =>
			await removeTree({
				path,
				expect: snapshot,
				keep,
				signal: context.signal,
				onProgress: ({ entries }) => tick({ done: entries, unit: "entries" }),
			}),
		{ lasts: true, result: ({ removed }) => `${removed} entries` },
	);
	if (result.keptCount > 0) {
		context.warn(`${result.keptCount} entries changed after the proof or are not in the image; they stay in ${path}`);
	}
	const kept = [...result.kept, ...(result.spared > 0 ? keep.map(escapeNative) : [])];
	return { removed: result.removed, kept, ...(kept.length > 0 ? { rest: path } : {}) };
}

/** An empty directory of an interrupted run goes; what a run has kept there stays, and is in the way. */
export async function assertNoDisplacedTree(
	{ displacedTree, partialTree, mountPoint }: ReleasePaths,
	{ dryRun = false }: { dryRun?: boolean } = {},
): Promise<void> {
	for (const path of [displacedTree, partialTree]) {
		const free = dryRun ? isAbsentOrEmpty(path) : removeEmptyDirectory(path);
		if (await attempt(`remove the empty directory ${path}`, free)) continue;
		throw new KsquashError("ERR_KSQUASH_OCCUPIED", `${path} is there: an earlier run kept it for ${mountPoint}`, {
			path,
			hint: text`look at what is in it and move it away; packing with ${option("keepSource")} does without it`,
		});
	}
}

/** The image and its names reach the disk, and the next read comes from there: by whomever it was written, and when. */
export async function ensureOnDisk({ image, manifest }: ReleasePaths): Promise<void> {
	await attempt(`write ${image} to the disk`, flushFile(image));
	if ((await lstatIfExists(manifest)) !== undefined) {
		await attempt(`write ${manifest} to the disk`, flushFile(manifest));
	}
	await attempt(`write ${dirname(image)} to the disk`, flushFile(dirname(image)));
}

/**
 * Completes what an interrupted run began: the tree, or the rest of one, is compared with the image, then removed.
 * A proof is never remembered. Returns undefined where there is nothing (any more); throws ERR_KSQUASH_OCCUPIED for a
 * rest whose image is gone. With `remount` the image is mounted in the tree's place first.
 */
export async function finishReplacement(
	context: Context,
	paths: ReleasePaths,
	{ remount = true }: { remount?: boolean } = {},
): Promise<Replaced | undefined> {
	const [whole, partial] = [await isThere(paths.displacedTree), await isThere(paths.partialTree)];
	if (!whole && !partial) return undefined;
	const entry = await findEntry(context.layout, paths.release);
	if (partial) assertCompletable(paths, entry);
	// A tree that is whole needs no image, and an image that is no good is none.
	else if (entry?.info === undefined) return await restore(context, paths);
	await ensureOnDisk(paths);
	// What was begun without the right to mount is finished without it, too.
	const mountable = await isMountable(context, entry);
	if (remount && mountable) await mountInPlace(context, paths);
	if (!whole) return await finish(context, paths, { begun: true, mountable });
	if (partial) await assertNoDisplacedTree({ ...paths, displacedTree: paths.partialTree });
	return await finish(context, paths, { begun: false, mountable });
}

/** A tree, or the rest of one. */
export async function hasDisplacedTree({ displacedTree, partialTree }: ReleasePaths): Promise<boolean> {
	const free = [displacedTree, partialTree].map(
		async (path) => await attempt(`look at ${path}`, isAbsentOrEmpty(path)),
	);
	return (await Promise.all(free)).includes(false);
}

export async function isAbsentOrEmpty(path: string): Promise<boolean> {
	return (await lstatIfExists(path)) === undefined || (await isEmptyDirectory(path));
}

/** Not empty: an empty one is what a removal leaves last, and goes. */
async function isThere(path: string): Promise<boolean> {
	return !(await attempt(`remove the empty directory ${path}`, removeEmptyDirectory(path)));
}

async function mountInPlace(context: Context, { image, mountPoint }: ReleasePaths): Promise<void> {
	if ((await lstatIfExists(mountPoint)) === undefined) {
		await attempt(`make ${mountPoint}`, makeMountPoint(mountPoint));
	}
	await (await chooseMounter(context.probe)).mount(image, mountPoint);
}

async function isMountable({ probe }: Context, entry: Entry | undefined): Promise<boolean> {
	const format = entry?.info?.format ?? "squashfs";
	if (mountProblem(probe, format) !== undefined) return false;
	const compressor = formats[format].compressors.find((name) => name === entry?.info?.compressor);
	return compressor !== undefined && (await decompressorProblem(compressor, [], format)) === undefined;
}

/** What differs from the image was changed by somebody: then all of it stays, and is named. */
async function finish(
	context: Context,
	paths: ReleasePaths,
	{ begun, mountable }: { begun: boolean; mountable: boolean },
): Promise<Replaced> {
	const tree = begun ? paths.partialTree : paths.displacedTree;
	const built = begun ? undefined : await builtPart(context, paths);
	let snapshot: Uint8Array | undefined;
	try {
		({ snapshot } = await context.step("prove", `compare ${tree} with the image`, async (tick) => {
			return await proveTree({
				format: formats[(await inspectImage(paths.image)).format],
				image: paths.image,
				tree,
				exclude: VERSION_CONTROL,
				subset: begun,
				without: built?.out,
				mountable,
				signal: context.signal,
				onProgress: ({ bytes }) => tick({ done: bytes, unit: "bytes" }),
			});
		}));
	} catch (error) {
		if (!(error instanceof KsquashError) || error.code !== "ERR_KSQUASH_PROOF") throw error;
		context.warn(`${error.message}; it stays: ${error.notes.join("; ")}`);
		return { removed: 0, kept: [...error.notes], rest: tree };
	}
	if (snapshot === undefined) throw new KsquashError("ERR_KSQUASH_INTERNAL", "a tree without a snapshot");
	if (begun) return await removeProved(context, tree, snapshot);
	return await removeDisplacedTree(context, paths, snapshot, built?.keep);
}

/**
 * Of a tree that was built in and adopted: what the image does not have, and what of it stays. The configs and keys
 * were copied, but that is not proved any more: they stay, too.
 */
async function builtPart(
	{ layout }: Context,
	paths: ReleasePaths,
): Promise<{ out: string[]; keep: NativePath[] } | undefined> {
	if ((await findEntry(layout, paths.release))?.manifest?.leftOut === undefined) return undefined;
	const { generated, valuable, strange } = await surveyBuiltTree(paths.displacedTree, VERSION_CONTROL);
	const out = [...generated, ...valuable, ...strange].filter((path) => typeof path === "string");
	return { out, keep: [...valuable, ...strange] };
}

/** Without an image a whole tree goes back to its place. */
async function restore(context: Context, { displacedTree, mountPoint }: ReleasePaths): Promise<Replaced> {
	await attempt(`remove the empty directory ${mountPoint}`, removeEmptyDirectory(mountPoint));
	await attempt(`put ${displacedTree} back to ${mountPoint}`, renameNew(displacedTree, mountPoint));
	context.warn(`an interrupted run had set the tree aside and there is no image: it is back in ${mountPoint}`);
	return { removed: 0, kept: [], restored: true };
}

/** Throws ERR_KSQUASH_OCCUPIED for a rest whose image is gone or no good: nothing else has what it lacks. */
export function assertCompletable({ partialTree, image }: ReleasePaths, entry: Entry | undefined): void {
	if (entry?.info !== undefined) return;
	const what = `${partialTree} is what was left of a tree when its removal broke off, and the image that holds all of it`;
	const why = entry === undefined ? `is gone: ${image}` : `is no good: ${image}: ${entry.imageProblem}`;
	throw new KsquashError("ERR_KSQUASH_OCCUPIED", `${what} ${why}`, {
		path: partialTree,
		hint: `put the image back and run this again; without it, move ${partialTree} away and get the source anew`,
	});
}

/** An image may not go as long as a rest that is not in it needs it. Throws ERR_KSQUASH_OCCUPIED. */
export function assertNotNeeded(left: Replaced | undefined, { image }: ReleasePaths): void {
	if (left?.rest === undefined) return;
	const why = `${left.rest}, the rest of a tree, differs from ${image}, which alone holds what the rest lacks`;
	throw new KsquashError("ERR_KSQUASH_OCCUPIED", `${why}: the image stays`, {
		path: left.rest,
		notes: left.kept.slice(0, 20),
		hint: `look at what differs, save what is of value, and move ${left.rest} away`,
	});
}
