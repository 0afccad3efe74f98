/**
 * The proof that an image holds exactly its source: every entry and byte, counted both ways.
 *
 * Owns: what counts as proved, and the words for what does not. Nothing else may call an image good.
 * Leaves to others: walking and comparing (the add-on), deleting (operations).
 */

import { KsquashError } from "../errors.ts";
import { compareTree, type Difference, type LongWork, listTree, type TreeList } from "../native/verbs.ts";
import { attempt } from "../system/failure.ts";
import { diffLists, partOf, withoutPaths } from "../system/list.ts";
import type { ImageFormat } from "./format.ts";

export interface Proof extends TreeList {
	/** What the compare saw of the tree, for removeTree; undefined where the source is no tree. */
	snapshot?: Uint8Array;
	/** How the image was read. */
	by: "mount" | "stream";
}

export interface TreeProof extends LongWork {
	format: ImageFormat;
	image: string;
	tree: string;
	/** Names in the top directory that are never looked at. */
	exclude: readonly string[];
	/** Paths that the image does not have, with all below them: seen by the snapshot, left out of the comparison. */
	without?: readonly string[] | undefined;
	/** Entries that are gone from the tree are no difference: it was being removed when something broke in. */
	subset?: boolean;
	/** Whether the image can be mounted here. */
	mountable: boolean;
	jobs?: number | undefined;
}

/** Compares an image with the tree that it was made from. Throws ERR_KSQUASH_PROOF naming what differs. */
export async function proveTree(request: TreeProof): Promise<Proof> {
	const { image, tree, exclude, signal, onProgress } = request;
	const jobs = request.jobs === undefined ? {} : { jobs: request.jobs };
	if (!request.mountable || request.without?.length) {
		// The snapshot is taken before the image is read: a change in between stays a change.
		const { snapshot, ...all } = await attempt(
			`read ${tree}`,
			listTree({ tree, exclude, signal, onProgress, ...jobs }),
		);
		const source = withoutPaths(all, request.without ?? []);
		const proof = await proveList({ ...request, source, from: tree, subset: request.subset ?? false });
		return { ...proof, ...(snapshot === undefined ? {} : { snapshot }) };
	}
	const subset = request.subset ?? false;
	const result = await attempt(
		`compare ${image} with ${tree}`,
		compareTree({ image, tree, exclude, subset, signal, onProgress, ...jobs }),
	);
	if (result.differenceCount > 0) throw proofError(result.differences, result.differenceCount, image, tree);
	if (result.entries === 0) throw nothing(image);
	return { ...result, by: "mount" };
}

export interface ListProof extends LongWork {
	format: ImageFormat;
	image: string;
	/** What went into the image. */
	source: TreeList;
	/** What the source is called. */
	from: string;
	/** As in TreeProof. */
	subset?: boolean;
	mountable: boolean;
}

/** Compares an image with the list that was made while its source streamed by. */
export async function proveList(request: ListProof): Promise<Proof> {
	const { image, source, from, signal, onProgress } = request;
	const read = request.mountable
		? await attempt(`read ${image} back`, listTree({ image, signal, onProgress }))
		: await request.format.readBack(image, { signal });
	assertEqual(source, request.subset ? partOf(read, source) : read, image, from);
	return { ...read, by: request.mountable ? "mount" : "stream" };
}

/** Exported for tests: throws ERR_KSQUASH_PROOF unless paths, entries and bytes of both lists are the same. */
export function assertEqual(source: TreeList, read: TreeList, image: string, from: string): void {
	if (source.entries === 0 || read.entries === 0) throw nothing(read.entries === 0 ? image : from);
	const same = Buffer.compare(source.list, read.list) === 0;
	if (same && source.entries === read.entries && source.bytes === read.bytes) return;
	const differences = diffLists(source, read, [from, "the image"]);
	throw proofError(differences, differences.length, image, from, countLine(source, read));
}

function countLine(source: TreeList, read: TreeList): string {
	return `source: ${source.entries} entries, ${source.bytes} bytes; image: ${read.entries} entries, ${read.bytes} bytes`;
}

function nothing(what: string): KsquashError {
	return new KsquashError("ERR_KSQUASH_PROOF", `nothing could be read from ${what}: that proves nothing`);
}

function proofError(
	differences: readonly Difference[],
	count: number,
	image: string,
	from: string,
	...more: string[]
): KsquashError {
	const lines = differences.slice(0, 20).map(({ path, what }) => `${path}: ${what}`);
	if (count > lines.length) lines.push(`… and ${count - lines.length} more`);
	const message = `the image ${image} is not equal to ${from}: ${count} ${count === 1 ? "entry differs" : "entries differ"}`;
	return new KsquashError("ERR_KSQUASH_PROOF", message, { notes: [...lines, ...more], differences });
}
