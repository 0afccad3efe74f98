/**
 * Reading and writing in a directory that belongs to another user, as root.
 *
 * Owns: that a link, FIFO or swapped directory which the owner leaves there leads nowhere.
 * Leaves to others: which files these are. Where we are the owner ourselves, plain atomic writes do.
 */

import { constants } from "node:fs";
import { mkdir, open, readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { KsquashError } from "../errors.ts";
import { cleanEnvironment, run } from "../process/run.ts";
import { attempt } from "../system/failure.ts";
import { hasCode, unlinkIfExists, writeFileAtomic } from "../system/files.ts";
import type { Owner } from "./ownership.ts";

const LIMIT = 64 << 20;
const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** The content of a regular file of the owner's; undefined where there is none. */
export async function readOwned(directory: string, name: string, owner: Owner): Promise<Buffer | undefined> {
	const path = join(directory, name);
	try {
		const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
		try {
			const stats = await file.stat();
			// A hard link to a file of root's, or a link to one, would be copied out to its reader.
			if (!stats.isFile() || stats.uid !== owner.uid || stats.size > LIMIT) throw foreign(path, owner);
			return await file.readFile();
		} finally {
			await file.close();
		}
	} catch (error) {
		if (hasCode(error, "ENOENT")) return undefined;
		if (hasCode(error, "ELOOP")) throw foreign(path, owner);
		return await attempt(`read ${path}`, Promise.reject(error));
	}
}

/** Writes the whole file or nothing. Another user's is written by a process of that user's: the kernel checks. */
export async function writeOwned(
	directory: string,
	name: string,
	data: string | Uint8Array,
	owner: Owner,
	mode = 0o644,
): Promise<void> {
	const path = join(directory, name);
	if (owner.uid === process.geteuid?.()) {
		await attempt(`write ${path}`, writeFileAtomic(path, data, { uid: owner.uid, gid: owner.gid, mode }));
		return;
	}
	const input = typeof data === "string" ? Buffer.from(data) : data;
	const args = [basename(name), String(input.length), mode.toString(8)];
	await asOwner(owner, directory, WRITE, args, input, `write ${path}`);
}

/** Makes a directory that belongs to the owner, 0755. EEXIST is an error here, too. */
export async function makeOwned(path: string, owner: Owner): Promise<void> {
	const parent = dirname(path);
	const doing = `make ${path}`;
	const above = await attempt(doing, open(parent, DIRECTORY));
	try {
		const self = owner.uid === process.geteuid?.();
		if (!self && (await above.stat()).uid === owner.uid) {
			await asOwner(owner, parent, MAKE, [basename(path)], undefined, doing);
			return;
		}
		// Nobody but us can swap what we make here: the parent is root's or ours.
		await attempt(doing, mkdir(path, 0o755));
		const made = await attempt(doing, open(path, DIRECTORY));
		try {
			await attempt(doing, made.chmod(0o755));
			await attempt(doing, made.chown(owner.uid, owner.gid));
		} finally {
			await made.close();
		}
		await attempt(doing, above.sync());
	} finally {
		await above.close();
	}
}

/** Removes files of the top directory, as its owner; those that are not there are none. */
export async function removeOwned(directory: string, names: readonly string[], owner: Owner): Promise<void> {
	if (names.length === 0) return;
	const doing = `remove ${names.join(", ")} in ${directory}`;
	if (owner.uid !== process.geteuid?.()) {
		await asOwner(owner, directory, REMOVE, names, undefined, doing);
		return;
	}
	for (const name of names) await attempt(doing, unlinkIfExists(join(directory, basename(name))));
}

/** What writeOwned leaves when it is killed: ".NAME.", random letters, ".tmp". Only while nobody else writes there. */
export async function removeTemporaries(directory: string, owner: Owner): Promise<void> {
	const names = await attempt(`read ${directory}`, readdir(directory));
	await removeOwned(directory, names.filter(isTemporary), owner);
}

/** A name of those. */
export function isTemporary(name: string): boolean {
	return /^\.(?:\.config|\.config\.old|\.ksquash\.config|\.ksquash\.json|GNUmakefile)\.[0-9A-Za-z]{10,12}\.tmp$/.test(
		name,
	);
}

/** The length is checked: a pipe that ends early must not become a shorter file. mktemp makes it O_EXCL. */
const WRITE = `set -e
umask 077
t=$(mktemp "./.$1.XXXXXXXXXX.tmp")
trap 'rm -f "$t"' EXIT
cat >"$t"
[ "$(wc -c <"$t")" -eq "$2" ]
chmod "$3" "$t"
sync "$t"
mv -f -T "$t" "./$1"
sync .`;

const REMOVE = `set -e
for n; do rm -f "./$n"; done
sync .`;

const MAKE = `set -e
umask 022
mkdir "./$1"
sync .`;

/** Runs a script of ours in the directory, as its owner: what he leaves there leads him nowhere new. */
export async function asOwner(
	owner: Owner,
	cwd: string,
	script: string,
	args: readonly string[],
	input: Uint8Array | undefined,
	doing: string,
): Promise<void> {
	try {
		await run("sh", ["-c", script, "sh", ...args], {
			cwd,
			input,
			as: owner,
			env: cleanEnvironment(owner.home),
		});
	} catch (error) {
		if (!(error instanceof KsquashError) || error.code !== "ERR_KSQUASH_TOOL_FAILED") throw error;
		const last = error.notes.at(-1) ?? error.message;
		const code = /no space|quota/i.test(last) ? "ERR_KSQUASH_NO_SPACE" : "ERR_KSQUASH_IO";
		throw new KsquashError(code, `cannot ${doing}: ${last}`, { cause: error, path: cwd });
	}
}

function foreign(path: string, owner: Owner): KsquashError {
	return new KsquashError("ERR_KSQUASH_FOREIGN_OWNER", `${path} is no regular file of ${owner.name}'s`, {
		path,
		hint: "look at what is there, and move it away",
	});
}
