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
import { Handover, type Step } from "../../release/plan.ts";
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
	/** Where the image will lie, and by which preset: for a person. */
	target: string;
	preset: string;
}

/** What a dry run says of the two steps that make an image. */
export function imageLines(from: string, { tools, options, target, preset }: Writing): [pack: string, prove: string] {
	const how = `${preset}: ${options.compression.compressor}, ${tools.tool}`;
	return [`pack ${from} into ${target} (${how})`, "prove the image equal to its source, every entry and byte"];
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

/** pack and prove. */
export function treeImageSteps(
	context: Context,
	tree: KernelTree,
	writing: Writing,
	image: Handover<WrittenImage>,
): [pack: Step, prove: Step] {
	const leftOut = writing.leftOut?.length ?? 0;
	const { temporary, tools, options, total, format, called = tree.path } = writing;
	const made = new Handover<{ written: WriteResult; info: ImageInfo }>();
	const proved = new Handover<Proof>();
	const [packing, proving] = imageLines(called, writing);
	const pack = async (tick: Tick): Promise<void> => {
		const written = await format.writeTree(tools, {
			...options,
			tree: tree.path,
			exclude: [...tree.versionControl, ...(writing.leftOut ?? [])],
			output: temporary,
			top: { mode: tree.mode, mtime: tree.mtime },
			xattrs: true,
			signal: context.signal,
			onRead: (done) => tick({ done: Math.min(done, total ?? done), unit: "bytes", ...(total ? { total } : {}) }),
		});
		made.set({ written, info: await settle(format, temporary) });
	};
	const prove = async (tick: Tick): Promise<void> => {
		const proof = await proveTree({
			format,
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
		proved.set(proof);
		image.set({ temporary, ...made.get(), proof, release: writing.release ?? tree.release, leftOut });
	};
	return [
		{ name: "pack", say: [packing], lasts: false, label: `pack ${called} with ${tools.tool}`, run: pack },
		{
			name: "prove",
			say: [proving],
			lasts: false,
			label: `compare the image with ${called}`,
			run: prove,
			result: () => equal(proved.get()),
		},
	];
}

/** pack and prove. */
export function tarballImageSteps(
	context: Context,
	tarball: Tarball,
	writing: Writing,
	image: Handover<WrittenImage>,
): [pack: Step, prove: Step] {
	const { format, temporary, tools, options, mountable, trust } = writing;
	const way = format.streamsBy(tools, options);
	if (way === "extraction") {
		const what = `${tools.tool} reads no tar stream, which came with version ${format.name === "erofs" ? "1.8" : "4.5"}`;
		context.warn(`${what}: ${tarball.path} is extracted into a scratch directory beside the image first`);
	}
	const made = new Handover<{ content: TarballContent; result: WriteResult; info: ImageInfo }>();
	const [packing, proving] = imageLines(tarball.path, writing);
	const pack = async (tick: Tick): Promise<void> => {
		const streamed = await streamOnce(context, tarball, writing, tick);
		made.set({ ...streamed, info: await settle(format, temporary) });
		if (streamed.content.inOrder || way === "extraction") return;
		const why = `${tarball.path} does not hold the files of a directory in the order of their names`;
		context.warn(`${why}: its image is slow to compare and to read (tar --sort=name makes a tarball that does)`);
	};
	const prove = async (tick: Tick): Promise<void> => {
		const { content, result: written, info } = made.get();
		const proof = await proveList({
			format,
			image: temporary,
			source: content.list,
			from: tarball.path,
			mountable,
			signal: context.signal,
			onProgress: ({ bytes }) => tick({ done: bytes, total: content.list.bytes, unit: "bytes" }),
		});
		const origin = { ...ofTarball(content), ...(way === "extraction" ? { way: "extracted" as const } : {}) };
		image.set({ temporary, info, proof, written, release: content.release, origin });
	};
	const signed = (): string => {
		const { signed: by } = made.get().content;
		return `the ${by?.of} is signed by ${by?.signer}`;
	};
	return [
		{
			name: "pack",
			say: [packing],
			lasts: false,
			label: `pack ${tarball.path} with ${way === "tarTool" ? tools.tarTool : tools.tool}`,
			run: pack,
			...(trust?.signature === undefined ? {} : { result: signed }),
		},
		{
			name: "prove",
			say: [proving],
			lasts: false,
			label: `compare the image with what came from ${tarball.path}`,
			run: prove,
			result: () => equal(image.get().proof),
		},
	];
}

async function streamOnce(
	context: Context,
	tarball: Tarball,
	writing: Writing,
	tick: Tick,
): ReturnType<typeof streamImage> {
	const onProgress = (done: number): void => tick({ done, total: tarball.bytes, unit: "bytes" });
	try {
		return await streamImage(context, tarball, writing, onProgress, true);
	} catch (error) {
		// Rare: kernel tarballs have one time for all, or a top that was made last. Only the top's own time is lost.
		if (!(error instanceof NewerThanTop)) throw error;
		await unlinkIfExists(writing.temporary);
		return await streamImage(context, tarball, writing, onProgress, false);
	}
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
