/**
 * status: what there is, as the file system and the mount table say now. Remembers nothing, changes nothing.
 *
 * Owns: one row a release. Leaves to others: how it looks (src/cli).
 */

import { basename, resolve } from "node:path";
import { type Entry, leftovers, scan } from "../catalog.ts";
import { readIfExists, readLinkIfExists } from "../system/files.ts";
import { statTarget, type TargetStatus } from "../system/native.ts";
import { findBuilds } from "./builds.ts";
import { type CommonOptions, type Context, openContext } from "./context.ts";

export interface ReleaseStatus {
	release: string;
	image: string;
	mountPoint: string;
	/** As in TargetStatus; "bad image" when there is nothing to mount. */
	state: TargetStatus["state"] | "bad image";
	device?: string;
	imageBytes: number;
	compressor?: string;
	/** Of the source tree; absent without a manifest. */
	source?: { bytes: number; entries: number };
	/** What the image saves against the tree; absent without a manifest. */
	saved?: { bytes: number; inodes: number };
	buildDirs: { path: string; owner: string; configured: boolean; ours: boolean }[];
	/** /usr/src/linux points to one of its build directories. */
	selected: boolean;
	/** What mounts it after a boot. */
	boot: "fstab" | "no";
	/** What is wrong or unfinished, one sentence each. */
	problems: string[];
}

export interface Status {
	root: string;
	releases: ReleaseStatus[];
	/** What /usr/src/linux says; absent where there is no link. */
	link?: string;
	/** Files that interrupted work left. */
	leftovers: string[];
}

export async function status(options: CommonOptions = {}): Promise<Status> {
	const context = await openContext(options);
	const { layout } = context;
	const link = await readLinkIfExists(layout.link);
	const selected = link === undefined ? undefined : resolve(layout.sourceDir, link);
	const fstab = (await readIfExists(layout.fstab))?.toString("utf8") ?? "";
	const entries = await scan(layout);
	const releases = await Promise.all(entries.map(async (entry) => await describe(context, entry, selected, fstab)));
	const left = (await leftovers(layout)).map(({ path }) => path);
	return { root: layout.root, releases, ...(link === undefined ? {} : { link }), leftovers: left };
}

async function describe(
	{ layout }: Context,
	entry: Entry,
	selected: string | undefined,
	fstab: string,
): Promise<ReleaseStatus> {
	const { release, paths, info, manifest } = entry;
	const target = await statTarget(paths.mountPoint, paths.image);
	const builds = await findBuilds(layout, release);
	const imageBytes = info?.fileSize ?? 0;
	const source = manifest && { bytes: manifest.content.bytes, entries: manifest.content.entries };
	return {
		release,
		image: paths.image,
		mountPoint: paths.mountPoint,
		state: entry.imageProblem === undefined ? target.state : "bad image",
		...(target.device === undefined ? {} : { device: target.device }),
		imageBytes,
		...(info ? { compressor: info.compressor } : {}),
		// The image, its manifest and the mount point are three inodes.
		...(source ? { source, saved: { bytes: source.bytes - imageBytes, inodes: source.entries - 3 } } : {}),
		buildDirs: builds.map(({ path, owner, stamp }) => ({
			path,
			owner: owner.name,
			configured: stamp?.config !== undefined,
			ours: stamp !== undefined,
		})),
		selected: builds.some(({ path, name }) => selected === path || basename(selected ?? "") === name),
		boot: isInFstab(fstab, paths.mountPoint) ? "fstab" : "no",
		problems: problems(entry, target),
	};
}

function isInFstab(fstab: string, mountPoint: string): boolean {
	return fstab.split("\n").some((line) => !/^\s*#/.test(line) && line.trim().split(/\s+/)[1] === mountPoint);
}

function problems({ release, imageProblem, manifestProblem, setAside, paths }: Entry, target: TargetStatus): string[] {
	const found: string[] = [];
	if (imageProblem !== undefined) found.push(`${paths.image}: ${imageProblem}`);
	else if (manifestProblem !== undefined) found.push(`no manifest: ${manifestProblem}`);
	if (target.state === "stale" || target.deleted) {
		found.push(`an older image is mounted: ksquash umount ${release} && ksquash mount ${release}`);
	}
	if (target.state === "hidden") found.push(`its mount is hidden by a later mount above ${paths.mountPoint}`);
	if (target.state === "other") found.push(`something else is mounted on ${paths.mountPoint}`);
	if (setAside !== undefined) {
		found.push(`an interrupted run set a tree aside in ${setAside}: ksquash pack ${release} compares and removes it`);
	}
	return found;
}
