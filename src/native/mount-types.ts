/**
 * The shape of what crosses between TypeScript and the C++ add-on about images, loop devices, mounts and their users.
 *
 * Owns: the interfaces. Leaves to others: the verbs (mount.ts, watch.ts); trees (types.ts).
 */

import type { FileId, NativePath, Transaction } from "./types.ts";

export interface MountRequest extends Transaction {
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

export interface AttachRequest extends Transaction {
	image: NativePath;
	/** Refuse (ESTALE) unless the image is this very file. */
	expect?: FileId | undefined;
}

export interface AttachResult {
	/** e.g. "/dev/loop3". */
	device: string;
	file: FileId;
}

export interface DetachRequest extends Transaction {
	/** e.g. "/dev/loop3". */
	device: string;
	/** What it must carry: AttachResult.file. */
	file: FileId;
}

export interface DetachResult {
	/** Somebody has the device open: it is free when they close it. */
	stillHeld: boolean;
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
	/** A process (squashfuse) serves the mount: there is no device. */
	fuse?: boolean;
	/** With `fuse`: that process has ended, and nothing can be read there; the state is "stale". */
	dead?: boolean;
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

export interface MountChange {
	/** "lost": changes came faster than they could be told; look at the table. */
	kind: "attached" | "detached" | "moved" | "lost";
	/** Decimal; absent for "lost". */
	mountId?: string;
	/** It is a STATX_MNT_ID_UNIQUE, which is never used again; else the mount table's id. */
	unique?: boolean;
	/** This and what follows are absent when the mount was gone before it could be looked at. */
	target?: NativePath;
	fstype?: string;
	/** "major:minor" of st_dev. */
	device?: string;
}

export interface ImageInfo {
	format: "squashfs" | "erofs";
	/** none: an EROFS image in which nothing is compressed. */
	compressor: "gzip" | "lzma" | "lzo" | "xz" | "lz4" | "zstd" | "deflate" | "none";
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

export interface Holder {
	/** 0 for a mount. */
	pid: number;
	/** For a mount the type of its file system. */
	comm: string;
	uid: number;
	/**
	 * Of a process "cwd", "root", "exe", "fd", "map", and "namespace": its mount namespace has a copy of the mount that
	 * outlives an unmount here. "mount": a file system is mounted below, at `path`.
	 */
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
	/** This process is in a user namespace: its capabilities do not count for mounting squashfs. True where that is unknown. */
	inUserNamespace: boolean;
}

export interface UmountOptions extends Transaction {
	/** MNT_DETACH: the mount leaves the tree at once, and lives on for whoever uses it. */
	lazy?: boolean | undefined;
	/** Refuse (ESTALE) unless this image is what is mounted. */
	expect?: FileId | undefined;
}

export interface UmountResult {
	/** The mount is gone from here, but its loop device is still bound: by a copy in another mount namespace, or lazily. */
	stillHeld: boolean;
}
