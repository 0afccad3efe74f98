/**
 * IKCONFIG: the config that a kernel carries in itself, out of vmlinux, vmlinuz and configs.ko.
 *
 * Owns: where in an image the packed kernel lies. Everything is a stream; no file is made.
 * Sources: Documentation/arch/x86/boot.rst, drivers/firmware/efi/libstub/zboot-header.S, kernel/configs.c.
 * Leaves to others: files that are configs themselves (read.ts), the formats of compression (unpack.ts).
 */

import type { FileHandle } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { type Packing, packedPlaces, packingOf, unpacked } from "./unpack.ts";

/** kernel/configs.c: these letters stand around a gzip file. */
const START = Buffer.from("IKCFG_ST\x1f\x8b\x08", "latin1");
const END = Buffer.from("IKCFG_ED");

/** Far above the largest real one (allyesconfig: 0.4 MiB); a bomb ends here. */
export const LIMIT: number = 16 << 20;
/** The largest image in which a payload is searched for; vmlinux with debug data is only streamed. */
const LIMIT_SEARCH = 256 << 20;
const ATTEMPTS = 64;

type Chunks = AsyncIterable<Uint8Array>;

/** Is this the head of an image that a kernel may be in? */
export function isKernelImage(head: Buffer): boolean {
	const word = (at: number, text: string): boolean => head.toString("latin1", at, at + text.length) === text;
	// ELF · a PE file: EFI stub, zboot, UKI · x86's boot header · the Image of arm64 and of riscv · arm's zImage · U-Boot
	return (
		word(0, "\x7fELF") ||
		word(0, "MZ") ||
		word(0x202, "HdrS") ||
		word(0x38, "ARM\x64") ||
		word(0x38, "RSC\x05") ||
		word(0x24, "\x18\x28\x6f\x01") ||
		word(0, "\x27\x05\x19\x56")
	);
}

/** The config in a stream that is a kernel, or has one unpacked in it; undefined when there is none. */
export async function scanForConfig(chunks: Chunks): Promise<Buffer | undefined> {
	let kept = Buffer.alloc(0);
	let found = false;
	for await (const chunk of chunks) {
		kept = Buffer.concat([kept, chunk]);
		if (!found) {
			const at = kept.indexOf(START);
			found = at >= 0;
			kept = kept.subarray(found ? at + START.length - 3 : Math.max(0, kept.length - START.length + 1));
		}
		const end = found ? kept.indexOf(END) : -1;
		if (end >= 0) return gunzipSync(kept.subarray(0, end), { maxOutputLength: LIMIT });
		if (found && kept.length > LIMIT) found = false;
	}
	return undefined;
}

/** The config that a kernel image carries; undefined when it has none. Throws what the decompressor throws. */
export async function configInImage(
	file: FileHandle,
	head: Buffer,
	signal: AbortSignal | undefined,
): Promise<Buffer | undefined> {
	const bytes = (begin: number, length = Number.POSITIVE_INFINITY): Chunks => range(file, begin, length, signal);
	const payload = payloadOf(head, await linuxSection(file, head));
	if (payload !== undefined) {
		const start = Buffer.alloc(16);
		await file.read(start, 0, start.length, payload.begin);
		const packing = packingOf(start);
		// Behind all but gzip's stand four bytes that say the size unpacked (scripts/Makefile.lib, size_append).
		const length = payload.length - (payload.sized && packing !== "gzip" ? 4 : 0);
		const content = bytes(payload.begin, length);
		return await scanForConfig(packing === undefined ? content : unpacked(content, packing, signal));
	}
	const open = await scanForConfig(bytes(0));
	if (open !== undefined || head.toString("latin1", 0, 4) === "\x7fELF") return open;
	return await searchPayload(await wholeFile(bytes(0)), signal);
}

interface Payload {
	begin: number;
	length: number;
	/** Its last four bytes may be its size. */
	sized: boolean;
}

function payloadOf(head: Buffer, section: { at: number; head: Buffer } | undefined): Payload | undefined {
	const { at, head: image } = section ?? { at: 0, head };
	if (image.length < 0x250) return undefined;
	if (image.toString("latin1", 0x202, 0x206) === "HdrS" && image.readUInt16LE(0x206) >= 0x208) {
		const setup = (image[0x1f1] || 4) + 1;
		const begin = at + setup * 512 + image.readUInt32LE(0x248);
		return { begin, length: image.readUInt32LE(0x24c), sized: true };
	}
	if (image.toString("latin1", 0, 2) === "MZ" && image.toString("latin1", 4, 8) === "zimg") {
		return { begin: at + image.readUInt32LE(8), length: image.readUInt32LE(12), sized: true };
	}
	return undefined;
}

/** A unified kernel image is a PE file with the kernel in its section .linux. */
async function linuxSection(file: FileHandle, head: Buffer): Promise<{ at: number; head: Buffer } | undefined> {
	if (head.toString("latin1", 0, 2) !== "MZ" || head.length < 0x40) return undefined;
	const pe = head.readUInt32LE(0x3c);
	if (pe + 24 > head.length || head.toString("latin1", pe, pe + 4) !== "PE\0\0") return undefined;
	const table = pe + 24 + head.readUInt16LE(pe + 20);
	for (let at = table; at + 40 <= Math.min(head.length, table + 40 * head.readUInt16LE(pe + 6)); at += 40) {
		if (head.toString("latin1", at, at + 7) !== ".linux\0") continue;
		const inner = Buffer.alloc(4096);
		const begin = head.readUInt32LE(at + 20);
		const { bytesRead } = await file.read(inner, 0, inner.length, begin);
		return { at: begin, head: inner.subarray(0, bytesRead) };
	}
	return undefined;
}

/** arm's zImage, U-Boot's images: no header says where the payload begins. What is no stream ends in an error soon. */
async function searchPayload(image: Buffer, signal: AbortSignal | undefined): Promise<Buffer | undefined> {
	for (const at of packedPlaces(image).slice(0, ATTEMPTS)) {
		const packing = packingOf(image, at) as Packing;
		try {
			const found = await scanForConfig(unpacked(slices(image.subarray(at)), packing, signal));
			if (found !== undefined) return found;
		} catch {
			signal?.throwIfAborted();
		}
	}
	return undefined;
}

async function* range(
	file: FileHandle,
	begin: number,
	length: number,
	signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
	for (let at = begin, end = begin + length; at < end; ) {
		signal?.throwIfAborted();
		const size = Math.min(1 << 18, end - at);
		const { bytesRead, buffer } = await file.read(Buffer.alloc(size), 0, size, at);
		if (bytesRead === 0) return;
		yield buffer.subarray(0, bytesRead);
		at += bytesRead;
	}
}

async function* slices(bytes: Buffer): AsyncGenerator<Buffer> {
	for (let at = 0; at < bytes.length; at += 1 << 16) yield bytes.subarray(at, at + (1 << 16));
}

async function wholeFile(chunks: Chunks): Promise<Buffer> {
	const parts: Uint8Array[] = [];
	let size = 0;
	for await (const chunk of chunks) {
		size += chunk.length;
		if (size > LIMIT_SEARCH) break;
		parts.push(chunk);
	}
	return Buffer.concat(parts);
}
