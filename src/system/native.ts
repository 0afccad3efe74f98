/**
 * The only door to the C++ add-on: its verbs, typed.
 *
 * Owns: loading the add-on at first use, checking arguments, joining AbortSignal and progress to it, and making
 * errors of Node's SystemError shape. Leaves to others: policy, wording for people, and anything that is not a verb.
 */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { KsquashError } from "../errors.ts";
import type { Addon, Control } from "./native-binding.ts";
import { nativeError, type RawError } from "./native-error.ts";
import type {
	CompareRequest,
	Comparison,
	Holder,
	ImageInfo,
	ImageListRequest,
	LongWork,
	MountEntry,
	MountRequest,
	MountResult,
	NativePath,
	Probe,
	RemoveRequest,
	RemoveResult,
	TargetStatus,
	TreeList,
	TreeRequest,
	UmountOptions,
	UmountResult,
} from "./native-types.ts";

export type * from "./native-types.ts";

let loaded: Addon | undefined;

/** The directory of ksquash's package.json: compiled, this module may stand at any depth below it. */
function packageRoot(): string {
	for (let dir = dirname(fileURLToPath(import.meta.url)); dir !== dirname(dir); dir = dirname(dir)) {
		const file = join(dir, "package.json");
		if (existsSync(file) && JSON.parse(readFileSync(file, "utf8")).name === "ksquash") return dir;
	}
	throw new KsquashError("ERR_KSQUASH_NATIVE", "cannot find ksquash's own package.json above its code");
}

/** Our own build first, then the prebuilt ones; the reason of each that does not load is kept. */
function addon(): Addon {
	if (loaded !== undefined) return loaded;
	const root = packageRoot();
	const prebuilds = join(root, "prebuilds", `linux-${process.arch}`);
	const names = existsSync(prebuilds) ? readdirSync(prebuilds).filter((name) => name.endsWith(".node")) : [];
	const candidates = [join(root, "build/Release/ksquash.node"), ...names.sort().map((name) => join(prebuilds, name))];
	const load = createRequire(import.meta.url);
	const notes: string[] = [];
	for (const path of candidates) {
		try {
			loaded = load(path) as Addon;
			return loaded;
		} catch (error) {
			notes.push(existsSync(path) ? `${path}: ${error instanceof Error ? error.message : error}` : `${path}: absent`);
		}
	}
	const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
	const libc =
		report.header?.glibcVersionRuntime === undefined ? "musl or unknown" : `glibc ${report.header.glibcVersionRuntime}`;
	const machine = `${process.platform}-${process.arch}, libc ${libc}, Node ${process.version}`;
	throw new KsquashError("ERR_KSQUASH_NATIVE", `cannot load the native add-on (${machine}): ${notes.join("; ")}`, {
		notes,
	});
}

/** A path for the add-on. A NUL would end it early: refused like Node's fs does. */
function path(value: NativePath): NativePath {
	const bad =
		typeof value === "string" ? value === "" || value.includes("\0") : value.length === 0 || value.includes(0);
	if (bad) throw new TypeError(`a path must not be empty or hold a NUL byte: ${JSON.stringify(String(value))}`);
	return value;
}

/** Runs a verb; what the add-on rejects with becomes an Error. */
async function call<T>(verb: (addon: Addon) => Promise<T>): Promise<T> {
	const native = addon();
	try {
		return await verb(native);
	} catch (error) {
		throw error instanceof Error ? error : nativeError(error as RawError);
	}
}

/** Runs long work: the signal sets the first number, the others are looked at ten times a second. */
async function callLong<T>(work: LongWork, verb: (addon: Addon, control: Control) => Promise<T>): Promise<T> {
	const { signal, onProgress } = work;
	signal?.throwIfAborted();
	const control = new BigInt64Array(3);
	const report = () => onProgress?.({ entries: Number(control[1]), bytes: Number(control[2]) });
	const cancel = () => {
		control[0] = 1n;
	};
	const timer = onProgress === undefined ? undefined : setInterval(report, 100);
	signal?.addEventListener("abort", cancel, { once: true });
	try {
		const result = await call((native) => verb(native, control));
		report();
		// Who has asked for an end gets it, also when the work was quicker.
		signal?.throwIfAborted();
		return result;
	} catch (error) {
		// Only a cancelled work: an error of its own that came first is the more telling one.
		if (signal?.aborted && (error as { code?: string }).code === "ECANCELED") throw signal.reason;
		throw error;
	} finally {
		clearInterval(timer);
		signal?.removeEventListener("abort", cancel);
	}
}

/** Reads and checks an image's superblock and tables. EINVAL with `reason` when the kernel could not mount it. */
export function inspectImage(image: NativePath): Promise<ImageInfo> {
	return call((native) => native.inspectImage(path(image)));
}

/**
 * Mounts an image on an empty directory, read-only; done twice is done once (`already`). Leaves nothing behind on
 * failure. EINVAL (image, options), EBUSY (something else is mounted there; the lock), ENOTEMPTY, ENOTDIR, ELOOP (a link),
 * ENOENT, ESTALE (`expect`), EPERM, ENODEV (no squashfs). loop(4), fsopen(2), move_mount(2).
 */
export function mountImage(request: MountRequest): Promise<MountResult> {
	const { image, target, options = "", expect } = request;
	return call((native) => native.mountImage(path(image), path(target), options, expect));
}

/** Unmounts. EINVAL ("not a mount point"), EBUSY (see `holders`), ESTALE (`expect`), EPERM. umount2(2). */
export function umount(target: NativePath, options: UmountOptions = {}): Promise<UmountResult> {
	return call((native) => native.umount(path(target), options.lazy ?? false, options.expect));
}

/** What stands on a path now; with `image`, compared with that file by dev:ino. statx(2), statmount(2), mountinfo. */
export function statTarget(target: NativePath, image?: NativePath): Promise<TargetStatus> {
	return call((native) => native.statTarget(path(target), image === undefined ? undefined : path(image)));
}

/** This mount namespace's table. proc_pid_mountinfo(5). */
export function mounts(): Promise<MountEntry[]> {
	return call((native) => native.mounts());
}

/** The rows of a mountinfo file's bytes; lines that are no row are left out. Pure. */
export function parseMountinfo(text: Uint8Array): MountEntry[] {
	return addon().parseMountinfo(text);
}

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
export function exchange(a: NativePath, b: NativePath): Promise<void> {
	return call((native) => native.exchange(path(a), path(b)));
}

/** renameat2(RENAME_NOREPLACE), then fsync of the parents: EEXIST when `to` is there. */
export function renameNew(from: NativePath, to: NativePath): Promise<void> {
	return call((native) => native.renameNew(path(from), path(to)));
}

/**
 * The path with every link but the last component's resolved as if `root` were "/"; missing components stay.
 * ELOOP after 40 links; EILSEQ where the answer is no valid UTF-8. openat2(2), RESOLVE_IN_ROOT.
 */
export async function resolveInRoot(root: NativePath, inside: NativePath): Promise<string> {
	const answer = await call((native) => native.resolveInRoot(path(root), path(inside)));
	if (typeof answer === "string") return answer;
	throw nativeError({ errno: -84, syscall: "openat2", path: String(inside), reason: "the path is not valid UTF-8" });
}

/** fsync, then POSIX_FADV_DONTNEED: the next read comes from the device. A directory is only synced. */
export function flushFile(file: NativePath): Promise<void> {
	return call((native) => native.flushFile(path(file)));
}

/** Processes that use a mount (at its mount point) or a directory tree. This process is among them when it does. proc(5). */
export function holders(top: NativePath): Promise<Holder[]> {
	return call((native) => native.holders(path(top)));
}

/** flock(LOCK_EX) on a file made when absent (0600, never unlinked). EWOULDBLOCK after `timeoutMs` (0: at once). */
export async function lock(file: NativePath, timeoutMs = 0): Promise<number> {
	const deadline = Date.now() + timeoutMs;
	for (let pause = 2; ; pause = Math.min(pause * 2, 100)) {
		try {
			return await call((native) => native.tryLock(path(file)));
		} catch (error) {
			const left = deadline - Date.now();
			if ((error as { code?: string }).code !== "EWOULDBLOCK" || left <= 0) throw error;
			await new Promise((done) => setTimeout(done, Math.min(pause, left)));
		}
	}
}

/** Gives a lock back; an unknown token does nothing. The kernel does it when the process ends. */
export function unlock(token: number): void {
	addon().unlock(token);
}

/** Entries at or below `top` that are not `uid`'s or that others than `uid` may write; the first 20, escaped. */
export function foreignEntries(top: NativePath, uid: number): Promise<string[]> {
	return call((native) => native.foreignEntries(path(top), uid));
}

/** What the running kernel has and what this process may do. Changes nothing; may load the squashfs module. */
export async function probe(): Promise<Probe> {
	const { loopControlErrno, ...rest } = await call((native) => native.probe());
	const code = nativeError({ errno: loopControlErrno, syscall: "open" }).code;
	return { ...rest, loopControl: loopControlErrno === 0 ? "ok" : code };
}
