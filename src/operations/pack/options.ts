/**
 * What a caller may ask of pack, and what becomes of it: preset, compression, processors, memory, space.
 *
 * Owns: the defaults and the checks before any work. Leaves to others: the tool's own arguments (src/image).
 */

import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { KsquashError } from "../../errors.ts";
import {
	type Compression,
	type ImageFormat,
	type ImageTools,
	type PresetName,
	WORST_RATIO,
} from "../../image/format.ts";
import type { Options } from "../../options/types.ts";
import type { Context } from "../../release/context.ts";
import { lstatIfExists } from "../../system/files.ts";
import { option, type Text, text } from "../../text.ts";
import type { ImageOptions } from "./write.ts";

export type PackOptions = Options<"pack">;

export interface ResolvedOptions extends ImageOptions {
	preset: PresetName | "custom";
	/** Image bytes per byte of source, for the estimate. */
	ratio: number;
	/** Memory is short. */
	frugal: boolean;
}

/** Throws ERR_KSQUASH_USAGE, or ERR_KSQUASH_TOOL_MISSING when mksquashfs lacks the compressor. */
export function resolveOptions(
	context: Context,
	format: ImageFormat,
	tools: ImageTools,
	options: PackOptions,
): ResolvedOptions {
	const preset = format.presets(tools)[options.preset ?? context.settings.preset ?? "balanced"];
	const custom = options.compressor !== undefined || options.blockSize !== undefined || !!options.toolOptions?.length;
	const own = options.compressor === undefined || options.compressor === preset.compressor;
	const compression: Compression = {
		compressor: options.compressor ?? preset.compressor,
		blockSize: options.blockSize ?? preset.blockSize,
		options: own ? preset.options : [],
	};
	const { blockSize, compressor } = compression;
	if (!format.compressors.includes(compressor)) {
		const known = format.compressors.join(", ");
		throw new KsquashError("ERR_KSQUASH_USAGE", `${compressor} is none of ${format.name}'s: ${known}`);
	}
	if (blockSize < 4096 || blockSize > 1 << 20 || (blockSize & (blockSize - 1)) !== 0) {
		throw new KsquashError("ERR_KSQUASH_USAGE", `a block size of ${blockSize} is no power of two from 4K to 1M`);
	}
	if (!tools.compressors.includes(compressor)) {
		const has = tools.compressors.join(", ");
		throw new KsquashError("ERR_KSQUASH_TOOL_MISSING", `${tools.tool} was built without ${compressor} (it has ${has})`);
	}
	if (format.name !== "squashfs" && options.toolOptions?.length) {
		throw new KsquashError(
			"ERR_KSQUASH_USAGE",
			text`options for mksquashfs itself (${option("toolOptions")}) are none of ${format.name}'s`,
		);
	}
	assertToolOptions(options.toolOptions ?? []);
	return {
		preset: custom ? "custom" : (options.preset ?? context.settings.preset ?? "balanced"),
		ratio: custom ? WORST_RATIO : preset.ratio,
		compression,
		extra: options.toolOptions ?? [],
		jobs: options.jobs ?? context.settings.jobs,
		...memoryFor(options.memory),
		nice: options.nice,
	};
}

const complete = "every entry of the source must be in the image as it is, or the proof fails";

/** These would make an image that cannot be mounted or proved, write into another one, or have an option of ours. */
const refused: Readonly<Record<string, string | Text>> = {
	"-comp": text`give ${option("compressor")}`,
	"-b": text`give ${option("blockSize")}`,
	"-processors": text`give ${option("jobs")}`,
	"-mem": text`give ${option("memory")}`,
	"-mem-percent": text`give ${option("memory")}`,
	"-noappend": "ksquash always writes a new image",
	"-recover": "ksquash always writes a new image",
	"-recovery-path": "ksquash always writes a new image",
	"-e": complete,
	"-ef": complete,
	"-wildcards": complete,
	"-regex": complete,
	"-one-file-system": complete,
	"-p": complete,
	"-pf": complete,
	"-all-time": complete,
	"-inode-time": complete,
	"-root-becomes": complete,
	"-keep-as-directory": complete,
	"-root-mode": complete,
	...Object.fromEntries(["-root-uid", "-root-gid", "-force-uid", "-force-gid"].map((name) => [name, complete])),
	"-mkfs-time": "it is the source's own time",
	"-fstime": "it is the source's own time",
	"-root-time": "it is the source's own time",
	"-nopad": "an unpadded image cannot be mounted through a loop device",
	"-append": "ksquash always writes a new image",
	"-offset": "an image that begins elsewhere cannot be mounted",
	"-o": "an image that begins elsewhere cannot be mounted",
	"-tar": "ksquash chooses the way the source is read",
	"-cpiostyle": "ksquash chooses the way the source is read",
};

function assertToolOptions(options: readonly string[]): void {
	for (const word of options) {
		// -action and its three kinds, -log-action, -action-file …: they choose what goes in.
		const why = Object.hasOwn(refused, word) ? refused[word] : /^-.*action\b/.test(word) ? complete : undefined;
		if (why) throw new KsquashError("ERR_KSQUASH_USAGE", text`mksquashfs ${word} is refused: ${why}`);
	}
}

/**
 * mksquashfs takes a quarter of the whole memory by default; on a small machine, or in a cgroup, that is not free.
 * What it is given are its queues and caches: 16 MiB of them cost no time (linux-source-6.12; xz: a part of it), and what its
 * compressors hold comes on top, 100 MB with both processors at work. Node and the proof want another 150 MB.
 * Below 1 GiB xz, too, is held to one thread: each keeps a block of its own, 25 MiB and more.
 */
function memoryFor(asked: number | undefined): { memory: number; frugal: boolean } {
	// MemAvailable, or what the cgroup's limit leaves.
	const available = process.availableMemory();
	const frugal = available < 1 << 30;
	const share = Math.min(Math.max(available / (frugal ? 16 : 4), 16 << 20), 1 << 30);
	return { memory: asked ?? share, frugal };
}

/** Of a scratch directory, by byte of source: small files take more room on a file system than in a tar. */
export const SCRATCH_RATIO = 1.2;

/** The directory, or, before it is made, the one above it that is there. */
async function nearest(directory: string): Promise<string> {
	let path = directory;
	while ((await lstatIfExists(path)) === undefined && path !== dirname(path)) path = dirname(path);
	return path;
}

/**
 * Throws ERR_KSQUASH_NO_SPACE before any work, saying how much is missing. `bytes`: of the source, unpacked;
 * `entries`: files and directories that a scratch directory will hold.
 */
export async function assertSpace(context: Context, bytes: number, ratio: number, entries = 0): Promise<void> {
	const { sourceDir } = context.layout;
	const { bavail, bsize, files, ffree } = await statfs(await nearest(sourceDir));
	// btrfs and others make inodes as they are wanted, and say 0.
	if (files > 0 && ffree < entries) {
		const why = `${sourceDir} has ${ffree} inodes free; a scratch directory needs about ${entries}`;
		throw new KsquashError("ERR_KSQUASH_NO_SPACE", why, { path: sourceDir });
	}
	const need = Math.ceil(bytes * ratio * 1.1) + (1 << 20);
	const have = bavail * bsize;
	if (have >= need) return;
	const mib = (n: number): string => `${Math.ceil(n / (1 << 20))} MiB`;
	throw new KsquashError(
		"ERR_KSQUASH_NO_SPACE",
		`${sourceDir} has ${mib(have)} free; the image needs about ${mib(need)}: ${mib(need - have)} are missing`,
		{ path: sourceDir },
	);
}
