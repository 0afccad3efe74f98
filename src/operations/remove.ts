/**
 * remove: everything of a release that is ours goes; what is of value is saved first, what is not ours stays.
 *
 * Owns: the order: busy? → save → link → umount → build directories → image → manifest → mount point.
 * Each step may have been done by an earlier run that broke off; a rerun finishes it.
 */

import { rmdir } from "node:fs/promises";
import { release as runningRelease } from "node:os";
import { basename, join, resolve } from "node:path";
import { removeTemporaries } from "../build/files.ts";
import { commandFiles, foreignFiles, valuables } from "../build/generated.ts";
import { STAMP } from "../build/stamp.ts";
import { KsquashError } from "../errors.ts";
import { buildKey, LINK_KEY, type ReleasePaths, releasePaths } from "../layout.ts";
import { holderLines } from "../mount/direct.ts";
import { chooseMounter } from "../mount/mounter.ts";
import { attempt, failure } from "../system/failure.ts";
import { hasCode, lstatIfExists, readLinkIfExists, unlinkIfExists } from "../system/files.ts";
import { holders, removeTree, statTarget, type TargetStatus } from "../system/native.ts";
import { type Build, findBuilds } from "./builds.ts";
import { type CommonOptions, type Context, openContext, removeLeftovers, withLock } from "./context.ts";
import { keep } from "./keep.ts";
import { unselect } from "./link.ts";

export interface RemoveOptions extends CommonOptions {
	/** Remove the running kernel's release too. */
	force?: boolean | undefined;
	/** Remove files in the build directory, too, that Kbuild did not make. */
	purge?: boolean | undefined;
}

export interface RemoveResult {
	release: string;
	/** Paths that are gone. */
	removed: string[];
	/** Where .config, signing keys and fragments were saved; absent when there were none. */
	kept?: string;
	/** What stays because it is not ours, with the reason. */
	stays: string[];
	/** What the link /usr/src/linux was moved to. */
	link?: string;
	plan?: string[];
}

/** Throws ERR_KSQUASH_BUSY with the holders named, ERR_KSQUASH_RUNNING_KERNEL, ERR_KSQUASH_NO_RELEASE. */
export async function remove(release: string, options: RemoveOptions = {}): Promise<RemoveResult> {
	const context = await openContext(options);
	const paths = releasePaths(context.layout, release);
	if (release === runningRelease() && !options.force) {
		throw new KsquashError("ERR_KSQUASH_RUNNING_KERNEL", `${release} is the running kernel's release`);
	}
	const builds = await findBuilds(context.layout, release);
	const files = await existing([paths.image, paths.manifest, paths.oldImage, paths.oldManifest]);
	const ours = builds.filter(({ stamp }) => stamp !== undefined);
	if (files.length === 0 && ours.length === 0 && !(await isEmptyMountPoint(paths))) {
		throw new KsquashError("ERR_KSQUASH_NO_RELEASE", `${release} is not here: there is no ${paths.image}`);
	}
	const target = await statTarget(paths.mountPoint, paths.image);
	await assertIdle(paths, target, ours);
	if (context.dryRun) {
		const plan = [`save what is of value in ${ours.map(({ path }) => path).join(", ") || "no build directory"}`];
		const gone = [...ours.map(({ path }) => path), ...files, paths.mountPoint];
		return { release, removed: [], stays: [], plan: [...plan, ...gone.map((path) => `remove ${path}`)] };
	}
	await removeLeftovers(context);
	// The second one keeps a configure of this release out.
	return await withLock(context, paths.name, async () => {
		return await withLock(context, buildKey(basename(paths.buildDir)), async () => {
			return await removeAll(context, { paths, builds, target, options });
		});
	});
}

interface Job {
	paths: ReleasePaths;
	builds: readonly Build[];
	target: TargetStatus;
	options: RemoveOptions;
}

async function removeAll(context: Context, { paths, builds, target, options }: Job): Promise<RemoveResult> {
	const { layout } = context;
	const removed: string[] = [];
	const stays: string[] = [];
	const ours = builds.filter(({ stamp }) => stamp !== undefined);
	const kept = await context.step("save", `configs and keys of ${paths.release}`, async () => {
		const files = ours.map(async (build) => {
			await removeTemporaries(build.path, build.owner);
			return { build, names: await valuables(build.path) };
		});
		return await keep(layout.keptDir, paths.release, await Promise.all(files));
	});
	const places = ours.flatMap(({ name, path }) => [join(layout.sourceDir, name), path]);
	const moved = async (): Promise<string | undefined> => await unselect(layout, places);
	const link = await withLock(context, LINK_KEY, moved, { waitMs: 5000 });
	if (target.file !== undefined && (target.state === "mounted" || target.state === "stale")) {
		const { file } = target;
		await context.step("umount", paths.mountPoint, async () => {
			await chooseMounter(context.probe).umount(paths.mountPoint, { expect: file });
		});
	}
	for (const build of ours) {
		const left = await context.step("remove", build.path, async () => await removeBuild(build, options));
		if (left.length === 0) removed.push(build.path);
		stays.push(...left.map((path) => `${join(build.path, path)}: Kbuild did not make it (--purge removes it)`));
		if (build.linked) removed.push(...(await unlinked([join(layout.sourceDir, build.name)])));
	}
	for (const { path } of builds.filter(({ stamp }) => stamp === undefined)) {
		// Empty: the last thing that an interrupted removal leaves.
		if (await rmdirIfEmpty(path)) removed.push(path);
		else stays.push(`${path}: it has no mark of ksquash's`);
	}
	const usual = await readLinkIfExists(paths.buildDir);
	const dangles = usual !== undefined && (await lstatIfExists(resolve(layout.sourceDir, usual))) === undefined;
	if (dangles) removed.push(...(await unlinked([paths.buildDir])));
	removed.push(...(await unlinked([paths.image, paths.oldImage, paths.manifest, paths.oldManifest])));
	await removeMountPoint(paths, removed, stays);
	if ((await lstatIfExists(paths.setAside)) !== undefined) {
		stays.push(`${paths.setAside}: a tree that an interrupted run set aside`);
	}
	return { release: paths.release, removed, stays, ...(kept ? { kept } : {}), ...(link ? { link } : {}) };
}

async function rmdirIfEmpty(path: string): Promise<boolean> {
	try {
		await rmdir(path);
		return true;
	} catch (error) {
		if (hasCode(error, "ENOTEMPTY") || hasCode(error, "EEXIST") || hasCode(error, "EBUSY")) return false;
		throw failure(error, `remove ${path}`);
	}
}

async function unlinked(paths: readonly string[]): Promise<string[]> {
	const gone: string[] = [];
	for (const path of paths) if (await unlinkIfExists(path)) gone.push(path);
	return gone;
}

async function removeBuild(build: Build, options: RemoveOptions): Promise<string[]> {
	const own = options.purge ? [] : await foreignFiles(build.path);
	const doing = `remove ${build.path}`;
	// First what is known by another file, last the mark: of what an interrupted run leaves the same is known.
	const marks = options.purge ? [] : await commandFiles(build.path);
	await attempt(doing, removeTree({ path: build.path, keep: [...own, ...marks, STAMP] }));
	await attempt(doing, removeTree({ path: build.path, keep: [...own, STAMP] }));
	const { kept } = await attempt(doing, removeTree({ path: build.path, keep: own }));
	return kept;
}

async function removeMountPoint(paths: ReleasePaths, removed: string[], stays: string[]): Promise<void> {
	try {
		await rmdir(paths.mountPoint);
		removed.push(paths.mountPoint);
	} catch (error) {
		if (hasCode(error, "ENOENT")) return;
		if (hasCode(error, "ENOTEMPTY") || hasCode(error, "EEXIST")) {
			stays.push(`${paths.mountPoint}: it is not empty, and nothing in it is ksquash's`);
		} else if (hasCode(error, "EBUSY")) {
			stays.push(`${paths.mountPoint}: something else is mounted there`);
		} else if (hasCode(error, "ENOTDIR")) {
			stays.push(`${paths.mountPoint}: it is no directory`);
		} else throw error;
	}
}

/** Before anything is touched: nobody stands in the source or in a build directory. */
async function assertIdle(paths: ReleasePaths, target: TargetStatus, builds: readonly Build[]): Promise<void> {
	if (target.state === "hidden") {
		throw new KsquashError("ERR_KSQUASH_BUSY", `the mount on ${paths.mountPoint} is hidden by a later mount`, {
			hint: "unmount what covers it first (findmnt shows it)",
		});
	}
	const places = builds.map(({ path }) => path);
	if (target.state === "mounted" || target.state === "stale") places.push(paths.mountPoint);
	for (const path of places) {
		const found = await attempt(`look for users of ${path}`, holders(path));
		if (found.length === 0) continue;
		throw new KsquashError("ERR_KSQUASH_BUSY", `${path} is in use`, { path, notes: holderLines(found) });
	}
}

/** What an interrupted removal leaves last. */
async function isEmptyMountPoint({ mountPoint }: ReleasePaths): Promise<boolean> {
	const { readdir } = await import("node:fs/promises");
	const names = await readdir(mountPoint).catch(() => undefined);
	return names?.length === 0;
}

async function existing(paths: readonly string[]): Promise<string[]> {
	const found = await Promise.all(paths.map(async (path) => ((await lstatIfExists(path)) ? path : undefined)));
	return found.filter((path) => path !== undefined);
}
