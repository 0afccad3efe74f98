/**
 * Reading a tar stream entry by entry, with the checks that make it whole.
 *
 * Owns: tar-stream (the library that parses), entry types, the end-of-archive mark, the sha256 of each file.
 * Leaves to others: which names are allowed and where the entries go.
 */

import { createHash } from "node:crypto";
import { once } from "node:events";
import { type Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { extract, type Header } from "tar-stream";
import { KsquashError } from "../errors.ts";
import type { ListEntry } from "../system/list.ts";
import { printable } from "../system/names.ts";

export interface TarEntry {
	/** As the archive has it, without "./" in front and "/" behind; "" for the top. */
	path: string;
	type: ListEntry["type"] | "hardlink";
	mode: number;
	size: number;
	mtime: number;
	device: readonly [number, number];
	/** For a symlink its text, for a hard link the path of the entry that it repeats. */
	target: string | undefined;
	/** Extended attributes (SCHILY.xattr.*), security.* left out. */
	xattrs: string[];
}

/** Takes the bytes of an entry; awaited before the next ones come. */
export type BodySink = (chunk: Uint8Array) => Promise<void> | void;

export interface TarVisitor {
	/** Called for each entry before its body; what it returns gets the body of a file. */
	entry(entry: TarEntry): Promise<BodySink | undefined> | BodySink | undefined;
	/** Called when a file's body is through, with its sha256 in hex. */
	end(entry: TarEntry, sha256: string | undefined): Promise<void> | void;
}

const types: Readonly<Record<string, TarEntry["type"]>> = {
	file: "f",
	"contiguous-file": "f",
	directory: "d",
	symlink: "l",
	link: "hardlink",
	"character-device": "c",
	"block-device": "b",
	fifo: "p",
};

/**
 * Reads the whole stream. Throws ERR_KSQUASH_TARBALL when it is damaged, cut off (no end-of-archive mark), or has
 * an entry of a type that ksquash does not know; `from` names the archive in the message.
 */
export async function readTar(stream: Readable, visitor: TarVisitor, from: string): Promise<void> {
	const tail = new TailCheck();
	const parser = extract();
	const fed = pipeline(stream, tail, parser as unknown as NodeJS.WritableStream);
	fed.catch(() => undefined);
	let theirs: { error: unknown } | undefined;
	/** What the visitor throws is its own business; everything else is the archive's fault. */
	const visit = async <T>(call: () => Promise<T> | T): Promise<T> => {
		try {
			return await call();
		} catch (error) {
			theirs = { error };
			throw error;
		}
	};
	try {
		for await (const body of parser) {
			const entry = toEntry(body.header, from);
			const sink = await visit(() => visitor.entry(entry));
			const hash = entry.type === "f" ? createHash("sha256") : undefined;
			for await (const chunk of body as AsyncIterable<Uint8Array>) {
				hash?.update(chunk);
				const wait = sink?.(chunk);
				if (wait !== undefined) await visit(() => wait);
			}
			await visit(() => visitor.end(entry, hash?.digest("hex")));
		}
		await fed;
	} catch (error) {
		stream.destroy();
		if (theirs !== undefined) throw theirs.error;
		if (error instanceof KsquashError || (error as Error).name === "AbortError") throw error;
		throw new KsquashError("ERR_KSQUASH_TARBALL", `${from} is damaged: ${(error as Error).message}`, { cause: error });
	}
	if (!tail.ended) throw new KsquashError("ERR_KSQUASH_TARBALL", `${from} is cut off: it has no end-of-archive mark`);
}

function toEntry(header: Header, from: string): TarEntry {
	const type = types[header.type ?? ""];
	if (type === undefined) {
		throw new KsquashError("ERR_KSQUASH_TARBALL", `${from}: ${printable(header.name)} is of an unknown type`);
	}
	const pax = (header.pax ?? {}) as Readonly<Record<string, string>>;
	const seconds = pax.mtime === undefined ? (header.mtime?.getTime() ?? 0) / 1000 : Number.parseFloat(pax.mtime);
	return {
		path: header.name
			.replace(/^(?:\.\/+)+/, "")
			.replace(/\/+$/, "")
			.replace(/^\.$/, ""),
		type,
		mode: (header.mode ?? 0) & 0o7777,
		size: type === "f" ? (header.size ?? 0) : 0,
		mtime: Math.floor(seconds),
		device: [header.devmajor ?? 0, header.devminor ?? 0],
		target: header.linkname ?? undefined,
		xattrs: Object.keys(pax)
			.filter((key) => key.startsWith("SCHILY.xattr.") && !key.startsWith("SCHILY.xattr.security."))
			.map((key) => key.slice("SCHILY.xattr.".length)),
	};
}

/** Writes to a stream and waits where it is full; for sinks. */
export async function write(stream: NodeJS.WritableStream, chunk: Uint8Array): Promise<void> {
	if (!stream.write(chunk)) await once(stream as never, "drain");
}

/** POSIX ends an archive with two zero blocks; a stream that was cut at an entry's end lacks them. */
class TailCheck extends Transform {
	#zeros = 0;

	get ended(): boolean {
		return this.#zeros >= 1024;
	}

	override _transform(chunk: Buffer, _: BufferEncoding, done: (error: Error | null, data: Buffer) => void): void {
		let i = chunk.length;
		const floor = Math.max(0, i - 1024);
		while (i > floor && chunk[i - 1] === 0) i--;
		this.#zeros = i === 0 ? this.#zeros + chunk.length : chunk.length - i;
		done(null, chunk);
	}
}
