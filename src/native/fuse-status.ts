/**
 * A squashfs image that a process serves (squashfuse) instead of the kernel: how its mount is marked as ours, and read again.
 *
 * Owns: the mark. The kernel keeps it in the mount table: the type "fuse.ksquash", and the image's dev:ino and name as
 * source. Anybody who may mount by FUSE can write it, so it counts only from root and from this user.
 * Leaves to others: mounting (src/mount/fuse.ts), and what the kernel mounted itself (native/core).
 */

import { realpath, stat, statfs } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileId, hasCode } from "../system/files.ts";
import type { MountEntry, TargetStatus } from "./mount-types.ts";
import type { FileId } from "./types.ts";

const SUBTYPE = "ksquash";

/** For `-o` of squashfuse. libfuse takes "," and "\" behind a backslash. */
export function fuseMark(file: FileId, image: string): string {
	const name = `${file}:${basename(image)}`.replace(/[\\,]/g, "\\$&");
	return `subtype=${SUBTYPE},fsname=${name}`;
}

/** The topmost FUSE mount on this very path; undefined where none is. */
export async function fuseRow(
	target: string,
	mounts: () => Promise<readonly MountEntry[]>,
): Promise<MountEntry | undefined> {
	const path = join(await realpath(dirname(target)), basename(target));
	const row = (await mounts()).findLast((entry) => entry.target === path);
	return row !== undefined && /^fuse(?:\.|$)/.test(row.fstype) ? row : undefined;
}

/** What such a mount is to `image`, as statTarget says it of a loop device. */
export async function fuseStatus(row: MountEntry, target: string, image: string | undefined): Promise<TargetStatus> {
	const base = { deleted: false, mountId: String(row.id), fstype: row.fstype };
	const mark = readMark(row);
	if (mark === undefined) return { ...base, state: "other" };
	const own = { ...base, file: mark.file, fuse: true };
	const key = image === undefined ? mark.file : await keyOf(image);
	if (key !== mark.file && mark.name !== basename(image ?? "")) return { ...base, state: "other" };
	const deleted = key !== mark.file;
	// Attributes may come out of the kernel's cache: statfs always asks the process.
	if (await isDead(target)) return { ...own, deleted, state: "stale", dead: true };
	return { ...own, deleted, state: deleted && key !== undefined ? "stale" : "mounted" };
}

function readMark({ fstype, source, superOptions }: MountEntry): { file: FileId; name: string } | undefined {
	const [, file, name] = /^(\d+:\d+):(.+)$/s.exec(String(source)) ?? [];
	const user = /(?:^|,)user_id=(\d+)/.exec(superOptions)?.[1];
	const trusted = user !== undefined && [0, process.geteuid?.()].includes(Number(user));
	return fstype === `fuse.${SUBTYPE}` && file && name && trusted ? { file, name } : undefined;
}

async function keyOf(image: string): Promise<FileId | undefined> {
	try {
		return fileId(await stat(image, { bigint: true }));
	} catch (error) {
		if (hasCode(error, "ENOENT")) return undefined;
		throw error;
	}
}

async function isDead(target: string): Promise<boolean> {
	try {
		await statfs(target);
		return false;
	} catch (error) {
		return hasCode(error, "ENOTCONN");
	}
}
