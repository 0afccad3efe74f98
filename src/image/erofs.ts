/**
 * EROFS by mkfs.erofs: its arguments by version, its images read back by fsck.erofs.
 *
 * Owns: what mkfs.erofs is told. 1.5 (Debian 12) has lz4 only and reads no tar; lzma came with 1.6, deflate with 1.7,
 * zstd and compression of a tar with 1.8. Leaves to others: when an image is trusted (proof.ts).
 */

import { mkdir } from "node:fs/promises";
import { KsquashError } from "../errors.ts";
import { inspectImage, listTree, removeTree, type TreeList } from "../native/verbs.ts";
import { cleanEnvironment, run, start } from "../process/run.ts";
import { attempt, toolFailure } from "../system/failure.ts";
import { temporaryName } from "../system/files.ts";
import {
	type ImageFormat,
	type ImageTools,
	type Preset,
	type PresetName,
	type StreamWriter,
	presets as squashfsPresets,
	type WriteRequest,
	type WriteResult,
} from "./format.ts";
import { watchReads } from "./progress.ts";
import { writeByExtraction } from "./tar-writers.ts";

const TOOL = "mkfs.erofs";

/** Image bytes per byte of source, estimated from a sixth of linux-source-6.1 beside squashfs's own presets. */
const packed: Readonly<Record<PresetName, readonly Omit<Preset, "about">[]>> = {
	smallest: [
		{ compressor: "lzma", blockSize: 1 << 20, options: ["level=9", "-Eall-fragments"], ratio: 0.12 },
		{ compressor: "zstd", blockSize: 256 << 10, options: ["level=15"], ratio: 0.145 },
		{ compressor: "lz4hc", blockSize: 64 << 10, options: ["level=12"], ratio: 0.23 },
	],
	balanced: [
		{ compressor: "zstd", blockSize: 128 << 10, options: ["level=9"], ratio: 0.155 },
		{ compressor: "lz4hc", blockSize: 64 << 10, options: ["level=9"], ratio: 0.23 },
	],
	fast: [
		{ compressor: "zstd", blockSize: 64 << 10, options: ["level=3"], ratio: 0.18 },
		{ compressor: "lz4", blockSize: 64 << 10, options: [], ratio: 0.3 },
	],
};

export const erofs: ImageFormat = {
	name: "erofs",
	compressors: ["lz4", "lz4hc", "lzma", "deflate", "zstd"],
	presets,
	tools,
	streamsBy: ({ readsTar }) => (readsTar ? "tool" : "extraction"),
	writeTree,
	writeStream,
	inspect: async (image) =>
		await attempt(`use the image ${image}`, inspectImage(image), { code: "ERR_KSQUASH_IMAGE", path: image }),
	readBack,
};

/** The first of each that this mkfs.erofs has. */
function presets({ compressors }: ImageTools): Readonly<Record<PresetName, Preset>> {
	const choose = (name: PresetName): Preset => {
		const [last] = packed[name].slice(-1);
		const found = packed[name].find(({ compressor }) => compressors.includes(compressor)) ?? last;
		return { ...squashfsPresets[name], ...found };
	};
	return { smallest: choose("smallest"), balanced: choose("balanced"), fast: choose("fast") };
}

async function tools(): Promise<ImageTools> {
	// 1.5 says its version before its usage, newer ones by -V; both end with the compressors.
	const { lines } = await run(TOOL, ["--help"], { stdout: "collect", okStatus: [0, 1] });
	const said = await run(TOOL, ["--version"], { stdout: "collect", okStatus: [0, 1] });
	const text = [...lines, ...said.lines].join("\n");
	const version = /mkfs\.erofs (?:\(erofs-utils\) )?(\d+)\.(\d+)(?:\.(\d+))?/.exec(text)?.slice(1);
	const compressors = /^available compressors(?: are)?: (.*)$/im.exec(text)?.[1]?.split(/,\s*/) ?? [];
	if (version === undefined || compressors.length === 0) {
		throw new KsquashError("ERR_KSQUASH_TOOL_FAILED", `${TOOL} names no version or no compressor`, {
			notes: lines.slice(0, 5),
		});
	}
	const numbers = version.map((part) => Number(part ?? 0));
	return {
		tool: `${TOOL} ${version.filter((part) => part !== undefined).join(".")}`,
		version: numbers,
		// By the same version -T can leave the files' own times alone, which a stream needs: its newest comes last.
		readsTar: isNew(numbers) && text.includes("--mkfs-time"),
		compressors: compressors.map((name) => name.trim()),
	};
}

/** 1.8: levels by name, a tar that is compressed, workers. */
function isNew([major = 0, minor = 0]: readonly number[]): boolean {
	return major > 1 || (major === 1 && minor >= 8);
}

/** Exported for tests: all but source and image. */
export function erofsOptions(
	{ version, readsTar }: Pick<ImageTools, "version" | "readsTar">,
	request: WriteRequest,
): string[] {
	const { compression, top, exclude = [] } = request;
	const level = compression.options.find((option) => option.startsWith("level="));
	const shown = isNew(version) ? level : level?.slice("level=".length);
	const time = top.mtime.toString(16).padStart(12, "0");
	return [
		`-z${compression.compressor}${shown === undefined ? "" : `,${shown}`}`,
		`-C${compression.blockSize}`,
		...compression.options.filter((option) => option !== level),
		...(readsTar ? [`-T${top.mtime}`, "--mkfs-time"] : []),
		"--preserve-mtime",
		// Else it is drawn by lot: equal input gives equal bytes.
		`-U00000000-0000-4000-8000-${time}`,
		"--all-root",
		"--quiet",
		...(request.xattrs ? [] : ["-x-1"]),
		...(isNew(version) && request.jobs !== undefined ? [`--workers=${request.jobs}`] : []),
		...exclude.map((path) => `--exclude-path=${path}`),
	];
}

async function writeTree(own: ImageTools, request: WriteRequest): Promise<WriteResult> {
	const args = [...erofsOptions(own, request), request.output, request.tree ?? "."];
	// execve(2) takes 128 KiB an argument and about 2 MiB in all.
	if (args.join(" ").length > 1 << 20) {
		const why = `${TOOL} takes no list of files to leave out, and there are too many for its arguments`;
		throw new KsquashError("ERR_KSQUASH_TREE_UNSUITABLE", why, { hint: "pack this tree as squashfs" });
	}
	// Without --mkfs-time, -T is every file's time; the epoch is that only of what is newer.
	const epoch: Record<string, string> = own.readsTar ? {} : { SOURCE_DATE_EPOCH: String(await newestIn(request)) };
	const env = { ...cleanEnvironment(), ...epoch };
	const child = start(TOOL, args, { env, signal: request.signal, nice: request.nice, stdout: "lines" });
	const stop = watchReads(child.pid, request.onRead);
	try {
		await child.finished;
	} catch (error) {
		throw toolFailure(error, request.output);
	} finally {
		stop();
	}
	return { tool: own.tool, args };
}

/** Seconds since 1970: the newest time of what is packed. */
async function newestIn({ tree = ".", exclude = [], top, signal }: WriteRequest): Promise<number> {
	const out = new Set(exclude);
	let newest = top.mtime;
	const onLine = (line: string): void => {
		const [, time = "0", path = ""] = /^(\d+) (.*)$/.exec(line) ?? [];
		const parts = path.split("/");
		if (!parts.some((_, i) => out.has(parts.slice(0, i + 1).join("/")))) newest = Math.max(newest, Number(time));
	};
	await run("find", [tree, "-mindepth", "1", "-printf", "%Ts %P\\n"], { signal, stdout: "lines", onLine });
	return newest;
}

function writeStream(own: ImageTools, request: WriteRequest): StreamWriter {
	if (!own.readsTar) return writeByExtraction(request, async (tree) => await writeTree(own, tree));
	const args = [...erofsOptions(own, request), "--tar=f", request.output];
	const { signal, nice } = request;
	const child = start(TOOL, args, { signal, nice, stdin: "pipe", stdout: "lines" });
	// The stream has no entry for the top, which would be 0777 then.
	child.stdin.write(topEntry(request.top));
	const finished = child.finished.then(
		() => ({ tool: own.tool, args }),
		(error: unknown) => {
			throw toolFailure(error, request.output);
		},
	);
	finished.catch(() => undefined);
	return { input: child.stdin, finished };
}

/** A ustar header of the directory "./". pax(1), "ustar Interchange Format". */
function topEntry({ mode, mtime }: WriteRequest["top"]): Buffer {
	const header = Buffer.alloc(512);
	const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, "0")}\0`;
	header.write("./", 0);
	header.write(octal(mode, 7) + octal(0, 7) + octal(0, 7) + octal(0, 11) + octal(mtime, 11), 100);
	header.write("        5", 148);
	header.write("ustar\x0000", 257);
	header.write(
		`${octal(
			header.reduce((sum, byte) => sum + byte, 0),
			6,
		)} `,
		148,
	);
	return header;
}

/** Extracted beside the image, listed, and removed: fsck.erofs streams nothing. */
async function readBack(image: string, { signal }: { signal?: AbortSignal | undefined }): Promise<TreeList> {
	const directory = temporaryName(image);
	await attempt(`make ${directory}`, mkdir(directory, { mode: 0o700 }));
	try {
		const args = [`--extract=${directory}`, "--overwrite", image];
		await run("fsck.erofs", args, { signal, stdout: "lines" }).catch((error: unknown) => {
			throw toolFailure(error, directory);
		});
		return await attempt(`read ${directory}`, listTree({ tree: directory, signal }));
	} finally {
		await attempt(`remove ${directory}`, removeTree({ path: directory }));
	}
}
