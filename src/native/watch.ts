/**
 * Changes of the mount table as an async iterator.
 *
 * Owns: the queue between the add-on's thread and the reader, and ending both. Leaves to others: what the kernel tells
 * (native/core/watch/watch.cpp).
 */

import { nativeError, type RawError } from "./error.ts";
import { addon, call } from "./load.ts";
import type { MountChange } from "./mount-types.ts";

export interface WatchOptions {
	/** `next()` then rejects with its reason, once; the watch has ended. */
	signal?: AbortSignal | undefined;
	/** Leave fanotify out and compare tables, as on a kernel before 6.15. */
	onlyTable?: boolean | undefined;
}

export interface MountWatch extends AsyncIterableIterator<MountChange, void>, AsyncDisposable {
	/** How the kernel tells. */
	readonly way: "fanotify" | "mountinfo";
	return(): Promise<IteratorReturnResult<void>>;
}

/** Changes that nobody has fetched yet; beyond it they become one "lost". */
const most = 10_000;

/** What has arrived, and who waits for it. */
class Queue {
	#changes: MountChange[] = [];
	#error: { reason: unknown } | undefined;
	#ended = false;
	#waiting: (() => void)[] = [];

	add(changes: readonly MountChange[]): void {
		if (this.#changes.length + changes.length > most) this.#changes = [{ kind: "lost" }];
		else this.#changes.push(...changes);
		this.#wake();
	}

	/** The first one ends the queue, and is told once. */
	end(error?: { reason: unknown }): void {
		if (this.#ended) return;
		this.#ended = true;
		this.#error = error;
		this.#wake();
	}

	async next(): Promise<IteratorResult<MountChange, void>> {
		for (;;) {
			const error = this.#error;
			this.#error = undefined;
			if (error !== undefined) throw error.reason;
			if (this.#ended) return { done: true, value: undefined };
			const value = this.#changes.shift();
			if (value !== undefined) return { done: false, value };
			await new Promise<void>((done) => this.#waiting.push(done));
		}
	}

	#wake(): void {
		for (const done of this.#waiting.splice(0)) done();
	}
}

/**
 * Mounts that are attached, detached or moved in this mount namespace from the moment on when the promise resolves. By
 * fanotify where the kernel has it (6.15; CAP_SYS_ADMIN), each change by itself; else by comparing tables, where a mount
 * that comes and goes between two looks is not seen. A thread of its own waits, and keeps the process alive, until
 * `return()` (leaving a `for await` calls it, and so does `await using`) or the signal. EMFILE, ENOMEM.
 * fanotify(7): FAN_MARK_MNTNS; proc_pid_mountinfo(5): POLLPRI.
 */
export async function watchMounts({ signal, onlyTable = false }: WatchOptions = {}): Promise<MountWatch> {
	signal?.throwIfAborted();
	const queue = new Queue();
	const receive = (error: RawError | null, changes: MountChange[]) => {
		if (error === null) queue.add(changes);
		else queue.end({ reason: nativeError(error) });
	};
	const { token, way } = await call((native) => native.watchMounts(onlyTable, receive));
	const end = (error?: { reason: unknown }) => {
		signal?.removeEventListener("abort", abort);
		queue.end(error);
		addon().stopWatch(token);
	};
	const abort = () => end({ reason: signal?.reason });
	if (signal?.aborted) abort();
	signal?.addEventListener("abort", abort, { once: true });
	const watch: MountWatch = {
		way,
		next: () => queue.next(),
		return: async () => {
			end();
			return { done: true, value: undefined };
		},
		[Symbol.asyncIterator]: () => watch,
		[Symbol.asyncDispose]: async () => end(),
	};
	return watch;
}
