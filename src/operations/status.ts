/**
 * status: what there is, as the file system and the mount table say now. Remembers nothing, changes nothing.
 *
 * Owns: one row a release. Leaves to others: how it looks (src/cli).
 */

import { type Layout, type ReleasePaths, releasePaths } from "../layout.ts";
import { type Init, oldFiles } from "../mount/boot.ts";
import { otherHelper } from "../mount/helper-program.ts";
import { statTarget, type TargetStatus } from "../native/verbs.ts";
import { type BootLookup, readBootService } from "../release/boot-service.ts";
import { type Build, buildsOf, findAllBuilds, followLink } from "../release/builds.ts";
import { byRelease, type Entry, leftovers, scan, withoutImage } from "../release/catalog.ts";
import { type CommonOptions, type Context, openContext } from "../release/context.ts";
import { isLocked } from "../release/locks.ts";
import { rescue, staleness } from "../release/mount-guards.ts";
import { lstatIfExists, readLinkIfExists } from "../system/files.ts";
import { call, type Text, text } from "../text.ts";

export interface ReleaseStatus {
	release: string;
	image: string;
	mountPoint: string;
	/** As in TargetStatus; "bad image", or "no image", when there is nothing to mount. */
	state: TargetStatus["state"] | "bad image" | "no image";
	device?: string;
	/** A process (squashfuse) serves the mount, not the kernel. */
	fuse?: boolean;
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
	boot: "fstab" | Init | "no";
	/** What is wrong or unfinished, one sentence each. */
	problems: string[];
}

export interface Status {
	root: string;
	/** In order of name: those with an image, and those of which something else is left. */
	releases: ReleaseStatus[];
	/** What /usr/src/linux says; absent where there is no link. */
	link?: string;
	/** Files that interrupted work left. */
	leftovers: string[];
	/** Temporary files of another ksquash that is at work now. */
	underWay: string[];
}

interface Surroundings {
	builds: Build[];
	/** Where /usr/src/linux leads. */
	selected: string | undefined;
	bootOf: BootLookup;
}

export async function status(options: CommonOptions = {}): Promise<Status> {
	const { layout, warn, say } = await openContext("status", options);
	const other = await otherHelper(layout);
	for (const old of [...(other === undefined ? [] : [other]), ...(await oldBootFiles(layout))]) warn(old);
	const link = await readLinkIfExists(layout.link);
	const selected = link === undefined ? undefined : await followLink(layout, link);
	const around = { builds: await findAllBuilds(layout), selected, bootOf: await readBootService(layout) };
	const entries = await scan(layout);
	const known = new Set(entries.map(({ release }) => release));
	const marked = around.builds.flatMap(({ stamp }) => stamp?.release ?? []);
	const others = [...new Set([...(await withoutImage(layout)), ...marked])].filter((release) => !known.has(release));
	const rows = [
		...entries.map(async (entry) => await describeRelease(entry, around, say)),
		...others.map(async (release) => await describeRest(releasePaths(layout, release), around, say)),
	];
	const releases = (await Promise.all(rows)).toSorted((a, b) => byRelease(a.release, b.release));
	const left: Record<"leftovers" | "underWay", string[]> = { leftovers: [], underWay: [] };
	for (const { path, key } of await leftovers(layout)) {
		left[(await isLocked(layout, key)) ? "underWay" : "leftovers"].push(path);
	}
	return { root: layout.root, releases, ...(link === undefined ? {} : { link }), ...left };
}

async function describeRelease(entry: Entry, around: Surroundings, say: Context["say"]): Promise<ReleaseStatus> {
	const { paths, info, manifest } = entry;
	const target = await statTarget(paths.mountPoint, paths.image);
	const imageBytes = info?.fileSize ?? 0;
	const source = manifest && { bytes: manifest.content.bytes, entries: manifest.content.entries };
	return {
		...surroundings(paths, target, around),
		state: entry.imageProblem === undefined ? target.state : "bad image",
		imageBytes,
		...(info ? { compressor: info.compressor } : {}),
		// The image, its manifest, its list and the mount point are four inodes.
		...(source ? { source, saved: { bytes: source.bytes - imageBytes, inodes: source.entries - 4 } } : {}),
		problems: problems(entry, target).map(say),
	};
}

/** A release without an image: a mount whose image was deleted, a tree set aside, a build directory, a manifest. */
async function describeRest(paths: ReleasePaths, around: Surroundings, say: Context["say"]): Promise<ReleaseStatus> {
	const { image, mountPoint, release, displacedTree, partialTree } = paths;
	const target = await statTarget(mountPoint, image);
	const found: (string | Text)[] = [`there is no ${image}`];
	if (target.state === "mounted") {
		found.push(`its mount is the last copy; ${rescue(mountPoint, target.device, image)}`);
	}
	if ((await lstatIfExists(displacedTree)) !== undefined) {
		found.push(
			text`its tree is in ${displacedTree}: ${call("pack", release, { root: paths.root })} puts it back and packs it`,
		);
	}
	if ((await lstatIfExists(partialTree)) !== undefined) found.push(`${partialTree} is what was left of its tree`);
	const state = target.state === "mounted" ? target.state : "no image";
	return { ...surroundings(paths, target, around), state, imageBytes: 0, problems: found.map(say) };
}

function surroundings(paths: ReleasePaths, target: TargetStatus, { builds, selected, bootOf }: Surroundings) {
	const { release, image, mountPoint } = paths;
	const own = buildsOf(builds, release);
	return {
		release,
		image,
		mountPoint,
		...(target.device === undefined ? {} : { device: target.device }),
		...(target.fuse ? { fuse: true } : {}),
		buildDirs: own.map(({ path, owner, stamp }) => ({
			path,
			owner: owner.name,
			configured: stamp?.config !== undefined,
			ours: stamp !== undefined,
		})),
		selected: own.some(({ path }) => selected === path),
		boot: bootOf(mountPoint),
	};
}

async function oldBootFiles({ root }: Layout): Promise<Text[]> {
	return (await oldFiles(root)).map((old) => text`${old} (${call("bootEnable", undefined, { root })})`);
}

function problems(
	{ release, imageProblem, manifestProblem, aside, paths }: Entry,
	target: TargetStatus,
): (string | Text)[] {
	const found: (string | Text)[] = [];
	if (imageProblem !== undefined) found.push(`${paths.image}: ${imageProblem}`);
	else if (manifestProblem !== undefined) found.push(`no manifest: ${manifestProblem}`);
	const stale = staleness(paths, target);
	if (stale !== undefined) found.push(text`${stale.why}: ${stale.mend}`);
	if (target.state === "hidden") found.push(`its mount is hidden by a later mount above ${paths.mountPoint}`);
	if (target.state === "other") found.push(`something else is mounted on ${paths.mountPoint}`);
	if (aside !== undefined) {
		found.push(
			text`an interrupted run left a tree in ${aside}: ${call("pack", release, { root: paths.root })} compares and removes it`,
		);
	}
	return found;
}
