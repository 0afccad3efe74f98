/**
 * A config from disk: a text, a compressed one (/proc/config.gz), or one inside a kernel image.
 *
 * Owns: that a damaged or foreign file is an error with its name, never a shorter config.
 * Leaves to others: which file is read (base-config.ts), images (kernel-image.ts) and what lines mean (config.ts).
 */

import type { FileHandle } from "node:fs/promises";
import { type ErrorDetails, KsquashError } from "../errors.ts";
import { attempt } from "../system/failure.ts";
import { openInput, readUpTo } from "../system/input.ts";
import { whyWritable } from "../trust/writers.ts";
import { parseConfig } from "./config.ts";
import { configInImage, isKernelImage, LIMIT, scanForConfig } from "./kernel-image.ts";
import { packingOf, unpacked } from "./unpack.ts";

export interface ReadOptions {
	signal?: AbortSignal | undefined;
	/** Refuse a file that somebody other than root and these users owns or may write. */
	trusted?: readonly number[] | undefined;
	/** A fragment or one side of a comparison may set nothing: only comments and blank lines. */
	allowEmpty?: boolean | undefined;
}

/**
 * The text. Throws ERR_KSQUASH_NO_INPUT, ERR_KSQUASH_PRIVILEGE, ERR_KSQUASH_TOOL_MISSING, ERR_KSQUASH_CONFIG_FILE
 * (no config, or a damaged one).
 */
export async function readConfigFile(path: string, options: ReadOptions = {}): Promise<Uint8Array> {
	const file = await openInput(path);
	try {
		if (options.trusted !== undefined) await assertTrusted(file, path, options.trusted);
		const text = await attempt(`read ${path}`, readText(file, path, options.signal));
		if (!isConfig(text, options)) throw unusable(path, "it holds no CONFIG_ line");
		return text;
	} finally {
		await file.close();
	}
}

function isConfig(text: Buffer, { allowEmpty }: ReadOptions): boolean {
	// One usual line is enough: whoever uses the text parses it again.
	if (/^(?:CONFIG_\w+=[ymn]|# CONFIG_\w+ is not set)$/m.test(text.toString("latin1"))) return true;
	const config = parseConfig(text, "");
	if (config.symbols.size > 0) return true;
	// A fragment whose only line is lost is a fragment: that line is reported.
	return allowEmpty === true && config.lines.every(({ text: line }) => /^\s*(?:#.*)?\s*$|CONFIG_/.test(line));
}

async function assertTrusted(file: FileHandle, path: string, trusted: readonly number[]): Promise<void> {
	const stats = await file.stat();
	const details = { kind: "untrusted" } as const;
	if (!stats.isFile()) throw unusable(path, "it is no regular file", details);
	// Kbuild turns a config into a makefile: who writes it decides what the build runs.
	const why = await whyWritable(`/proc/self/fd/${file.fd}`, stats, trusted);
	if (why !== undefined) throw unusable(path, `it ${why}`, details);
}

async function readText(file: FileHandle, path: string, signal: AbortSignal | undefined): Promise<Buffer> {
	const head = await readUpTo(file, 4096, signal);
	const stats = await file.stat();
	const regular = stats.isFile();
	// A file may be empty; a pipe without a byte is what a command leaves that failed, or that nobody started.
	if (head.length === 0 && stats.isFIFO()) throw unusable(path, "nothing came out of this pipe");
	const packing = packingOf(head);
	try {
		if (packing !== undefined) return await textOf(unpacked(following(file, head, signal), packing, signal), path);
		if (!isKernelImage(head)) return await textOf(following(file, head, signal), path);
		if (!regular) throw unusable(path, "it is no regular file");
		return (await configInImage(file, head, signal)) ?? carriesNone(path);
	} catch (error) {
		if (signal?.aborted) throw error;
		if (error instanceof KsquashError && error.code !== "ERR_KSQUASH_TOOL_FAILED") throw error;
		if (!(error instanceof KsquashError) && (error as NodeJS.ErrnoException).syscall !== undefined) throw error;
		const reason = error instanceof KsquashError ? (error.notes.at(-1) ?? error.message) : (error as Error).message;
		const what = packing === undefined ? "its packed data" : `its ${packing} data`;
		throw unusable(path, `${what} is damaged or cut off (${reason})`, { cause: error });
	}
}

/** What a file holds: the text, or, when it is a kernel (configs.ko.xz, Image.gz), the config in it. */
async function textOf(content: AsyncIterable<Uint8Array>, path: string): Promise<Buffer> {
	const chunks: Uint8Array[] = [];
	let size = 0;
	const rest = content[Symbol.asyncIterator]();
	try {
		for (let next = await rest.next(); !next.done; next = await rest.next()) {
			if (size < 4096) {
				const head = Buffer.concat([...chunks, next.value]);
				const stream = { [Symbol.asyncIterator]: () => resume([head], rest) };
				if (isKernelImage(head)) return (await scanForConfig(stream)) ?? carriesNone(path);
			}
			size += next.value.length;
			if (size > LIMIT) throw unusable(path, `it is larger than ${LIMIT >> 20} MiB`);
			chunks.push(next.value);
		}
	} finally {
		await rest.return?.();
	}
	return Buffer.concat(chunks);
}

async function* resume(first: Buffer[], rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
	yield* first;
	for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

/** /proc files have the size 0: read to the end, not by size. */
async function* following(file: FileHandle, head: Buffer, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
	yield head;
	for (let next = await readUpTo(file, 1 << 18, signal); next.length > 0; ) {
		yield next;
		next = await readUpTo(file, 1 << 18, signal);
	}
}

function carriesNone(path: string): never {
	throw unusable(path, "no config is in it (a kernel carries one when it was built with IKCONFIG)", {
		kind: "without-config",
	});
}

function unusable(path: string, why: string, details: ErrorDetails = {}): KsquashError {
	return new KsquashError("ERR_KSQUASH_CONFIG_FILE", `${path} is no usable kernel config: ${why}`, {
		path,
		...details,
	});
}
