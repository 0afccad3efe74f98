/**
 * A config file from disk: plain, or compressed as /proc/config.gz and distributions' packages are.
 *
 * Owns: that a damaged or foreign file is an error with its name, never a shorter config.
 * Leaves to others: which file is read (origins.ts) and what its lines mean (config.ts).
 */

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { type ErrorDetails, KsquashError } from "../errors.ts";
import { attempt } from "../system/failure.ts";
import { run } from "../system/run.ts";
import { parseConfig } from "./config.ts";

/** Far above the largest real one (allyesconfig: 0.4 MiB); a bomb ends here. */
const LIMIT = 16 << 20;

const packed: readonly (readonly [string, readonly number[]])[] = [
	["gzip", [0x1f, 0x8b]],
	["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
	["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
];

/** Marks the errors of a file that is whole, but not to be trusted. */
const UNTRUSTED = { step: "trust" } as const;

export interface ReadOptions {
	signal?: AbortSignal | undefined;
	/** Refuse a file that somebody other than root and these users owns or may write. */
	trusted?: readonly number[] | undefined;
}

/** Throws ERR_KSQUASH_NO_INPUT, ERR_KSQUASH_PRIVILEGE, ERR_KSQUASH_KCONFIG (no config, or a damaged one). */
export async function readConfigFile(path: string, options: ReadOptions = {}): Promise<Uint8Array> {
	const file = await attempt(`read ${path}`, open(path, constants.O_RDONLY));
	try {
		if (options.trusted !== undefined) await assertTrusted(file, path, options.trusted);
		const bytes = await attempt(`read ${path}`, readAll(file, path, options.signal));
		const text = await unpack(bytes, path, options.signal);
		const config = parseConfig(text, path);
		if (config.symbols.size === 0) throw unusable(path, "it holds no CONFIG_ line");
		return text;
	} finally {
		await file.close();
	}
}

async function assertTrusted(file: FileHandle, path: string, trusted: readonly number[]): Promise<void> {
	const stats = await file.stat();
	if (!stats.isFile()) throw unusable(path, "it is no regular file", UNTRUSTED);
	if (stats.uid !== 0 && !trusted.includes(stats.uid))
		throw unusable(path, `it belongs to the user ${stats.uid}`, UNTRUSTED);
	// Kbuild turns a config into a makefile: who writes it decides what the build runs.
	if ((stats.mode & 0o022) !== 0) throw unusable(path, "others than its owner may write it", UNTRUSTED);
}

/** /proc files have the size 0: read to the end, not by size. */
async function readAll(file: FileHandle, path: string, signal: AbortSignal | undefined): Promise<Buffer> {
	const chunks: Buffer[] = [];
	let size = 0;
	for (;;) {
		signal?.throwIfAborted();
		const { bytesRead, buffer } = await file.read(Buffer.alloc(1 << 18), 0, 1 << 18, null);
		if (bytesRead === 0) return Buffer.concat(chunks);
		size += bytesRead;
		if (size > LIMIT) throw unusable(path, `it is larger than ${LIMIT >> 20} MiB`);
		chunks.push(buffer.subarray(0, bytesRead));
	}
}

async function unpack(bytes: Buffer, path: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
	const tool = packed.find(([, magic]) => magic.every((byte, at) => bytes[at] === byte))?.[0];
	if (tool === undefined) return bytes;
	try {
		if (tool === "gzip") return await promisify(gunzip)(bytes, { maxOutputLength: LIMIT });
		return (await run(tool, ["-dc"], { input: bytes, signal })).stdout;
	} catch (error) {
		if (signal?.aborted) throw error;
		if (error instanceof KsquashError && error.code === "ERR_KSQUASH_TOOL_MISSING") throw error;
		const reason = error instanceof KsquashError ? (error.notes.at(-1) ?? error.message) : (error as Error).message;
		throw unusable(path, `its ${tool} data is damaged or cut off (${reason})`, { cause: error });
	}
}

function unusable(path: string, why: string, details: ErrorDetails = {}): KsquashError {
	return new KsquashError("ERR_KSQUASH_KCONFIG", `${path} is no usable kernel config: ${why}`, {
		path,
		hint: "name another base with --base FILE, or --base defconfig",
		...details,
	});
}
