/**
 * One owner for a build directory: make runs what lies in it, so whoever can write it decides what runs.
 *
 * Owns: who the owner is, and the refusal of a directory that somebody else could change or swap.
 * Leaves to others: walking the whole directory (the add-on's foreignEntries).
 */

import type { BigIntStats } from "node:fs";
import { dirname } from "node:path";
import { KsquashError } from "../errors.ts";
import { foreignEntries } from "../native/verbs.ts";
import { type Identity, run } from "../process/run.ts";
import { attempt } from "../system/failure.ts";
import { lstatIfExists } from "../system/files.ts";
import { option, text } from "../text.ts";
import { privateGroups, whyWritable } from "../trust/writers.ts";

export interface Owner extends Identity {
	/** The user's name, or the number where there is none. */
	name: string;
	home: string;
}

/** Looks a user up by name or number. Throws ERR_KSQUASH_USAGE for a name that nobody has. */
export async function findOwner(user: string | number, gid?: number): Promise<Owner> {
	const key = String(user);
	if (!/^[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?$/.test(key)) {
		throw new KsquashError("ERR_KSQUASH_USAGE", `${JSON.stringify(key)} is no name of a user`);
	}
	const { status, lines } = await run("getent", ["passwd", key], { okStatus: [0, 2] });
	const [name, , uid, primary, , home] = (lines[0] ?? "").split(":");
	if (status === 0 && name && uid && primary) {
		return { uid: Number(uid), gid: gid ?? Number(primary), known: true, name, home: home || "/" };
	}
	if (!/^\d{1,10}$/.test(key)) throw new KsquashError("ERR_KSQUASH_USAGE", `there is no user ${key}`);
	return { uid: Number(key), gid: gid ?? Number(key), known: false, name: key, home: "/" };
}

/** Throws ERR_KSQUASH_PRIVILEGE when this process cannot act as the owner. */
export function assertCanActAs(owner: Owner): void {
	const own = process.geteuid?.() ?? 0;
	if (own === 0 || own === owner.uid) return;
	throw new KsquashError(
		"ERR_KSQUASH_PRIVILEGE",
		`only root or ${owner.name} can work in a build directory of ${owner.name}`,
	);
}

/**
 * Throws ERR_KSQUASH_FOREIGN_OWNER unless all of `path` belongs to the owner and only he can write it.
 * This is asked before every make, not only when the directory is opened.
 */
export async function assertOwned(path: string, owner: Owner): Promise<void> {
	await assertAncestors(path, owner);
	const doing = `look through ${path}`;
	let entries = await attempt(doing, foreignEntries(path, owner.uid));
	if (entries.length === 0) return;
	// By the umask 002, which many distributions give, a user's own group may write whatever he makes.
	const { gid } = (await attempt(doing, lstatIfExists(path))) ?? owner;
	const groups = await privateGroups([owner.gid, Number(gid)], [owner.uid]);
	if (groups.length > 0) entries = await attempt(doing, foreignEntries(path, owner.uid, { groups }));
	if (entries.length === 0) return;
	const message = `${path} is to be built in as ${owner.name}, but others own or can write a part of it`;
	throw new KsquashError("ERR_KSQUASH_FOREIGN_OWNER", message, {
		path,
		notes: entries,
		hint: `look at what is there first; then: chown -R -h ${owner.uid}:${owner.gid} ${path} && chmod -R go-w ${path}`,
	});
}

/** A directory above that another user can write is one in which he can put another directory in place of ours. */
export async function assertAncestors(path: string, owner: Owner): Promise<void> {
	for (let above = dirname(path); ; above = dirname(above)) {
		const stats = await attempt(`look at ${above}`, lstatIfExists(above));
		// What is not there yet is made by us, below the first one that is.
		const why = stats && (await whySwappable(above, stats, owner));
		if (why !== undefined) {
			throw new KsquashError(
				"ERR_KSQUASH_FOREIGN_OWNER",
				`${path} could be swapped for another directory: ${above} ${why}`,
				{
					path: above,
					hint: text`make it safe (chown root ${above}; chmod go-w ${above}), or name another place with ${option("buildDir")}`,
				},
			);
		}
		if (above === dirname(above)) return;
	}
}

async function whySwappable(path: string, stats: BigIntStats, owner: Owner): Promise<string | undefined> {
	const inode = { uid: Number(stats.uid), gid: Number(stats.gid), mode: Number(stats.mode) };
	const why = await whyWritable(path, inode, [owner.uid]);
	return why === undefined && stats.isSymbolicLink() ? "is a symbolic link: give the real path" : why;
}
