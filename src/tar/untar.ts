/**
 * A tar stream into a directory, and the copy of a directory: by GNU tar and cp, as processes.
 *
 * Owns: their arguments. Leaves to others: which names are in the stream (src/source/repack.ts checks them), the
 * directory's life.
 */

import { readdir } from "node:fs/promises";
import type { Writable } from "node:stream";
import { run, start } from "../process/run.ts";
import { attempt, toolFailure } from "../system/failure.ts";

export interface Filling {
	signal?: AbortSignal | undefined;
	nice?: boolean | undefined;
}

/** Extracts what is written to `input` into a directory that is there and empty. Owners are the process's own. */
export function untar(directory: string, { signal, nice }: Filling): { input: Writable; finished: Promise<void> } {
	// GNU tar sets a directory's time as soon as it leaves it, and kernel tarballs come back to some.
	const args = ["-x", "-f", "-", "-C", directory, "-p", "--no-same-owner", "--delay-directory-restore"];
	const child = start("tar", args, { signal, nice, stdin: "pipe", stdout: "lines" });
	const finished = child.finished.then(
		() => undefined,
		(error: unknown) => {
			throw toolFailure(error, directory);
		},
	);
	finished.catch(() => undefined);
	return { input: child.stdin, finished };
}

/** Copies what is in a directory, but these names, into another that is there and empty; all attributes are kept. */
export async function copyTree(
	from: string,
	to: string,
	{ exclude, signal, nice }: Filling & { exclude: readonly string[] },
): Promise<void> {
	const names = (await attempt(`read ${from}`, readdir(from))).filter((name) => !exclude.includes(name));
	const sources = names.map((name) => `${from}/${name}`);
	// Where the file system can, the copies share their bytes with the tree until a patch changes them.
	await run("cp", ["--archive", "--reflink=auto", "--", ...sources, to], { signal, nice, stdout: "lines" }).catch(
		(error: unknown) => {
			throw toolFailure(error, to);
		},
	);
}
