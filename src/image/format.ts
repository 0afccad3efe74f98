/**
 * What an image format is, and the presets by name.
 *
 * Owns: the interface between packing and a format's tools. Leaves to others: each format (squashfs.ts, erofs.ts).
 */

import type { ImageInfo, TreeList } from "../native/verbs.ts";

/** Those that Linux can mount; mksquashfs's "lzma" is none of them, mkfs.erofs's is. */
export type Compressor = "gzip" | "lzo" | "lz4" | "xz" | "zstd" | "lz4hc" | "lzma" | "deflate";

export type FormatName = ImageInfo["format"];

/** squashfs's. */
export const compressors: readonly Compressor[] = ["gzip", "lzo", "lz4", "xz", "zstd"];

export interface Compression {
	compressor: Compressor;
	/** Bytes: a power of two from 4 KiB to 1 MiB; of EROFS the physical cluster. */
	blockSize: number;
	/** Options of the compressor, as the tool takes them. */
	options: readonly string[];
}

export type PresetName = "smallest" | "balanced" | "fast";

export interface Preset extends Compression {
	/** One line for a person. */
	about: string;
	/** Image bytes per byte of source, measured on linux-source-6.1, for the estimate of space. */
	ratio: number;
}

/** squashfs's. */
export const presets: Readonly<Record<PresetName, Preset>> = {
	smallest: {
		about: "xz, blocks of 1 MiB, dictionary 100 %: the smallest image, slow to pack and to read at random",
		compressor: "xz",
		blockSize: 1 << 20,
		options: ["-Xdict-size", "100%"],
		ratio: 0.122,
	},
	balanced: {
		about: "zstd level 9, blocks of 256 KiB: a quarter larger, packed and read about ten times faster",
		compressor: "zstd",
		blockSize: 256 << 10,
		options: ["-Xcompression-level", "9"],
		ratio: 0.153,
	},
	fast: {
		about: "zstd level 3, blocks of 128 KiB: the quickest to pack",
		compressor: "zstd",
		blockSize: 128 << 10,
		options: ["-Xcompression-level", "3"],
		ratio: 0.175,
	},
};

/** For options that a person chose: no format stores a kernel tree in more than this. */
export const WORST_RATIO = 0.4;

export interface WriteRequest {
	/** A tree, or undefined for a tar stream. */
	tree?: string;
	/** Paths in the tree that stay out, with all below them; no blank or special sign in them. */
	exclude?: readonly string[];
	/** The image to make; it must not exist. */
	output: string;
	compression: Compression;
	/** Further options of the format's own tool, passed through. */
	extra: readonly string[];
	/** The top directory's permission bits and time; whole seconds since 1970. The image's own time is the same. */
	top: { mode: number; mtime: number };
	/**
	 * A tar only: no entry is newer than the top. Then SOURCE_DATE_EPOCH, which mksquashfs clamps all times to, gives
	 * the top its own time; 4.5.1 ignores -root-time for a tar.
	 */
	topIsNewest?: boolean;
	/** Whether any entry has extended attributes that are kept. */
	xattrs: boolean;
	jobs?: number | undefined;
	/** Bytes. */
	memory?: number | undefined;
	/** Whatever else runs comes first. */
	nice?: boolean | undefined;
	signal?: AbortSignal | undefined;
	/** Bytes of source that were read so far. */
	onRead?: ((bytes: number) => void) | undefined;
}

export interface WriteResult {
	/** The tool's name and version, e.g. "mksquashfs 4.5.1". */
	tool: string;
	/** Its whole argument list. */
	args: string[];
}

export interface StreamWriter {
	/** Takes a plain tar. */
	input: NodeJS.WritableStream;
	finished: Promise<WriteResult>;
}

export interface ImageTools {
	/** Name and version, e.g. "mksquashfs 4.5.1". */
	tool: string;
	/** [4, 5, 1] */
	version: readonly number[];
	/** Packs a tar stream, so that a tarball needs no extraction. */
	readsTar: boolean;
	/** Where it does not: a second tool that does, with its version, e.g. "tar2sqfs 1.2.0". */
	tarTool?: string;
	compressors: readonly string[];
}

export interface ImageFormat {
	name: FormatName;
	compressors: readonly Compressor[];
	/** As far as this tool can make them. */
	presets(tools: ImageTools): Readonly<Record<PresetName, Preset>>;
	/** Throws ERR_KSQUASH_TOOL_MISSING. */
	tools(): Promise<ImageTools>;
	/** How a tar stream is packed: by the tool itself, by the second one, or extracted into a scratch directory. */
	streamsBy(tools: ImageTools, request: Pick<WriteRequest, "compression" | "extra">): "tool" | "tarTool" | "extraction";
	writeTree(tools: ImageTools, request: WriteRequest): Promise<WriteResult>;
	writeStream(tools: ImageTools, request: WriteRequest): StreamWriter;
	inspect(image: string): Promise<ImageInfo>;
	/** Reads the image back in user space, where nothing can be mounted. */
	readBack(image: string, options: { signal?: AbortSignal | undefined }): Promise<TreeList>;
}
