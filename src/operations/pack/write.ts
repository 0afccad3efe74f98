/**
 * From a source to a temporary image that is on disk and proved equal to it.
 *
 * Owns: the temporary image's life: made here, removed here when anything fails.
 * Leaves to others: the place it gets (publish.ts) and the source's fate (replace.ts).
 */

import { chmod } from "node:fs/promises";
import type { ImageFormat, ImageTools, WriteRequest, WriteResult } from "../../image/format.ts";
import type { Origin } from "../../image/manifest.ts";
import { type Proof, proveList, proveTree } from "../../image/proof.ts";
import { flushFile, type ImageInfo } from "../../native/verbs.ts";
import type { Context, Tick } from "../../release/context.ts";
import { NewerThanTop } from "../../source/repack.ts";
import type { Tarball, TarballContent } from "../../source/tarball.ts";
import { assertSameTree, type KernelTree, VERSION_CONTROL } from "../../source/tree.ts";
import { attempt } from "../../system/failure.ts";
import { unlinkIfExists } from "../../system/files.ts";
import { streamInto } from "./stream.ts";
import type { Trust } from "./trust.ts";

export interface WrittenImage {
	temporary: string;
	info: ImageInfo;
	proof: Proof;
	written: WriteResult;
	release: string;
	/** How many paths of a tree stayed out. */
	leftOut?: number;
	/** What is known of the source, and of the way from there. */
	origin?: Partial<Origin>;
}

export interface ImageOptions extends Pick<WriteRequest, "compression" | "extra" | "jobs" | "memory" | "nice"> {
	/** Memory is short. */
	frugal: boolean;
}

export interface Writing {
	temporary: string;
	format: ImageFormat;
	tools: ImageTools;
	options: ImageOptions;
	mountable: boolean;
	/** Overrides the source's own release. */
	release?: string | undefined;
	/** Bytes to read in all, where known. */
	total?: number;
	/** What a tarball must be. */
	trust?: Trust;
	/** Paths of a tree that was built in, which stay out. */
	leftOut?: readonly string[];
	/** What the tree is called, where its path says nothing to a person. */
	called?: string;
}

/** Runs `work` on a temporary image; whatever goes wrong, it is gone afterwards. */
export async function withTemporary<T>(temporary: string, work: () => Promise<T>): Promise<T> {
	// Left by a run that was killed: its lock was free, and ours is held.
	await unlinkIfExists(temporary);
	try {
		return await work();
	} finally {
		// A failed undo never hides the first error; the next run finds what stays.
		await unlinkIfExists(temporary).catch(() => false);
	}
}

export async function writeFromTree(context: Context, tree: KernelTree, writing: Writing): Promise<WrittenImage> {
	const leftOut = writing.leftOut?.length ?? 0;
	const { temporary, tools, options, total, called = tree.path } = writing;
	const written = await context.step("pack", `pack ${called} with ${tools.tool}`, async (tick) => {
		return await writing.format.writeTree(tools, {
			...options,
			tree: tree.path,
			exclude: [...tree.versionControl, ...(writing.leftOut ?? [])],
			output: temporary,
			top: { mode: tree.mode, mtime: tree.mtime },
			xattrs: true,
			signal: context.signal,
			onRead: (done) => tick({ done: Math.min(done, total ?? done), unit: "bytes", ...(total ? { total } : {}) }),
		});
	});
	const info = await settle(writing.format, temporary);
	const label = `compare the image with ${called}`;
	const proof = await context.step(
		"prove",
		label,
		async (tick) => {
			const result = await proveTree({
				format: writing.format,
				image: temporary,
				tree: tree.path,
				exclude: VERSION_CONTROL,
				without: writing.leftOut,
				mountable: writing.mountable,
				jobs: options.jobs,
				signal: context.signal,
				onProgress: ({ bytes }) => tick({ done: bytes, unit: "bytes", ...(total ? { total } : {}) }),
			});
			await assertSameTree(tree);
			return result;
		},
		equal,
	);
	return { temporary, info, proof, written, release: writing.release ?? tree.release, leftOut };
}

export async function writeFromTarball(context: Context, tarball: Tarball, writing: Writing): Promise<WrittenImage> {
	const { temporary, tools } = writing;
	const way = writing.format.streamsBy(tools, writing.options);
	if (way === "extraction") {
		const what = `${tools.tool} reads no tar stream, which came with version ${writing.format.name === "erofs" ? "1.8" : "4.5"}`;
		context.warn(`${what}: ${tarball.path} is extracted into a scratch directory beside the image first`);
	}
	const label = `pack ${tarball.path} with ${way === "tarTool" ? tools.tarTool : tools.tool}`;
	const pack = async (tick: Tick): Promise<Awaited<ReturnType<typeof streamImage>>> => {
		const onProgress = (done: number): void => tick({ done, total: tarball.bytes, unit: "bytes" });
		try {
			return await streamImage(context, tarball, writing, onProgress, true);
		} catch (error) {
			// Rare: kernel tarballs have one time for all, or a top that was made last. Only the top's own time is lost.
			if (!(error instanceof NewerThanTop)) throw error;
			await unlinkIfExists(temporary);
			return await streamImage(context, tarball, writing, onProgress, false);
		}
	};
	const signed = ({ content }: { content: TarballContent }): string =>
		`the ${content.signed?.of} is signed by ${content.signed?.signer}`;
	const packed = await context.step("pack", label, pack, writing.trust?.signature && signed);
	const info = await settle(writing.format, temporary);
	const { content, result: written } = packed;
	if (!content.inOrder && way !== "extraction") {
		const why = `${tarball.path} does not hold the files of a directory in the order of their names`;
		context.warn(`${why}: its image is slow to compare and to read (tar --sort=name makes a tarball that does)`);
	}
	const origin = { ...ofTarball(content), ...(way === "extraction" ? { way: "extracted" as const } : {}) };
	const proof = await context.step(
		"prove",
		`compare the image with what came from ${tarball.path}`,
		async (tick) => {
			return await proveList({
				format: writing.format,
				image: temporary,
				source: content.list,
				from: tarball.path,
				mountable: writing.mountable,
				signal: context.signal,
				onProgress: ({ bytes }) => tick({ done: bytes, total: content.list.bytes, unit: "bytes" }),
			});
		},
		equal,
	);
	return { temporary, info, proof, written, release: content.release, origin };
}

/** From a tarball straight into an image; nothing is extracted where the tool reads tar. */
async function streamImage(
	context: Context,
	tarball: Tarball,
	{ temporary, format, tools, options, release, trust }: Writing,
	onProgress: (done: number) => void,
	topIsNewest: boolean,
): Promise<{ content: TarballContent; result: WriteResult }> {
	const { frugal, nice } = options;
	const unpacking = { release, onProgress, topIsNewest, frugal, nice, ...trust };
	return await streamInto(context, tarball, unpacking, (top, signal) => {
		return format.writeStream(tools, { ...options, output: temporary, xattrs: false, signal, top, topIsNewest });
	});
}

/** What a tarball's stream told of it. */
export function ofTarball({ sha256, signed }: TarballContent): Partial<Origin> {
	return { sha256, ...(signed ? { signed } : {}) };
}

/** On the device and out of the cache: what the proof reads is what the disk holds. */
async function settle(format: ImageFormat, temporary: string): Promise<ImageInfo> {
	const info = await format.inspect(temporary);
	// Whatever the umask: everybody may read a kernel's source.
	await attempt(`make ${temporary} readable`, chmod(temporary, 0o644));
	await attempt(`write ${temporary} to the disk`, flushFile(temporary));
	return info;
}

function equal(proof: Proof): string {
	return `${proof.entries} entries, all equal`;
}
