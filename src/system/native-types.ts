/**
 * The shape of what crosses between TypeScript and the C++ add-on: strings, numbers, booleans, plain objects, bytes.
 *
 * Owns: the interfaces. Leaves to others: the verbs (native.ts, which re-exports all of this) and their errors.
 */

/** Identity of a file: `${st_dev}:${st_ino}`, both decimal. Never compare files by name. */
export type FileId = string;

/** A path as it crosses: a string where it is valid UTF-8, else the raw bytes. */
export type NativePath = string | Uint8Array;

/** What a native rejection looks like: Node's SystemError shape and three more fields. */
export interface NativeError extends Error {
	/** Negative errno. */
	errno: number;
	/** e.g. "ENOENT". */
	code: string;
	syscall: string;
	path?: string;
	dest?: string;
	/** The step of the verb, e.g. "attach", "fsopen", "probe-read", "move". */
	step?: string;
	/** The kernel's fs-context log, where it said something. */
	kernelLog?: string;
	/** For images and targets: the reason in words, e.g. "wrong magic: this is gzip data". */
	reason?: string;
}

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

/**
 * A canonical list of a tree, one line an entry, sorted by the bytes of the path, "." first:
 *   TYPE MODE SIZE MTIME SHA256 PATH [TARGET] [x=SHA256]
 * TYPE is one of d f l c b p s; MODE four octal digits; SIZE in bytes for f, else 0, MAJOR:MINOR for c and b; MTIME
 * whole seconds (0 for ".": a tar has no time for it); SHA256 of the content for f, else "-"; PATH and TARGET with bytes <= 0x20, 0x7f and "\" written as
 * three-digit octal escapes ("\040"), TARGET for l only; x= the sha256 of the xattrs when there are any outside
 * security.*: for each in order of name NAME "=" VALUE "\0".
 * Owners are left out: an image's are always 0:0.
 */
export interface TreeList {
	entries: number;
	/** Sum of the sizes of all files. */
	bytes: number;
	list: Uint8Array;
	/** Of a tree: dev, ino, size, mtime, ctime of each entry as it was seen, for removeTree. Opaque. */
	snapshot?: Uint8Array;
}

export interface Difference {
	/** Relative; escaped as in the list, and bytes that are not UTF-8 too. */
	path: string;
	/**
	 * Tree / image: "only in the tree", "only in the image", "type file / directory", "mode 0644 / 0755", "size 1 / 2",
	 * "time 1 / 2", "device 1:3 / 1:5", "link target a / b", "content", "xattr user.a", "owner 1000:1000 in the image",
	 * "on another file system", "changed while it was read".
	 */
	what: string;
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
