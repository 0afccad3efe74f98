/**
 * The locks of long work: one worker for each release, tarball, build directory and so on, and what dead ones left.
 *
 * Owns: taking and giving them back, whether one is held, and the removal of temporary files whose writer is gone.
 * Leaves to others: the names of the lock files (src/layout.ts), and the locks of loop devices (the add-on).
 */

import { lstat } from "node:fs/promises";
import { KsquashError } from "../errors.ts";
import { type Layout, LINK_KEY, lockPath, SYSTEM_LOCKS } from "../layout.ts";
import { lock, removeTree, unlock } from "../native/verbs.ts";
import { attempt, failure, isSystemError } from "../system/failure.ts";
import { fileId, lstatIfExists, makeDirectory, readIfExists } from "../system/files.ts";
import { leftovers } from "./catalog.ts";
import type { Context } from "./context.ts";
import type { Step } from "./plan.ts";

export interface LockOptions {
	/** How long another's work is waited for; 0 when absent. */
	waitMs?: number;
	/** What is worked on, for a person; the key says it when absent. */
	what?: string;
}

/**
 * Runs `work` while nobody else works on `key` in this source directory, whatever path leads there.
 * Throws ERR_KSQUASH_LOCKED at once when somebody does, or `waitMs` later.
 */
export async function withLock<T>(
	context: Context,
	key: string,
	work: () => Promise<T>,
	{ waitMs = 0, what }: LockOptions = {},
): Promise<T> {
	const token = await takeLock(context.layout, key, waitMs);
	if (token === undefined) {
		throw new KsquashError("ERR_KSQUASH_LOCKED", `another ksquash works on ${what ?? nameOf(key)}`);
	}
	try {
		return await work();
	} catch (error) {
		await tellWhatStays(context, key);
		throw failure(error, `work on ${what ?? nameOf(key)}`);
	} finally {
		await unlock(token);
	}
}

/** Of temporary files, those that failed work could not take away: on a disk that died every undo fails, too. */
async function tellWhatStays(context: Context, key: string): Promise<void> {
	// A failed look never hides the first error.
	const left = await leftovers(context.layout).catch(() => []);
	for (const { path } of left.filter((one) => one.key === key)) {
		context.warn(`${path} stays: it could not be removed; the next run will`);
	}
}

/** Comes before the own locks are taken: what they protect is left out. */
export async function leftoverStep(context: Context): Promise<Step> {
	const say: string[] = [];
	for (const { path, key } of context.dryRun ? await leftovers(context.layout) : []) {
		if (!(await isLocked(context.layout, key))) say.push(`remove ${path}, which an interrupted run left`);
	}
	return { name: "remove", say, lasts: false, run: async () => await removeLeftovers(context) };
}

/** Temporary files whose writer is gone: its lock is free. Called before the own locks are taken. */
export async function removeLeftovers(context: Context): Promise<void> {
	for (const { path, key } of await leftovers(context.layout)) {
		const token = await takeLock(context.layout, key, 0);
		if (token === undefined) continue;
		try {
			// A scratch directory is one of them.
			if ((await lstatIfExists(path)) !== undefined) await attempt(`remove ${path}`, removeTree({ path }));
			context.warn(`removed ${path}, which an interrupted run had left`);
		} finally {
			await unlock(token);
		}
	}
}

/**
 * Does somebody work on `key` now? Only looks: trying the lock could turn away another process that wants it, and
 * needs the right to. proc_locks(5); what another pid namespace or file system id hides counts as not held.
 */
export async function isLocked(layout: Layout, key: string): Promise<boolean> {
	const directory = await lstatIfExists(layout.sourceDir);
	if (directory === undefined) return false;
	const table = (await readIfExists("/proc/locks"))?.toString("latin1").split("\n") ?? [];
	// root's are elsewhere than a user's.
	for (const lockDir of new Set([layout.lockDir, SYSTEM_LOCKS])) {
		const file = await lstatIfExists(lockPath({ ...layout, lockDir }, fileId(directory), key));
		if (file !== undefined && table.some((line) => isLockOf(line, file))) return true;
	}
	return false;
}

/** "3: FLOCK  ADVISORY  WRITE 4711 00:19:1234 0 EOF": the device's numbers in hex, the inode's in decimal. */
function isLockOf(line: string, { dev, ino }: { dev: bigint; ino: bigint }): boolean {
	const [, kind, , , , id = ""] = line.split(/\s+/);
	const [major = "", minor = "", inode] = id.split(":");
	if (kind !== "FLOCK" || inode !== String(ino)) return false;
	// gnu_dev_makedev(3): twelve bits of the major number lie between the minor's lowest eight and the rest.
	const [high, low] = [BigInt(`0x${major || 0}`), BigInt(`0x${minor || 0}`)];
	return dev === (((high & 0xfffn) << 8n) | ((high & ~0xfffn) << 32n) | (low & 0xffn) | ((low & ~0xffn) << 12n));
}

/** What a key stands for, in the words of the other messages. */
function nameOf(key: string): string {
	const names: Readonly<Record<string, string>> = {
		[LINK_KEY]: "the linux link",
		helper: "the helper",
		portage: "Portage's hook",
	};
	return names[key] ?? key.replace(/^build-linux-/, "build-");
}

/** The token, or undefined when somebody holds the lock. */
async function takeLock(layout: Layout, key: string, waitMs: number): Promise<number | undefined> {
	await attempt(`make ${layout.lockDir}`, makeDirectory(layout.lockDir));
	const directory = await lstat(layout.lockDir);
	if (!directory.isDirectory() || directory.uid !== process.geteuid?.()) {
		throw new KsquashError("ERR_KSQUASH_PRIVILEGE", `${layout.lockDir} is not this user's directory`, {
			hint: `remove ${layout.lockDir} and try again`,
		});
	}
	await attempt(`make ${layout.sourceDir}`, makeDirectory(layout.sourceDir));
	const id = fileId(await lstat(layout.sourceDir, { bigint: true }));
	try {
		return await lock(lockPath(layout, id, key), waitMs);
	} catch (error) {
		if (isSystemError(error) && (error.code === "EWOULDBLOCK" || error.code === "EAGAIN")) return undefined;
		throw failure(error, `lock ${key}`);
	}
}
