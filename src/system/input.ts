/**
 * Files that a person named to be read, whatever they turn out to be.
 *
 * Owns: that a FIFO without a writer stops nobody: open(2) would wait for ever, and no signal ends a wait in libuv's pool.
 * Leaves to others: what is in them.
 */

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { attempt, failure } from "./failure.ts";
import { hasCode } from "./files.ts";

/** `what` is it for a person, its path when absent. Throws ERR_KSQUASH_NO_INPUT, ERR_KSQUASH_PRIVILEGE, ERR_KSQUASH_IO. */
export async function openInput(path: string, what: string = path): Promise<FileHandle> {
	try {
		return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
	} catch (error) {
		// To whom it was to be read, a path through a file or round in links leads nowhere: nothing stands in a way.
		const nowhere = hasCode(error, "ELOOP") || hasCode(error, "ENOTDIR");
		throw failure(error, `read ${what}`, nowhere ? { code: "ERR_KSQUASH_NO_INPUT" } : {});
	}
}

/** Less than `size` bytes only at the end. A pipe whose writer is slow, as in diff <(zcat a) b, is waited for. */
export async function readUpTo(file: FileHandle, size: number, signal: AbortSignal | undefined): Promise<Buffer> {
	const buffer = Buffer.alloc(size);
	let filled = 0;
	while (filled < size) {
		signal?.throwIfAborted();
		try {
			const { bytesRead } = await file.read(buffer, filled, size - filled, null);
			if (bytesRead === 0) break;
			filled += bytesRead;
		} catch (error) {
			if (!hasCode(error, "EAGAIN")) throw error;
			await setTimeout(20, undefined, { signal });
		}
	}
	return buffer.subarray(0, filled);
}

/** The whole of it. Throws as openInput. */
export async function readInput(path: string, what: string, signal: AbortSignal | undefined): Promise<Buffer> {
	const file = await openInput(path, what);
	try {
		const chunks: Buffer[] = [];
		for (;;) {
			const next = await attempt(`read ${what}`, readUpTo(file, 1 << 18, signal));
			if (next.length === 0) return Buffer.concat(chunks);
			chunks.push(next);
		}
	} finally {
		await file.close();
	}
}
