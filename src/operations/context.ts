/**
 * What every operation starts from: layout, settings, progress, warnings and the locks of long work.
 *
 * Owns: the options that all operations share. Leaves to others: everything that is one operation's own.
 */

import { lstat } from "node:fs/promises";
import { release as kernelRelease } from "node:os";
import { join } from "node:path";
import { leftovers } from "../catalog.ts";
import { KsquashError } from "../errors.ts";
import { type Layout, lockPath, openLayout } from "../layout.ts";
import { readSettings, type Settings } from "../settings.ts";
import { attempt, failure, isSystemError } from "../system/failure.ts";
import { fileId, lstatIfExists, makeDirectory } from "../system/files.ts";
import { addonProblem, lock, type Probe, probe, removeTree, unlock } from "../system/native.ts";
import { assertOptions } from "./arguments.ts";

export interface ProgressEvent {
	/** The step's short name: "pack", "verify", "mount", … */
	step: string;
	/** What it is about, for a person. */
	label: string;
	state: "start" | "running" | "done" | "failed";
	/** Amount done, and in all where that is known. */
	done?: number;
	total?: number;
	unit?: "bytes" | "entries";
	/** With "done": what came of it. */
	result?: string;
}

export interface CommonOptions {
	/** Everything happens below this directory; "/" by default. */
	root?: string | undefined;
	signal?: AbortSignal | undefined;
	onProgress?: ((event: ProgressEvent) => void) | undefined;
	onWarning?: ((message: string) => void) | undefined;
	/** Check and say what would be done; change nothing. */
	dryRun?: boolean | undefined;
	/** For a sandbox: no mount, no loop device, and locks below `root` instead of /run. */
	userSpace?: boolean | undefined;
}

export type Tick = (amount: { done: number; total?: number; unit?: "bytes" | "entries" }) => void;

export interface Context {
	layout: Layout;
	settings: Settings;
	probe: Probe;
	/** Why the add-on does not load; undefined where it does. Only a few operations can go on without it. */
	missingAddon: KsquashError | undefined;
	signal: AbortSignal | undefined;
	dryRun: boolean;
	warn(message: string): void;
	/** Runs one step of the operation: reported, and named in the error that it ends with. */
	step<T>(step: string, label: string, work: (tick: Tick) => Promise<T>, result?: (value: T) => string): Promise<T>;
}

export async function openContext(options: CommonOptions): Promise<Context> {
	assertOptions(options);
	options.signal?.throwIfAborted();
	const opened = await attempt(`use the root ${options.root ?? "/"}`, openLayout(options.root));
	const layout = options.userSpace ? { ...opened, lockDir: join(opened.root, "run/ksquash") } : opened;
	const report = options.onProgress ?? (() => undefined);
	return {
		layout,
		settings: await readSettings(layout.settingsFile),
		probe: options.userSpace ? inSandbox : await probe(),
		missingAddon: addonProblem(),
		signal: options.signal,
		dryRun: options.dryRun ?? false,
		warn: options.onWarning ?? (() => undefined),
		async step(step, label, work, result) {
			options.signal?.throwIfAborted();
			report({ step, label, state: "start" });
			try {
				const value = await work((amount) => report({ step, label, state: "running", ...amount }));
				report({ step, label, state: "done", ...(result ? { result: result(value) } : {}) });
				return value;
			} catch (error) {
				report({ step, label, state: "failed" });
				throw named(failure(error, `do the step "${step}" (${label})`), step);
			}
		},
	};
}

/** What a sandbox lets a process do. To ask the kernel would be a violation already. */
const inSandbox: Probe = {
	kernel: kernelRelease(),
	loopControl: "not asked",
	squashfs: true,
	erofs: false,
	openat2: true,
	loopConfigure: false,
	mountApi: false,
	statmount: false,
	renameExchange: false,
	capabilities: { sysAdmin: false, dacReadSearch: false, dacOverride: false, chown: false },
	noNewPrivs: false,
	initialMountNamespace: false,
	inUserNamespace: false,
};

function named(error: unknown, step: string): unknown {
	if (error instanceof KsquashError && error.step === undefined) Object.assign(error, { step });
	return error;
}

/**
 * Runs `work` while nobody else works on `key` in this source directory, whatever path leads there.
 * Throws ERR_KSQUASH_LOCKED at once when somebody does, or `waitMs` later.
 */
export async function withLock<T>(
	context: Context,
	key: string,
	work: () => Promise<T>,
	{ waitMs = 0 }: { waitMs?: number } = {},
): Promise<T> {
	const token = await takeLock(context.layout, key, waitMs);
	if (token === undefined) {
		throw new KsquashError("ERR_KSQUASH_LOCKED", `another ksquash works on ${key}`);
	}
	try {
		return await work();
	} catch (error) {
		await tellWhatStays(context, key);
		throw failure(error, `work on ${key}`);
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
