/**
 * Compressed streams: which format it is by its first bytes, and its content as a stream.
 *
 * Owns: magics and decompressors (Node's zlib for gzip, the system's tools for the rest; nothing is written to disk).
 * Leaves to others: what is in the stream (read.ts, kernel-image.ts).
 */

import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { start } from "../process/run.ts";

export type Packing = "gzip" | "xz" | "lzma" | "bzip2" | "lzo" | "lz4" | "zstd";

interface Format {
	magic: readonly number[];
	/** Absent: Node's own. A kernel's payload has four more bytes behind its end, which xz would refuse. */
	command?: readonly [string, ...string[]];
}

/** lz4 in kernels is the legacy format; lz4(1) writes the frame format by default. */
const formats: readonly (readonly [Packing, Format])[] = [
	["gzip", { magic: [0x1f, 0x8b, 0x08] }],
	["xz", { magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], command: ["xz", "-dc", "--single-stream"] }],
	["zstd", { magic: [0x28, 0xb5, 0x2f, 0xfd], command: ["zstd", "-dcq"] }],
	["bzip2", { magic: [0x42, 0x5a, 0x68], command: ["bzip2", "-dc"] }],
	["lz4", { magic: [0x02, 0x21, 0x4c, 0x18], command: ["lz4", "-dcq"] }],
	["lz4", { magic: [0x04, 0x22, 0x4d, 0x18], command: ["lz4", "-dcq"] }],
	["lzo", { magic: [0x89, 0x4c, 0x5a, 0x4f, 0x00], command: ["lzop", "-dc"] }],
	["lzma", { magic: [0x5d, 0x00, 0x00], command: ["xz", "-dc", "--format=lzma"] }],
];

/** The format that begins at `at`; undefined for what is not compressed. */
export function packingOf(bytes: Uint8Array, at = 0): Packing | undefined {
	return formats.find(([, { magic }]) => magic.every((byte, index) => bytes[at + index] === byte))?.[0];
}

/** Every place in `bytes` where a compressed stream may begin, in order. */
export function packedPlaces(bytes: Buffer): number[] {
	const places = formats.flatMap(([, { magic }]) => {
		const found: number[] = [];
		const needle = Buffer.from(magic);
		for (let at = bytes.indexOf(needle); at >= 0; at = bytes.indexOf(needle, at + 1)) found.push(at);
		return found;
	});
	return places.toSorted((a, b) => a - b);
}

/** The content. A reader that stops early ends the tool. Throws ERR_KSQUASH_TOOL_MISSING, _TOOL_FAILED, zlib's errors. */
export async function* unpacked(
	input: AsyncIterable<Uint8Array>,
	packing: Packing,
	signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
	const command = formats.find(([name]) => name === packing)?.[1].command;
	if (command === undefined) {
		const source = Readable.from(input);
		const gunzip = createGunzip();
		source.once("error", (error) => gunzip.destroy(error));
		try {
			yield* source.pipe(gunzip);
		} finally {
			source.destroy();
		}
		return;
	}
	const stop = new AbortController();
	const [program, ...args] = command;
	const signals = signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]);
	const child = start(program, args, { input, signal: signals, graceMs: 200 });
	try {
		yield* child.stdout as AsyncIterable<Buffer>;
		await child.finished;
	} finally {
		stop.abort();
		await child.finished.catch(() => undefined);
	}
}
