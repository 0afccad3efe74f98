/**
 * The shape of what crosses between TypeScript and the C++ add-on: strings, numbers, booleans, plain objects, bytes.
 *
 * Owns: the interfaces. Leaves to others: the verbs (native.ts, which re-exports all of this) and their errors.
 */

import type { ImageFault, NativeError } from "../system/failure.ts";
import type { FileId } from "../system/files.ts";
import type { Difference, DifferenceKind, TreeList } from "../system/list.ts";
import type { NativePath } from "../system/names.ts";

export type { Difference, DifferenceKind, FileId, ImageFault, NativeError, NativePath, TreeList };

export interface Progress {
	entries: number;
	bytes: number;
}

/** Options of a verb that only looks. */
export interface Look {
	/** Rejects with its reason at once; what was begun ends unseen. */
	signal?: AbortSignal | undefined;
}

/** Of a verb that changes something, whole or not at all. */
export interface Transaction {
	/** Ends the wait for a lock, where there is one, with its reason; from then on the verb is carried through. */
	signal?: AbortSignal | undefined;
}

export interface LongWork {
	signal?: AbortSignal | undefined;
	onProgress?: ((progress: Progress) => void) | undefined;
}

export interface TreeRequest extends LongWork {
	/** The tree's top directory. A symlink is refused. */
	tree: NativePath;
	/** Names in the tree's top directory that are left out, e.g. [".git"]. */
	exclude?: readonly string[] | undefined;
	/** Threads; the number of processors when absent. */
	jobs?: number | undefined;
	/** false: files are counted, not read, and `list` is empty. */
	content?: boolean | undefined;
}

export interface ImageListRequest extends LongWork {
	image: NativePath;
	jobs?: number | undefined;
}

export interface CompareRequest extends TreeRequest {
	image: NativePath;
	/** Entries missing from the tree are no difference, and times of directories are not compared. */
	subset?: boolean | undefined;
}

/** The list is the image's; with no difference (and no `subset`) it is the tree's too. */
export interface Comparison extends TreeList {
	/** The first 100 in order of path. */
	differences: Difference[];
	differenceCount: number;
	snapshot: Uint8Array;
}

export interface RemoveRequest extends LongWork {
	/** A directory, removed with all below it; a symlink or other file is removed itself. */
	path: NativePath;
	/** Only what is still as this snapshot saw it goes; the rest stays and is named. */
	expect?: Uint8Array | undefined;
	/** What `path` must be, for a path that leads through directories of others: ESTALE otherwise. */
	top?: FileId | undefined;
	/** Paths relative to `path` that stay, with all below them. */
	keep?: readonly NativePath[] | undefined;
}

/** A file's capabilities(7), as sets of bits: 1 << number. */
export interface FileCapabilities {
	permitted: number;
	inheritable: number;
	/** Raised at exec ("+ep"); else the program raises them itself. */
	effective: boolean;
}

export interface RemoveResult {
	removed: number;
	/** Paths (relative, escaped) that stay because they changed or are new; the first 1000. */
	kept: string[];
	keptCount: number;
	/** How many of `keep` were there. */
	spared: number;
}
