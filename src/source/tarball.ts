/**
 * A kernel tarball as a stream: decompressed by a process, stripped of its leading directory, its names checked.
 *
 * Owns: which tarballs are fit to pack, the release read on the way, the canonical list of what went through.
 * Leaves to others: where the rewritten tar goes (src/image) and the tar format itself (src/tar/tar.ts).
 */

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type Duplex, type Readable, Transform, type TransformCallback } from "node:stream";
import { KsquashError } from "../errors.ts";
import type { FileId, TreeList } from "../native/verbs.ts";
import { start } from "../process/run.ts";
import { attempt } from "../system/failure.ts";
import { fileId, lstatIfExists } from "../system/files.ts";
import { openInput } from "../system/input.ts";
import { readTar, type TarVisitor } from "../tar/tar.ts";
import { type Compression, compressionOf, decompressor } from "./compression.ts";
import { OrderWatch } from "./order.ts";
import { Repacker, type TopDirectory } from "./repack.ts";
import { assertSigned, SignatureCheck, type SignatureFiles, type Signed } from "./signature.ts";

export interface Tarball {
	path: string;
	id: FileId;
	mtimeNs: bigint;
	/** Bytes of the file as it lies on disk. */
	bytes: number;
	compression: Compression;
}

/** Says what kind of tarball this is. Throws ERR_KSQUASH_NO_INPUT, ERR_KSQUASH_NOT_A_KERNEL. */
export async function inspectTarball(path: string): Promise<Tarball> {
	const stats = await lstatIfExists(path);
	if (stats === undefined) throw new KsquashError("ERR_KSQUASH_NO_INPUT", `there is no ${path}`);
	const file = await openInput(path);
	try {
		const found = await file.stat({ bigint: true });
		if (!found.isFile()) throw new KsquashError("ERR_KSQUASH_NOT_A_KERNEL", `${path} is no regular file`);
		const head = Buffer.alloc(512);
		const { bytesRead } = await attempt(`read ${path}`, file.read(head, 0, 512, 0));
		const compression = compressionOf(head);
		if (compression === undefined && head.toString("latin1", 257, 262) !== "ustar") {
			const what =
				bytesRead === 0 ? "it is empty" : "it is neither a tar nor compressed by gzip, xz, bzip2, zstd or lz4";
			throw new KsquashError("ERR_KSQUASH_NOT_A_KERNEL", `${path} is no tarball: ${what}`);
		}
		return {
			path,
			id: fileId(found),
			mtimeNs: found.mtimeNs,
			bytes: Number(found.size),
			compression: compression ?? "none",
		};
	} finally {
		await file.close();
	}
}

export interface TarballContent {
	list: TreeList;
	release: string;
	/** Hex sha256 of the tarball file as it was read. */
	sha256: string;
	/** Whose signature it bears; undefined where none was asked for. */
	signed: Signed | undefined;
	/** The files of each directory came in the order of their names. */
	inOrder: boolean;
}

export interface Unpacking {
	signal?: AbortSignal | undefined;
	/** Overrides the tarball's own release. */
	release?: string | undefined;
	/** Called once, before anything is written to `out`, with the top directory's attributes. */
	onTop: (top: TopDirectory) => NodeJS.WritableStream;
	/** Throw NewerThanTop at the first entry that is newer than the top directory. */
	topIsNewest?: boolean;
	/** Memory is short: one thread decompresses. */
	frugal?: boolean | undefined;
	/** The decompressor gives way to everything else that runs. */
	nice?: boolean | undefined;
	/** What the tarball's sha256 must be; lower case hex. */
	sha256?: string | undefined;
	/** What must be signed: the tarball or the tar in it. */
	signature?: SignatureFiles | undefined;
	/** Bytes of the tarball that were read so far. */
	onProgress?: ((read: number) => void) | undefined;
}

/**
 * Streams the tarball once: into the stream that `onTop` gives goes a plain tar without the leading directory.
 * Nothing is extracted. Throws ERR_KSQUASH_TARBALL for what is unsafe or damaged, ERR_KSQUASH_NOT_A_KERNEL,
 * ERR_KSQUASH_CHECKSUM, ERR_KSQUASH_SIGNATURE: what went to `out` counts for nothing then.
 */
export async function streamTarball(tarball: Tarball, options: Unpacking): Promise<TarballContent> {
	const { signature, signal } = options;
	// A stream that is opened with it errs before anybody listens.
	signal?.throwIfAborted();
	const packed = tarball.compression !== "none";
	const checks = signature === undefined ? [] : [new SignatureCheck("file", signature, signal)];
	if (signature !== undefined && packed) checks.push(new SignatureCheck("tar", signature, signal));
	const [ofFile, ofTar] = checks;
	const file = createReadStream(tarball.path, { highWaterMark: 1 << 18, signal });
	const meter = new Meter(options.onProgress);
	const bytes = through([file, meter, ofFile]);
	const repacker = new Repacker(tarball.path, options.onTop, options.topIsNewest ?? false);
	const visitor = new OrderWatch(repacker);
	try {
		if (packed) await readPacked(tarball, bytes, ofTar, visitor, options);
		else await readTar(bytes, visitor, tarball.path);
		const list = await repacker.finish();
		const release = options.release ?? repacker.release();
		// The decompressor may stop before the file's last bytes: what is left is read for the hash.
		if (!bytes.readableEnded) for await (const _ of bytes);
		const sha256 = meter.digest();
		assertSha256(tarball.path, sha256, options.sha256);
		const signed = signature && (await assertSigned(checks, tarball.path, signature));
		return { list, release, sha256, signed, inOrder: visitor.inOrder };
	} catch (error) {
		// Where the decompressor was asked to end, the tar ends early: that is no fault of the tarball's.
		signal?.throwIfAborted();
		throw error;
	} finally {
		file.destroy();
		for (const check of checks) check.destroy();
	}
}

/** Throws ERR_KSQUASH_CHECKSUM unless they are the same or none is expected. */
export function assertSha256(path: string, found: string, expected: string | undefined): void {
	if (expected === undefined || found === expected) return;
	throw new KsquashError("ERR_KSQUASH_CHECKSUM", `${path} is not the file that was asked for: its sha256 is another`, {
		path,
		notes: [`asked for: ${expected}`, `the file:  ${found}`],
	});
}

/** One pipe of all that are there; an error at its begin comes out at its end. */
function through([first, ...rest]: readonly (Duplex | Readable | undefined)[]): Readable {
	return rest.reduce<Readable>((from, to) => {
		if (to === undefined) return from;
		from.once("error", (error) => to.destroy(error));
		return from.pipe(to as Duplex);
	}, first as Readable);
}

async function readPacked(
	{ compression, path }: Tarball,
	input: Readable,
	check: SignatureCheck | undefined,
	visitor: TarVisitor,
	{ frugal, nice, signal }: Unpacking,
): Promise<void> {
	const [tool, args] = decompressor(compression as Exclude<Compression, "none">, frugal ? "one" : "all");
	const child = start(tool, args, { input, signal, nice });
	await readTar(through([child.stdout, check]), visitor, path).catch(async (error: unknown) => {
		child.stdout.destroy();
		// A decompressor that was killed leaves a stream that ends early: that is no fault of the tarball's.
		throw (await killed(child.finished)) ?? error;
	});
	await decompressed(child.finished, path);
}

async function killed(finished: Promise<unknown>): Promise<KsquashError | undefined> {
	const reason: unknown = await finished.catch((error: unknown) => error);
	const by = reason instanceof KsquashError && reason.code === "ERR_KSQUASH_TOOL_FAILED" ? reason : undefined;
	// SIGPIPE: we ended it ourselves, by reading no further.
	if (by?.signal === undefined || by.signal === "SIGPIPE") return undefined;
	return new KsquashError(by.code, by.message, {
		cause: by,
		signal: by.signal,
		hint: "was it short of memory (dmesg)? Otherwise try again",
	});
}

async function decompressed(finished: Promise<unknown>, path: string): Promise<void> {
	try {
		await finished;
	} catch (error) {
		if (!(error instanceof KsquashError) || error.code !== "ERR_KSQUASH_TOOL_FAILED") throw error;
		throw new KsquashError("ERR_KSQUASH_TARBALL", `${path} is damaged: ${error.message}`, {
			cause: error,
			notes: error.notes,
		});
	}
}

/** Counts and hashes the tarball's own bytes. */
class Meter extends Transform {
	readonly #hash = createHash("sha256");
	readonly #report: ((read: number) => void) | undefined;
	#read = 0;

	constructor(report: ((read: number) => void) | undefined) {
		super();
		this.#report = report;
	}

	override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
		this.#hash.update(chunk);
		this.#read += chunk.length;
		this.#report?.(this.#read);
		done(null, chunk);
	}

	/** To be called at the end. */
	digest(): string {
		return this.#hash.digest("hex");
	}
}
