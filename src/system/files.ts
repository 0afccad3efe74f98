/**
 * Small file work that must survive a crash: atomic write, symlink swap, fsync of a directory.
 *
 * Owns: the order temporary name → fsync → rename → fsync(directory).
 * Leaves to others: removing trees (removeTree of src/native: Node has no unlinkat) and what is written.
 */

import { randomBytes } from "node:crypto";
import { type BigIntStats, constants } from "node:fs";
import {
	chmod,
	lstat,
	mkdir,
	open,
	opendir,
	readFile,
	readlink,
	rename,
	rmdir,
	symlink,
	unlink,
} from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** Identity of a file: `${st_dev}:${st_ino}`, both decimal. Never compare files by name. */
export type FileId = string;

export interface WriteOptions {
	/** Permission bits; 0644 when absent. */
	mode?: number;
	uid?: number;
	gid?: number;
}

/** A name in the same directory that no other process picks. */
export function temporaryName(path: string): string {
	return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
}

/** Writes the whole file or nothing: a reader sees the old bytes or the new ones, after a crash too. */
export async function writeFileAtomic(
	path: string,
	data: string | Uint8Array,
	options: WriteOptions = {},
): Promise<void> {
	const temporary = temporaryName(path);
	try {
		const file = await open(
			temporary,
			constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
			0o600,
		);
		try {
			await file.writeFile(data);
			if (options.uid !== undefined || options.gid !== undefined) {
				await file.chown(options.uid ?? process.geteuid?.() ?? 0, options.gid ?? process.getegid?.() ?? 0);
			}
			await file.chmod(options.mode ?? 0o644);
			await file.sync();
		} finally {
			await file.close();
		}
		await rename(temporary, path);
	} catch (error) {
		await unlink(temporary).catch(() => undefined);
		throw error;
	}
	await fsyncPath(dirname(path));
}

/** fsync(2) of a file or directory. */
export async function fsyncPath(path: string): Promise<void> {
	const handle = await open(path, constants.O_RDONLY);
	try {
		await handle.sync();
	} finally {
		await handle.close();
	}
}

export async function readIfExists(path: string): Promise<Buffer | undefined> {
	return await absentAsUndefined(readFile(path));
}

export async function lstatIfExists(path: string): Promise<BigIntStats | undefined> {
	return await absentAsUndefined(lstat(path, { bigint: true }));
}

/** What a symlink says; undefined where there is none (or no link). */
export async function readLinkIfExists(path: string): Promise<string | undefined> {
	try {
		return await readlink(path);
	} catch (error) {
		if (hasCode(error, "ENOENT") || hasCode(error, "EINVAL") || hasCode(error, "ENOTDIR")) return undefined;
		throw error;
	}
}

/** A file that only we and our children can open, by the path given to `work`; gone with us however we end. */
export async function withHiddenFile<T>(
	name: string,
	data: string | Uint8Array,
	work: (path: string) => Promise<T>,
): Promise<T> {
	const file = await open(name, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
	try {
		await unlink(name);
		await file.writeFile(data);
		return await work(`/proc/${process.pid}/fd/${file.fd}`);
	} finally {
		await file.close();
	}
}

/** Points `path` to `target` in one step: there is no moment without a link. */
export async function swapSymlink(path: string, target: string): Promise<void> {
	const temporary = temporaryName(path);
	await symlink(target, temporary);
	try {
		await rename(temporary, path);
	} catch (error) {
		await unlink(temporary).catch(() => undefined);
		throw error;
	}
	await fsyncPath(dirname(path));
}

/** Removes a file or link when it is there, and makes that last. True when there was one. */
export async function unlinkIfExists(path: string): Promise<boolean> {
	try {
		await unlink(path);
	} catch (error) {
		if (hasCode(error, "ENOENT")) return false;
		throw error;
	}
	await fsyncPath(dirname(path));
	return true;
}

/**
 * mkdir -p whose every new directory has this mode, whatever the umask, and is on disk when it returns.
 *
 * One by one: where Node's `recursive` meets EROFS, EDQUOT or EIO it says ENOENT.
 */
export async function makeDirectory(path: string, mode = 0o755): Promise<void> {
	const missing: string[] = [];
	for (let at = path; (await lstatIfExists(at)) === undefined; at = dirname(at)) missing.unshift(at);
	if (missing.length === 0) return void (await mkdir(path, { recursive: true, mode }));
	for (const directory of missing) {
		try {
			await mkdir(directory, mode);
		} catch (error) {
			if (!hasCode(error, "EEXIST")) throw error;
		}
		await chmod(directory, mode);
		await fsyncPath(dirname(directory));
	}
}

/** Removes an empty directory. False where something is in it or mounted on it; true also where there is none. */
export async function removeEmptyDirectory(path: string): Promise<boolean> {
	// On a read-only file system rmdir(2) says EROFS for what is not there, too.
	if ((await lstatIfExists(path)) === undefined) return true;
	try {
		await rmdir(path);
	} catch (error) {
		if (hasCode(error, "ENOENT")) return true;
		if (["ENOTEMPTY", "EEXIST", "EBUSY", "ENOTDIR"].some((code) => hasCode(error, code))) return false;
		throw error;
	}
	await fsyncPath(dirname(path));
	return true;
}

export async function isEmptyDirectory(path: string): Promise<boolean> {
	const directory = await opendir(path);
	try {
		return (await directory.read()) === null;
	} finally {
		await directory.close();
	}
}

/** A directory held open: `path` leads to this very one, whatever its names become meanwhile. proc_pid_fd(5). */
export interface PinnedDirectory {
	path: string;
	id: FileId;
	uid: number;
	gid: number;
	close(): Promise<void>;
}

/** undefined where there is no directory (a link is none). */
export async function pinDirectory(path: string): Promise<PinnedDirectory | undefined> {
	const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
	let handle: Awaited<ReturnType<typeof open>>;
	try {
		handle = await open(path, flags);
	} catch (error) {
		if (["ENOENT", "ENOTDIR", "ELOOP"].some((code) => hasCode(error, code))) return undefined;
		throw error;
	}
	const stats = await handle.stat({ bigint: true });
	const close = async (): Promise<void> => await handle.close();
	return {
		path: `/proc/self/fd/${handle.fd}`,
		id: fileId(stats),
		uid: Number(stats.uid),
		gid: Number(stats.gid),
		close,
	};
}

/** The identity that the native verbs use. */
export function fileId(stats: BigIntStats): FileId {
	return `${stats.dev}:${stats.ino}`;
}

/** Is this Node's or the add-on's system error with this code? */
export function hasCode(error: unknown, code: string): boolean {
	// By its shape: in a vm context, as jest makes one, Error is another class than that of Node's own errors.
	return typeof error === "object" && error !== null && (error as NodeJS.ErrnoException).code === code;
}

async function absentAsUndefined<T>(promise: Promise<T>): Promise<T | undefined> {
	try {
		return await promise;
	} catch (error) {
		if (hasCode(error, "ENOENT") || hasCode(error, "ENOTDIR")) return undefined;
		throw error;
	}
}
