/**
 * Patches: read and checked before any work, then applied one after the other to a directory of ours.
 *
 * Owns: what patch(1) is told, the words for what does not apply, and times and modes that depend on nothing but the
 * source and the patches. Leaves to others: the directory's life (src/operations/pack/patched.ts).
 */

import { createHash } from "node:crypto";
import { chmod, lutimes } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { KsquashError } from "../errors.ts";
import { run, start } from "../process/run.ts";
import { attempt, toolFailure } from "../system/failure.ts";
import { lstatIfExists } from "../system/files.ts";
import { readInput } from "../system/input.ts";
import { compressionOf, decompressor } from "./compression.ts";
import { type PatchText, parsePatch } from "./patch-text.ts";

export interface Patch extends PatchText {
	path: string;
	/** Hex, of the file as it lies there. */
	sha256: string;
}

/** Far above the largest of kernel.org (from one release to the next: 100 MB). */
const LIMIT = 256 << 20;

/** Reads each once. Throws ERR_KSQUASH_NO_INPUT, ERR_KSQUASH_PATCH, and ERR_KSQUASH_TOOL_MISSING for a decompressor. */
export async function readPatches(paths: readonly string[], signal: AbortSignal | undefined): Promise<Patch[]> {
	const patches: Patch[] = [];
	for (const given of paths) {
		const path = resolve(given);
		const bytes = await readInput(path, `the patch ${path}`, signal);
		const sha256 = createHash("sha256").update(bytes).digest("hex");
		patches.push({ path, sha256, ...parsePatch(await plain(bytes, path, signal), path) });
	}
	return patches;
}

async function plain(bytes: Buffer, path: string, signal: AbortSignal | undefined): Promise<Buffer> {
	const compression = compressionOf(bytes);
	if (compression === undefined) {
		if (bytes.length > LIMIT) throw tooLarge(path);
		return bytes;
	}
	const [tool, args] = decompressor(compression, "all");
	const child = start(tool, args, { input: bytes, signal });
	const chunks: Buffer[] = [];
	let size = 0;
	for await (const chunk of child.stdout) {
		size += (chunk as Buffer).length;
		if (size > LIMIT) {
			child.stdout.destroy();
			throw tooLarge(path);
		}
		chunks.push(chunk as Buffer);
	}
	await child.finished.catch((error: unknown) => {
		if (!(error instanceof KsquashError)) throw error;
		const { notes } = error;
		throw new KsquashError("ERR_KSQUASH_PATCH", `the patch ${path} is damaged: ${error.message}`, { path, notes });
	});
	return Buffer.concat(chunks);
}

function tooLarge(path: string): KsquashError {
	return new KsquashError("ERR_KSQUASH_PATCH", `the patch ${path} has more than ${LIMIT >> 20} MiB`, {
		path,
		hint: "split it at a line that begins with diff, and give the parts in their order",
	});
}

export interface Applying {
	signal?: AbortSignal | undefined;
	/** Seconds since 1970: the time of everything that a patch touches. */
	time: number;
	warn: (message: string) => void;
}

/**
 * Applies all of them to a directory that nobody else needs: where one does not apply it is left half done.
 * Throws ERR_KSQUASH_PATCH naming the patch, the file and the hunk.
 */
export async function applyPatches(directory: string, patches: readonly Patch[], options: Applying): Promise<void> {
	/** Path → whether it was there before the first patch. */
	const known = new Map<string, boolean>();
	for (const patch of patches) {
		for (const path of patch.touched) await look(directory, path, patch, known);
		await apply(directory, patch, options);
	}
	// A directory after what is in it: whatever is done there gives it a new time.
	const deepestFirst = [...known].toSorted(([a], [b]) => b.split("/").length - a.split("/").length);
	for (const [path, wasThere] of deepestFirst) await settle(join(directory, path), wasThere, options.time);
}

/** Notes what is there, and refuses to go through a link, which git does, too. */
async function look(directory: string, path: string, patch: Patch, known: Map<string, boolean>): Promise<void> {
	for (let part = path; part !== "."; part = dirname(part)) {
		const stats = await lstatIfExists(join(directory, part));
		if (!known.has(part)) known.set(part, stats !== undefined);
		if (part === path || !stats?.isSymbolicLink()) continue;
		throw new KsquashError(
			"ERR_KSQUASH_PATCH",
			`the patch ${patch.path} is refused: ${path} lies below the link ${part}`,
			{ path: patch.path },
		);
	}
}

async function apply(directory: string, patch: Patch, { signal, warn }: Applying): Promise<void> {
	// Without a terminal its questions answer themselves: by no.
	const args = ["--unified", "--strip=1", "--forward", "--no-backup-if-mismatch", "--reject-file=-"];
	const options = { input: patch.text, signal, cwd: directory, okStatus: [0, 1] };
	const { status, lines } = await run("patch", args, options).catch((error: unknown) => {
		throw toolFailure(error, directory);
	});
	if (status !== 0) throw patchError(patch, lines);
	for (const { file, line } of byFile(lines)) {
		if (/ with fuzz \d/.test(line))
			warn(`${patch.path}: ${file}: ${line.replace(/\.$/, "")}: look whether it is right`);
	}
}

const names = [
	/^patching (?:file|symbolic link) (.*?)(?: \(.*\))?$/,
	/^The next patch would (?:create|delete) the (?:file|symbolic link) (.*),$/,
	/^\|\+\+\+ b\/(\S+)/,
];

/** Each line with the file that patch(1) is at. */
function byFile(lines: readonly string[]): { file: string; line: string }[] {
	let file = "";
	return lines.map((line) => {
		file = names.map((name) => name.exec(line)?.[1]).find((name) => name !== undefined) ?? file;
		return { file, line };
	});
}

const reasons: readonly (readonly [RegExp, (match: RegExpExecArray) => string])[] = [
	[/^Hunk #(\d+) FAILED at (\d+)/, ([, hunk, at]) => `hunk ${hunk} (line ${at}) does not fit`],
	[/^Reversed \(or previously applied\) patch detected/, () => "it is applied already, or reversed"],
	[/^which already exists!/, () => "it would be made, and is there"],
	[/^which does not exist!/, () => "it would be removed, and is not there"],
	[/^can't find file to patch/, () => "there is no such file"],
	[/refusing to patch|dangerous file name/, ([line]) => line],
];

function patchError(patch: Patch, lines: readonly string[]): KsquashError {
	const found = byFile(lines).flatMap(({ file, line }, at, all) => {
		const reason = reasons.map(([pattern, say]) => ({ match: pattern.exec(line), say })).find(({ match }) => match);
		if (!reason?.match) return [];
		// Of a missing file the name comes in the lines that follow.
		const name = line.startsWith("can't find") ? all.slice(at).find((next) => next.file !== file)?.file : file;
		return [`${name ?? file}: ${reason.say(reason.match)}`];
	});
	const [first = "patch(1) refuses it", ...more] = found;
	return new KsquashError("ERR_KSQUASH_PATCH", `the patch ${patch.path} does not apply: ${first}`, {
		path: patch.path,
		notes: found.length > 0 ? more.slice(0, 20) : lines.slice(-20),
		hint: "is it a patch of this release, and are the patches before it in the right order? Nothing was changed",
	});
}

async function settle(path: string, wasThere: boolean, time: number): Promise<void> {
	const stats = await lstatIfExists(path);
	if (stats === undefined) return;
	// Whatever the umask; what was there keeps the mode that it has, or that the patch says.
	if (!wasThere && !stats.isSymbolicLink()) {
		const executable = stats.isDirectory() || (Number(stats.mode) & 0o100) !== 0;
		await attempt(`set the mode of ${path}`, chmod(path, executable ? 0o755 : 0o644));
	}
	await attempt(`set the time of ${path}`, lutimes(path, time, time));
}

/** Bytes that the patches could add to what is there. */
export function patchBytes(patches: readonly Patch[]): number {
	return patches.reduce((sum, { text }) => sum + text.length, 0);
}
