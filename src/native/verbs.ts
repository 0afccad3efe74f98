/**
 * The only door to the C++ add-on: its verbs, typed.
 *
 * Owns: the verbs of trees, names and locks, and the list of all others. Leaves to others: images, mounts and loop devices
 * (mount.ts), watching (watch.ts), calling (load.ts), policy, and wording for people.
 */

import { setTimeout } from "node:timers/promises";
import { nativeError } from "./error.ts";
import { addonProblem, call, callLong, callReading, callWhole, path } from "./load.ts";
import type {
	CompareRequest,
	Comparison,
	FileCapabilities,
	ImageListRequest,
	Look,
	NativePath,
	RemoveRequest,
	RemoveResult,
	Transaction,
	TreeList,
	TreeRequest,
} from "./types.ts";
import { resolveFromTop } from "./without-addon.ts";

export { addonProblem } from "./load.ts";
export * from "./mount.ts";
export type * from "./mount-types.ts";
export type * from "./types.ts";
export { type MountWatch, type WatchOptions, watchMounts } from "./watch.ts";

/** Walks a plain tree, or an image through a detached mount, and hashes every file. EXDEV at a mount below; ESTALE (changed). */
export function listTree(request: TreeRequest | ImageListRequest): Promise<TreeList> {
	return callLong(request, (native, control) => native.listTree(checkTree(request), control));
}

/** Compares every entry and byte of an image (through a detached mount) with a tree. Differences are data; EIO is an error. */
export function compareTree(request: CompareRequest): Promise<Comparison> {
	return callLong(request, (native, control) => native.compareTree(checkTree(request), control));
}

function checkTree(request: Partial<CompareRequest>): object {
	const { tree, image, exclude, jobs, subset, content } = request;
	if (jobs !== undefined && !(Number.isInteger(jobs) && jobs >= 1 && jobs <= 1024)) {
		throw new TypeError(`jobs must be a whole number from 1 to 1024: ${jobs}`);
	}
	const sides = {
		...(tree === undefined ? {} : { tree: path(tree) }),
		...(image === undefined ? {} : { image: path(image) }),
	};
	return { ...sides, exclude, jobs, subset, content };
}

/**
 * Removes a tree by descriptor. EBUSY when it is, or holds, a mount point, ESTALE when it is not `top`: nothing is
 * removed then. ESTALE also when a directory is swapped for another under way. unlinkat(2).
 */
export function removeTree(request: RemoveRequest): Promise<RemoveResult> {
	const { path: place, expect, keep, top } = request;
	return callLong(request, (native, control) => native.removeTree({ path: path(place), expect, keep, top }, control));
}

/** renameat2(RENAME_EXCHANGE), then fsync of the parents. */
export function exchange(a: NativePath, b: NativePath, { signal }: Transaction = {}): Promise<void> {
	return callWhole(signal, (native) => native.exchange(path(a), path(b)));
}

/** renameat2(RENAME_NOREPLACE), then fsync of the parents: EEXIST when `to` is there. */
export function renameNew(from: NativePath, to: NativePath, { signal }: Transaction = {}): Promise<void> {
	return callWhole(signal, (native) => native.renameNew(path(from), path(to)));
}

/**
 * The path with every link but the last component's resolved as if `root` were "/"; missing components stay.
 * ELOOP after 40 links; EILSEQ where the answer is no valid UTF-8. openat2(2), RESOLVE_IN_ROOT.
 */
export async function resolveInRoot(root: NativePath, inside: NativePath, { signal }: Look = {}): Promise<string> {
	if (root === "/" && addonProblem() !== undefined) return await resolveFromTop(String(inside));
	const answer = await callReading(signal, (native) => native.resolveInRoot(path(root), path(inside)));
	if (typeof answer === "string") return answer;
	throw nativeError({ errno: -84, syscall: "openat2", path: String(inside), reason: "the path is not valid UTF-8" });
}

/**
 * fsync, then POSIX_FADV_DONTNEED: the next read comes from the device. A directory is only synced. EIO, ENOSPC, EDQUOT.
 * fsync(2), posix_fadvise(2).
 */
export function flushFile(file: NativePath, { signal }: Look = {}): Promise<void> {
	return callReading(signal, (native) => native.flushFile(path(file)));
}

/**
 * flock(LOCK_EX) on a file made when absent (0600); a token for `unlock`, which removes it. EWOULDBLOCK after `timeoutMs`
 * (milliseconds; 0: at once), ELOOP (a link), EISDIR, EINVAL (no regular file). The signal ends the wait. flock(2).
 */
export async function lock(file: NativePath, timeoutMs = 0, { signal }: Transaction = {}): Promise<number> {
	signal?.throwIfAborted();
	const deadline = Date.now() + timeoutMs;
	for (let pause = 2; ; pause = Math.min(pause * 2, 100)) {
		try {
			const token = await call((native) => native.tryLock(path(file)));
			if (!signal?.aborted) return token;
			await unlock(token); // nobody will
			throw signal.reason;
		} catch (error) {
			signal?.throwIfAborted();
			const left = deadline - Date.now();
			if ((error as { code?: string }).code !== "EWOULDBLOCK" || left <= 0) throw error;
			// It rejects with an AbortError at the signal; the next turn's reason is the caller's.
			await setTimeout(Math.min(pause, left), undefined, signal && { signal }).catch(() => signal?.throwIfAborted());
		}
	}
}

/**
 * Gives a lock back and removes its file, while it is held: who waits for it makes a new one. An unknown token does
 * nothing. The kernel gives it back when the process ends. unlink(2), close(2).
 */
export function unlock(token: number): Promise<void> {
	return call((native) => native.unlock(token));
}

/**
 * Entries at or below `top` that are not `uid`'s or that others than `uid` may write; the first 20, escaped. `groups` have
 * no other members. ENOENT, EACCES, ENOTDIR of the path.
 */
export function foreignEntries(
	top: NativePath,
	uid: number,
	{ groups = [], signal }: Look & { groups?: readonly number[] } = {},
): Promise<string[]> {
	return callReading(signal, (native) => native.foreignEntries(path(top), uid, groups));
}

/** Has what the path leads to an access control list beside its mode? ENOENT, EACCES, ENOTDIR of the path. acl(5). */
export function hasAcl(file: NativePath): Promise<boolean> {
	return call((native) => native.hasAcl(path(file)));
}

/** The capabilities of a regular file; undefined where it has none, or no add-on to ask. A link is refused (ELOOP). */
export async function fileCapabilities(file: NativePath): Promise<FileCapabilities | undefined> {
	if (addonProblem() !== undefined) return undefined;
	return await call((native) => native.fileCapabilities(path(file)));
}

/** Gives a regular file exactly these permitted capabilities (a sum of 1 << number); 0 takes all. EPERM, ENOTSUP. */
export function setFileCapabilities(file: NativePath, permitted: number): Promise<void> {
	return call((native) => native.setFileCapabilities(path(file), permitted));
}
