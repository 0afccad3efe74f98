/**
 * What stands on a release's mount point: whether it is ours to take away, and who is in the way.
 */

import { KsquashError } from "../errors.ts";
import type { ReleasePaths } from "../layout.ts";
import { holderLines } from "../mount/direct.ts";
import { chooseMounter, type FuseUse, type Mounter } from "../mount/mounter.ts";
import { type FileId, holders, type TargetStatus } from "../native/verbs.ts";
import { attempt } from "../system/failure.ts";
import { lstatIfExists, makeDirectory } from "../system/files.ts";
import { type Call, call, calls, option, type Text, text } from "../text.ts";
import type { Entry } from "./catalog.ts";
import type { Context } from "./context.ts";

/** For a release's lock: long enough for a mount or umount; a pack takes longer than anybody wants to wait. */
export const LOCK_WAIT_MS = 5000;

/** What mounts here; for what is mounted already, what unmounts it. Throws what is missing. */
export async function mounterFor(
	{ probe, layout, settings, warn }: Context,
	{ fuse = settings.fuse ?? "auto", standing }: { fuse?: FuseUse | undefined; standing?: TargetStatus } = {},
): Promise<Mounter> {
	const use = standing === undefined ? fuse : standing.fuse ? "always" : "never";
	return await chooseMounter(probe, { place: layout, fuse: use, warn });
}

/** Makes the mount point where there is none; was it made? A link is the mounter's to refuse. */
export async function ensureMountPoint(paths: ReleasePaths): Promise<boolean> {
	if (await assertMountPoint(paths)) return false;
	await attempt(`make the mount point ${paths.mountPoint}`, makeDirectory(paths.mountPoint));
	return true;
}

/** Is there one already? Throws ERR_KSQUASH_OCCUPIED where nothing can be mounted on what stands there. */
export async function assertMountPoint({ image, mountPoint }: ReleasePaths): Promise<boolean> {
	const stat = await lstatIfExists(mountPoint);
	if (stat === undefined || stat.isDirectory() || stat.isSymbolicLink()) return stat !== undefined;
	const what = stat.isFile() ? "a file" : "a special file (a device, a pipe or a socket)";
	throw new KsquashError(
		"ERR_KSQUASH_OCCUPIED",
		`cannot mount ${image} on ${mountPoint}: the mount point is ${what}, not a directory`,
		{ path: mountPoint, hint: "move it away: ksquash makes the directory itself" },
	);
}

/** What is wrong with a mount that is ours, and the line that mends it; undefined when nothing is. */
export function staleness(
	{ release, root }: ReleasePaths,
	{ state, dead, deleted }: TargetStatus,
): { why: string; mend: Text; calls: readonly Call[] } | undefined {
	const again = ["umount", "mount"].map((verb) => call(verb, release, { root }));
	const how = { mend: text`${calls(again)}`, calls: again };
	if (dead) return { why: `squashfuse has ended: the mount of ${release} is dead`, ...how };
	return state === "stale" || deleted ? { why: `an older image of ${release} is mounted`, ...how } : undefined;
}

/** The image mounted on a release's mount point. Throws ERR_KSQUASH_OCCUPIED for a mount that is hidden or not ours. */
export function ownMount({ image, mountPoint }: ReleasePaths, { state, file }: TargetStatus): FileId {
	if (state === "hidden") {
		throw new KsquashError("ERR_KSQUASH_OCCUPIED", `the mount on ${mountPoint} is hidden by a later mount above it`, {
			path: mountPoint,
			hint: "unmount what covers it first (findmnt shows it)",
		});
	}
	if (state === "other" || file === undefined) {
		throw new KsquashError("ERR_KSQUASH_OCCUPIED", `what is mounted on ${mountPoint} is not ${image}`, {
			path: mountPoint,
			hint: "it was not mounted by ksquash: umount(8) takes it away",
		});
	}
	return file;
}

/** The blocks of a deleted image live as long as its mount: after that its content is gone for good. */
export function assertNotLastCopy(
	{ image, mountPoint }: ReleasePaths,
	{ deleted, dead, state, device }: TargetStatus,
	entry: Entry | undefined,
): void {
	// Another file of this name counts only when it is known as a good image of ours.
	if (dead || !(deleted || state === "stale") || entry?.manifest !== undefined) return;
	const [what, to] = entry === undefined ? ["was deleted", image] : ["is another file now", `${image}.rescued`];
	throw new KsquashError("ERR_KSQUASH_BUSY", `${image} ${what}: the mount on ${mountPoint} is the last copy`, {
		path: mountPoint,
		hint: text`${rescue(mountPoint, device, to)}; or give the content up with ${option("force")}`,
	});
}

/** How to get the image of a mount back that is its last copy. */
export function rescue(mountPoint: string, device: string | undefined, to: string): string {
	return device === undefined
		? `make an image of what is mounted: mksquashfs ${mountPoint} ${to}`
		: `bring it back with: cp ${device} ${to}`;
}

/** Throws ERR_KSQUASH_BUSY with every process named that has something open at or below the path. */
export async function assertUnused(path: string): Promise<void> {
	const all = await attempt(`look for users of ${path}`, holders(path));
	// A copy in another mount namespace outlives an unmount, but does not prevent it.
	const found = all.filter(({ how }) => how.some((way) => way !== "namespace"));
	if (found.length === 0) return;
	throw new KsquashError("ERR_KSQUASH_BUSY", `${path} is in use`, { path, notes: holderLines(found) });
}
