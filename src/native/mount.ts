/**
 * The verbs of images, loop devices, mounts and the mount table.
 *
 * Owns: their types, units and errors for a caller. Leaves to others: the system calls (native/core) and what to mount
 * where.
 */

import { setImmediate } from "node:timers/promises";
import { hasCode } from "../system/files.ts";
import { nativeError } from "./error.ts";
import { fuseRow, fuseStatus } from "./fuse-status.ts";
import { addon, addonProblem, callReading, callTransaction, path } from "./load.ts";
import type {
	AttachRequest,
	AttachResult,
	DetachRequest,
	DetachResult,
	Holder,
	ImageInfo,
	MountEntry,
	MountRequest,
	MountResult,
	Probe,
	TargetStatus,
	UmountOptions,
	UmountResult,
} from "./mount-types.ts";
import type { Look, NativePath } from "./types.ts";
import { probeWithoutAddon } from "./without-addon.ts";

/**
 * Reads and checks an image's superblock and tables. EINVAL with `reason` when the kernel could not mount it.
 * Documentation/filesystems/squashfs.rst, fs/squashfs/super.c.
 */
export function inspectImage(image: NativePath, { signal }: Look = {}): Promise<ImageInfo> {
	return callReading(signal, (native) => native.inspectImage(path(image)));
}

/**
 * Mounts an image on an empty directory, read-only; done twice is done once (`already`). Leaves nothing behind on
 * failure. EINVAL (image, options), EBUSY (something else is mounted there; the lock), ENOTEMPTY, ENOTDIR, ELOOP (a link),
 * ENOENT, ESTALE (`expect`), EPERM, ENODEV (no squashfs). loop(4), fsopen(2), move_mount(2).
 */
export function mountImage(request: MountRequest): Promise<MountResult> {
	const { image, target, options = "", expect, signal } = request;
	return callTransaction(signal, (native, control) =>
		native.mountImage(path(image), path(target), options, expect, control),
	);
}

/** Unmounts. EINVAL ("not a mount point"), EBUSY (its users are named), ESTALE (`expect`), EPERM. umount2(2). */
export function umount(target: NativePath, options: UmountOptions = {}): Promise<UmountResult> {
	const { lazy = false, expect, signal } = options;
	return callTransaction(signal, (native, control) => native.umount(path(target), lazy, expect, control));
}

/**
 * Attaches an image read-only to a free loop device, where it stays until detached. EINVAL (no image), EBUSY (the lock;
 * no device to be had), ESTALE (`expect`), EACCES, ENOENT (no loop driver). loop(4): LOOP_CTL_GET_FREE, LOOP_CONFIGURE.
 */
export function attach({ image, expect, signal }: AttachRequest): Promise<AttachResult> {
	return callTransaction(signal, (native, control) => native.attach(path(image), expect, control));
}

/**
 * Frees a loop device that still carries `file`. ESTALE (it carries another), ENXIO (nothing), EBUSY (it is mounted),
 * ENODEV (no loop device). loop(4): LOOP_CLR_FD, judged by LOOP_GET_STATUS64.
 */
export function detach({ device, file, signal }: DetachRequest): Promise<DetachResult> {
	return callTransaction(signal, (native, control) => native.detach(path(device), file, control));
}

/**
 * What stands on a path now; with `image`, compared with that file by dev:ino. EACCES, ELOOP, ENAMETOOLONG of the path.
 * statx(2) and statmount(2), where they are missing the mount table, and that also for a mount that is covered and for
 * one by FUSE.
 */
export async function statTarget(target: NativePath, image?: NativePath, { signal }: Look = {}): Promise<TargetStatus> {
	const wanted = image === undefined ? undefined : path(image);
	try {
		const found = await callReading(signal, (native) => native.statTarget(path(target), wanted));
		if (found.state !== "other" || !found.fstype?.startsWith("fuse")) return found;
		return (await statFuse(target, image)) ?? found;
	} catch (error) {
		// At another user's FUSE mount nobody else may look, and at one whose process has ended nobody can.
		const found = hasCode(error, "EACCES") || hasCode(error, "ENOTCONN") ? await statFuse(target, image) : undefined;
		if (found === undefined) throw error;
		return found;
	}
}

async function statFuse(target: NativePath, image: NativePath | undefined): Promise<TargetStatus | undefined> {
	if (typeof target !== "string" || Buffer.isBuffer(image)) return undefined;
	const row = await fuseRow(target, mounts).catch(() => undefined);
	return row === undefined ? undefined : await fuseStatus(row, target, image as string | undefined);
}

/** Rows that become objects before the event loop gets its turn again: about a millisecond's work. */
const batch = 256;

/** Rows from the add-on's JSON, where a path that is not UTF-8 is {latin1}. */
function toRows(json: string): MountEntry[] {
	const raw = (value: unknown): NativePath =>
		typeof value === "string" ? value : Buffer.from((value as { latin1: string }).latin1, "latin1");
	const rows = JSON.parse(json) as MountEntry[];
	for (const row of rows) {
		row.root = raw(row.root);
		row.target = raw(row.target);
		row.source = raw(row.source);
	}
	return rows;
}

/** This mount namespace's table, in the kernel's order. EMFILE, ENOMEM. proc_pid_mountinfo(5). */
export async function mounts({ signal }: Look = {}): Promise<MountEntry[]> {
	const take = await callReading(signal, (native) => native.mounts(batch));
	const out: MountEntry[] = [];
	for (let json = take(); json !== undefined; json = take()) {
		for (const row of toRows(json)) out.push(row);
		await setImmediate();
		signal?.throwIfAborted();
	}
	return out;
}

/** The rows of a mountinfo file's bytes; lines that are no row are left out. Pure. */
export function parseMountinfo(text: Uint8Array): MountEntry[] {
	return toRows(addon().parseMountinfo(text));
}

/**
 * What uses a mount (at its mount point) or a directory tree: processes, this one too, file systems mounted below, and
 * copies of a mount in other mount namespaces that outlive an unmount here. ENOENT, EACCES of the path. Processes that
 * this one may not look at are not seen. proc(5), mount_namespaces(7).
 */
export function holders(top: NativePath, { signal }: Look = {}): Promise<Holder[]> {
	return callReading(signal, (native) => native.holders(path(top)));
}

/** What the running kernel has and what this process may do. Changes nothing; may load the squashfs module. */
export async function probe({ signal }: Look = {}): Promise<Probe> {
	if (addonProblem() !== undefined) return await probeWithoutAddon();
	const { loopControlErrno, ...rest } = await callReading(signal, (native) => native.probe());
	const code = nativeError({ errno: loopControlErrno, syscall: "open" }).code;
	return { ...rest, loopControl: loopControlErrno === 0 ? "ok" : code };
}
