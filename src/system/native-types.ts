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

export interface LongWork {
	signal?: AbortSignal | undefined;
	onProgress?: ((progress: Progress) => void) | undefined;
}

export interface MountRequest {
	image: NativePath;
	target: NativePath;
	/**
	 * mount(8) option string. Read-only, nosuid and nodev always, unless "suid" or "dev" is named; "rw" is refused.
	 * A word that mount(8) does not know goes to the file system, e.g. "errors=panic" or "threads=multi".
	 */
	options?: string | undefined;
	/** Refuse (ESTALE) unless the image is this very file. */
	expect?: FileId | undefined;
}

export interface MountResult {
	/** STATX_MNT_ID_UNIQUE where the kernel has it (6.8), else the mountinfo id; decimal. */
	mountId: string;
	/** e.g. "/dev/loop3". */
	device: string;
	/** The image that is mounted. */
	file: FileId;
	/** It was mounted there already; nothing was done. */
	already: boolean;
}

export type TargetState = "mounted" | "unmounted" | "stale" | "hidden" | "other" | "absent";

export interface TargetStatus {
	/**
	 * mounted: a loop-backed mount is the visible root of this path (of `image`, if that was given; also when that
	 * image has been deleted, see `deleted`) · stale: it is ours by name but `image` is now another file · hidden: in the table, but a later mount covers it ·
	 * other: something else is mounted here · unmounted: a plain directory (or file) · absent: no such path.
	 */
	state: TargetState;
	/** The backing file was deleted or replaced while mounted. */
	deleted: boolean;
	mountId?: string;
	device?: string;
	/** The backing file of the loop device. */
	file?: FileId;
	fstype?: string;
}

export interface MountEntry {
	id: number;
	parent: number;
	/** "major:minor" of st_dev. */
	device: string;
	root: NativePath;
	target: NativePath;
	options: string;
	/** The optional fields, e.g. ["shared:1"]. */
	tags: string[];
	fstype: string;
	source: NativePath;
	superOptions: string;
}

export interface ImageInfo {
	format: "squashfs";
	compressor: "gzip" | "lzma" | "lzo" | "xz" | "lz4" | "zstd";
	blockSize: number;
	/** Bytes of the file, and bytes that the superblock says are used. */
	fileSize: number;
	bytesUsed: number;
	inodes: number;
	fragments: number;
	/** Seconds since 1970. */
	created: number;
	file: FileId;
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

export interface RemoveResult {
	removed: number;
	/** Paths (relative, escaped) that stay because they changed, are new, or were to be kept; the first 1000. */
	kept: string[];
	keptCount: number;
}

export interface Holder {
	pid: number;
	comm: string;
	uid: number;
	/** How: "cwd", "root", "exe", "fd", "map". */
	how: string[];
	/** One of the paths held, escaped. */
	path: string;
	/** A file is open for writing. */
	writes: boolean;
}

export interface Probe {
	/** uname -r. */
	kernel: string;
	/** Of opening /dev/loop-control: "ok", or the errno's name, e.g. "ENOENT" or "EACCES". */
	loopControl: string;
	squashfs: boolean;
	erofs: boolean;
	/** Each is true where the running kernel (and seccomp) allows the call. */
	openat2: boolean;
	loopConfigure: boolean;
	mountApi: boolean;
	statmount: boolean;
	renameExchange: boolean;
	/** Capabilities of this process that matter here. */
	capabilities: { sysAdmin: boolean; dacReadSearch: boolean; dacOverride: boolean; chown: boolean };
	noNewPrivs: boolean;
	/** This process's mount namespace is PID 1's. False too where that cannot be read. */
	initialMountNamespace: boolean;
}

export interface UmountOptions {
	/** MNT_DETACH: the mount leaves the tree at once, and lives on for whoever uses it. */
	lazy?: boolean | undefined;
	/** Refuse (ESTALE) unless this image is what is mounted. */
	expect?: FileId | undefined;
}

export interface UmountResult {
	/** The mount is gone from here, but its loop device is still bound: by a copy in another mount namespace, or lazily. */
	stillHeld: boolean;
}
