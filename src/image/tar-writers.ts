/**
 * From a tar stream to a squashfs image where mksquashfs is older than 4.5 and reads no tar.
 *
 * Owns: tar2sqfs, and as the last resort a scratch directory beside the image. Leaves to others: which way is taken
 * (squashfs.ts), and the stream, whose names were checked before (src/source/repack.ts).
 */

import { mkdirSync } from "node:fs";
import { chmod, utimes } from "node:fs/promises";
import { removeTree } from "../native/verbs.ts";
import { start } from "../process/run.ts";
import { attempt } from "../system/failure.ts";
import { temporaryName } from "../system/files.ts";
import { untar } from "../tar/untar.ts";
import type { Compression, StreamWriter, WriteRequest, WriteResult } from "./format.ts";

/** mksquashfs's options of a compressor as tar2sqfs takes them. */
const extra: Readonly<Record<string, string>> = { "-Xcompression-level": "level", "-Xdict-size": "dictsize" };

/** undefined for an option that tar2sqfs has no word for. */
export function tar2sqfsOptions({ options, blockSize }: Compression): string[] | undefined {
	const pairs: string[] = [];
	for (let i = 0; i < options.length; i += 2) {
		const name = extra[options[i] ?? ""];
		const value = options[i + 1];
		if (name === undefined || value === undefined) return undefined;
		// 1.2.0 documents a percentage of the block size, and refuses it.
		const share = /^(\d+)%$/.exec(value)?.[1];
		pairs.push(`${name}=${share === undefined ? value : Math.floor((blockSize * Number(share)) / 100)}`);
	}
	return pairs;
}

/** `tool`: its name and version. */
export function writeByTar2sqfs(tool: string, request: WriteRequest): StreamWriter {
	const { compression, top, output, jobs, signal, nice } = request;
	const args = ["--compressor", compression.compressor, "--block-size", String(compression.blockSize)];
	const options = tar2sqfsOptions(compression) ?? [];
	if (options.length > 0) args.push("--comp-extra", options.join(","));
	if (jobs !== undefined) args.push("--num-jobs", String(jobs));
	// The stream has no entry for the top: it is an implicit directory, and its time is the image's own.
	args.push("--defaults", `uid=0,gid=0,mode=0${top.mode.toString(8)},mtime=${top.mtime}`);
	args.push("--no-skip", "--no-xattr", "--quiet", output);
	const child = start("tar2sqfs", args, { signal, nice, stdin: "pipe", stdout: "lines" });
	return { input: child.stdin, finished: child.finished.then(() => ({ tool, args })) };
}

/** Extracts the stream beside the image and packs that; the scratch directory is gone when `finished` settles. */
export function writeByExtraction(
	request: WriteRequest,
	pack: (request: WriteRequest) => Promise<WriteResult>,
): StreamWriter {
	const { output, top, signal, nice } = request;
	const directory = temporaryName(output);
	mkdirSync(directory, 0o700);
	const { input, finished } = untar(directory, { signal, nice });
	const work = async (): Promise<WriteResult> => {
		try {
			await finished;
			await chmod(directory, top.mode);
			await utimes(directory, top.mtime, top.mtime);
			return await pack({ ...request, tree: directory });
		} finally {
			await attempt(`remove ${directory}`, removeTree({ path: directory }));
		}
	};
	return { input, finished: work() };
}
