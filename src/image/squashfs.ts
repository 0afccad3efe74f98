/**
 * squashfs by mksquashfs: its arguments by version, its progress, its images read back by sqfs2tar.
 *
 * Owns: what mksquashfs is told. Leaves to others: when an image is trusted (src/image/proof.ts).
 */

import { KsquashError } from "../errors.ts";
import { inspectImage, type TreeList } from "../native/verbs.ts";
import { cleanEnvironment, run, start, which } from "../process/run.ts";
import { attempt, toolFailure } from "../system/failure.ts";
import { temporaryName, withHiddenFile } from "../system/files.ts";
import { ListBuilder, type ListEntry } from "../system/list.ts";
import { readTar, type TarEntry } from "../tar/tar.ts";
import {
	compressors,
	type ImageFormat,
	type ImageTools,
	presets,
	type StreamWriter,
	type WriteRequest,
	type WriteResult,
} from "./format.ts";
import { watchReads } from "./progress.ts";
import { tar2sqfsOptions, writeByExtraction, writeByTar2sqfs } from "./tar-writers.ts";

const TOOL = "mksquashfs";

export const squashfs: ImageFormat = {
	name: "squashfs",
	compressors,
	presets: () => presets,
	tools,
	streamsBy,
	writeTree,
	writeStream,
	inspect: async (image) =>
		await attempt(`use the image ${image}`, inspectImage(image), { code: "ERR_KSQUASH_IMAGE", path: image }),
	readBack,
};

async function tools(): Promise<ImageTools> {
	// Both calls answer by exit status 0 or 1, depending on the version.
	const { lines } = await run(TOOL, ["-version"], { stdout: "collect", okStatus: [0, 1] });
	const version = /mksquashfs version (\d+)\.(\d+)(?:\.(\d+))?/.exec(lines.join("\n"));
	if (version === null) {
		throw new KsquashError("ERR_KSQUASH_TOOL_FAILED", `${TOOL} -version printed no version: ${lines[0] ?? "nothing"}`);
	}
	const numbers = version.slice(1).map((part) => Number(part ?? 0));
	const help = await run(
		TOOL,
		[atLeast(numbers, 4, 7) ? "-help-comp" : "-help", ...(atLeast(numbers, 4, 7) ? ["all"] : [])],
		{
			stdout: "collect",
			okStatus: [0, 1],
		},
	);
	const names = ["gzip", "lzo", "lz4", "xz", "zstd", "lzma"];
	return {
		tool: `${TOOL} ${numbers.slice(0, numbers[2] === 0 ? 2 : 3).join(".")}`,
		version: numbers,
		readsTar: atLeast(numbers, 4, 5),
		...(atLeast(numbers, 4, 5) ? {} : await tarTool()),
		compressors: names.filter((name) => help.lines.some((line) => new RegExp(`^\\s*${name}\\b`).test(line))),
	};
}

async function tarTool(): Promise<{ tarTool?: string }> {
	if (which("tar2sqfs") === undefined) return {};
	const { lines } = await run("tar2sqfs", ["--version"], { stdout: "collect" });
	return { tarTool: `tar2sqfs ${/(\d+(?:\.\d+)+)/.exec(lines.join("\n"))?.[1] ?? "unknown"}` };
}

/** tar2sqfs takes none of mksquashfs's own options. */
function streamsBy(
	{ readsTar, tarTool: other }: ImageTools,
	{ compression, extra }: Pick<WriteRequest, "compression" | "extra">,
): ReturnType<ImageFormat["streamsBy"]> {
	if (readsTar) return "tool";
	const able = other !== undefined && extra.length === 0 && tar2sqfsOptions(compression) !== undefined;
	return able ? "tarTool" : "extraction";
}

function atLeast(version: readonly number[], major: number, minor: number): boolean {
	const [a = 0, b = 0] = version;
	return a > major || (a === major && b >= minor);
}

/** The arguments after source and destination. Exported for tests. */
export function optionsFor(tools: ImageTools, request: WriteRequest, kind: "tree" | "tar"): string[] {
	const { compression, top } = request;
	const args = ["-comp", compression.compressor, "-b", String(compression.blockSize), ...compression.options];
	args.push(...request.extra);
	// After the caller's own, so that nothing there takes these away.
	args.push("-noappend", "-no-progress", "-all-root", request.xattrs ? "-xattrs" : "-no-xattrs");
	// Without it (4.4) an unreadable file is stored as an empty one, exit status 0; the proof finds that too.
	if (atLeast(tools.version, 4, 5)) args.push("-exit-on-error");
	if (atLeast(tools.version, 4, 6) && request.xattrs) args.push("-xattrs-exclude", "^security\\.");
	const clamped = kind === "tar" && request.topIsNewest === true;
	// One or the other: mksquashfs refuses both. Nothing of it is inherited (src/process/run.ts).
	if (!clamped) args.push("-mkfs-time", String(top.mtime));
	if (request.jobs !== undefined) args.push("-processors", String(request.jobs));
	if (request.memory !== undefined) args.push("-mem", `${Math.max(1, Math.floor(request.memory / (1 << 20)))}M`);
	if (kind === "tar") {
		// A tar's entry for its top is ignored by mksquashfs (4.5.1): "./" becomes 0777 and now.
		args.push("-tar", "-root-mode", top.mode.toString(8));
		if (!clamped) args.push("-root-time", String(top.mtime));
	}
	return args;
}

async function writeTree(tools: ImageTools, request: WriteRequest): Promise<WriteResult> {
	const { exclude = [] } = request;
	if (exclude.length === 0) return await runOnTree(tools, request, []);
	// Of a full build there are more than an argument list can hold, and mksquashfs cannot open a socket as stdin.
	const list = exclude.map((path) => `${path}\n`).join("");
	return await withHiddenFile(temporaryName(request.output), list, async (path) => {
		// Without -wildcards the names are anchored at the source.
		return await runOnTree(tools, request, ["-ef", path]);
	});
}

async function runOnTree(tools: ImageTools, request: WriteRequest, more: readonly string[]): Promise<WriteResult> {
	const args = [request.tree ?? ".", request.output, ...optionsFor(tools, request, "tree"), ...more];
	const child = start(TOOL, args, { signal: request.signal, nice: request.nice, stdout: "lines" });
	const stop = watchReads(child.pid, request.onRead);
	try {
		await child.finished;
	} catch (error) {
		throw refusedOptions(error, request) ?? toolFailure(error, request.output);
	} finally {
		stop();
	}
	return { tool: tools.tool, args };
}

/** mksquashfs itself says which of the caller's own options it does not take, before a page of those that it does. */
function refusedOptions(error: unknown, { extra }: WriteRequest): KsquashError | undefined {
	if (extra.length === 0 || !(error instanceof KsquashError) || error.code !== "ERR_KSQUASH_TOOL_FAILED")
		return undefined;
	const said = error.notes.find((line) =>
		/^[\w./-]+: (?:invalid option|Unrecognised compressor option|-\S+ (?:missing|should|must|invalid))/.test(line),
	);
	if (said === undefined) return undefined;
	return new KsquashError("ERR_KSQUASH_USAGE", `mksquashfs refuses ${extra.join(" ")}: ${said.replace(/^\S*: /, "")}`, {
		hint: "mksquashfs -help lists its options; those of ksquash itself are not among them",
		cause: error,
	});
}

function writeStream(tools: ImageTools, request: WriteRequest): StreamWriter {
	const { input, finished } = openStream(tools, request);
	const done = finished.catch((error: unknown) => {
		throw refusedOptions(error, request) ?? toolFailure(error, request.output);
	});
	done.catch(() => undefined);
	return { input, finished: done };
}

function openStream(tools: ImageTools, request: WriteRequest): StreamWriter {
	const way = streamsBy(tools, request);
	if (way === "tarTool") return writeByTar2sqfs(tools.tarTool ?? "", request);
	if (way === "extraction") return writeByExtraction(request, async (tree) => await writeTree(tools, tree));
	const args = ["-", request.output, ...optionsFor(tools, request, "tar")];
	const epoch = request.topIsNewest ? { SOURCE_DATE_EPOCH: String(request.top.mtime) } : {};
	const env = { ...cleanEnvironment(), ...epoch };
	const { signal, nice } = request;
	const child = start(TOOL, args, { env, signal, nice, stdin: "pipe", stdout: "lines" });
	return { input: child.stdin, finished: child.finished.then(() => ({ tool: tools.tool, args })) };
}

/**
 * sqfs2tar streams every entry of an image as a tar. The list counts what came, so a stream that is empty, cut off
 * or has an entry too many equals no source. (unsquashfs -pf cannot tell a newline in a name from a line's end.)
 */
async function readBack(image: string, options: { signal?: AbortSignal | undefined }): Promise<TreeList> {
	if (which("sqfs2tar") === undefined) {
		throw new KsquashError(
			"ERR_KSQUASH_TOOL_MISSING",
			"sqfs2tar, which reads an image back without a mount, is missing",
			{
				hint: "install squashfs-tools-ng (Debian, Arch: squashfs-tools-ng, Gentoo: sys-fs/squashfs-tools-ng)",
			},
		);
	}
	await squashfs.inspect(image);
	const child = start("sqfs2tar", ["--no-hard-links", "--no-skip", "--root-becomes", ".", image], {
		signal: options.signal,
		stdout: "pipe",
	});
	child.finished.catch(() => undefined);
	const list = new ListBuilder();
	const end = (entry: TarEntry, sha256: string | undefined): void => list.add(toListEntry(entry, sha256, image));
	await readTar(child.stdout, { entry: () => undefined, end }, `the content of ${image}`);
	await child.finished;
	return list.finish();
}

function toListEntry(entry: TarEntry, sha256: string | undefined, image: string): ListEntry {
	const path = entry.path === "" ? "." : entry.path;
	const { type, mode, mtime } = entry;
	if (entry.xattrs.length > 0 || type === "hardlink") {
		const what = type === "hardlink" ? "is a hard link in the stream" : "has extended attributes";
		throw new KsquashError("ERR_KSQUASH_PROOF", `${image}: ${path} ${what}, which a proof by stream cannot compare`);
	}
	if (type === "f") return { type, mode, mtime, path, size: entry.size, sha256: sha256 ?? "" };
	if (type === "l") return { type, mode: 0o777, mtime, path, target: entry.target ?? "" };
	if (type === "c" || type === "b") return { type, mode, mtime, path, device: entry.device };
	return { type, mode, mtime, path };
}
