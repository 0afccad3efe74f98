/**
 * What there is of a release to remove, and the refusals: everything that would stop a removal is said before it begins.
 *
 * Owns: what is known as ours: a build directory by its mark, an image by its manifest, a mount by its image.
 */

import { release as runningRelease } from "node:os";
import { join } from "node:path";
import { readOwned } from "../../build/files.ts";
import { type Entry, findEntry } from "../../catalog.ts";
import { KsquashError } from "../../errors.ts";
import { readManifest } from "../../image/manifest.ts";
import { buildName, type ReleasePaths } from "../../layout.ts";
import { isEmptyDirectory, lstatIfExists, readLinkIfExists } from "../../system/files.ts";
import { type FileId, statTarget, type TargetStatus } from "../../system/native.ts";
import { assertCompletable } from "../aside.ts";
import { type Build, findBuilds, followLink } from "../builds.ts";
import type { Context } from "../context.ts";
import { assertNotLastCopy, assertUnused, ownMount } from "../mounted.ts";

export interface Survey {
	paths: ReleasePaths;
	/** Build directories with our mark. */
	ours: Build[];
	/** Build directories by name alone that are empty: the last thing that an interrupted removal leaves. */
	empty: string[];
	/** What an interrupted pack left of a tree. */
	aside: string[];
	/** Links of --build-dir whose directory is gone. */
	danglingLinks: string[];
	/** Files of ours beside the mount point. */
	files: string[];
	/** The mount point is a directory that goes when it is empty. */
	mountPoint: boolean;
	/** The image that is mounted. */
	mounted: FileId | undefined;
	/** What is not ours, with the reason. */
	stays: string[];
}

export async function survey(
	context: Context,
	paths: ReleasePaths,
	{ force }: { force?: boolean | undefined },
): Promise<Survey> {
	const { layout } = context;
	const builds = await findBuilds(layout, paths.release);
	const ours = builds.filter(({ stamp }) => stamp !== undefined);
	const entry = await findEntry(layout, paths.release);
	const target = await statTarget(paths.mountPoint, paths.image);
	const manifest = entry?.manifest !== undefined || (await hasManifest(paths));
	const aside = await filtered([paths.setAside, paths.rest], exists);
	if (aside.includes(paths.rest)) assertCompletable(paths, entry);
	const isMounted = target.state !== "absent" && target.state !== "unmounted" && target.state !== "other";
	if (entry === undefined && ours.length === 0 && aside.length === 0 && !manifest && !isMounted) {
		const why = `${paths.release} is not here: there is no ${paths.image}`;
		throw new KsquashError("ERR_KSQUASH_NO_RELEASE", why);
	}
	const mounted = isMountPoint(target) ? ownMount(paths, target) : undefined;
	if (!force) {
		await assertNotRunning(context, paths, ours);
		if (entry !== undefined) assertOurs(entry);
		assertNotLastCopy(paths, target, entry);
	}
	for (const path of [...(mounted === undefined ? [] : [paths.mountPoint]), ...ours.map((build) => build.path)]) {
		await assertUnused(path);
	}
	const others = builds.filter(({ stamp }) => stamp === undefined);
	// What a link leads to without our mark is a person's, also when it is empty.
	const empty = await filtered(others, async ({ path, linked }) => !linked && (await isEmptyDirectory(path)));
	const files = [paths.image, paths.oldImage, paths.oldManifest, ...(manifest ? [paths.list, paths.manifest] : [])];
	const stays = others
		.filter((build) => !empty.includes(build))
		.map(({ path }) => `${path}: it has no mark of ksquash's`);
	if (!manifest && (await exists(paths.manifest))) stays.push(`${paths.manifest}: it is no manifest of ksquash's`);
	return {
		paths,
		ours,
		aside,
		empty: empty.map(({ path }) => path),
		danglingLinks: await danglingLinks(context, paths),
		files: await filtered(files, exists),
		mountPoint: target.state !== "absent",
		mounted,
		stays,
	};
}

function isMountPoint({ state }: TargetStatus): boolean {
	return state !== "absent" && state !== "unmounted";
}

/** A manifest of this release, whether or not its image is there. */
async function hasManifest({ manifest, oldManifest, release }: ReleasePaths): Promise<boolean> {
	const found = await Promise.all([readManifest(manifest), readManifest(oldManifest)]);
	return found.some((read) => read.manifest?.release === release);
}

/** A file with such a name may be anybody's, and its only copy: the manifest says that it was proved by us. */
function assertOurs({ paths, manifest, manifestProblem, imageProblem }: Entry): void {
	if (manifest !== undefined) return;
	const why = imageProblem ?? `its manifest: ${manifestProblem}`;
	throw new KsquashError("ERR_KSQUASH_MANIFEST", `${paths.image} is not known as an image of ksquash's (${why})`, {
		path: paths.image,
		hint: "look at what it is; --force removes it all the same",
	});
}

/** By its name, or because it was built there under another one (LOCALVERSION). Another root has another kernel. */
async function assertNotRunning({ layout }: Context, { release }: ReleasePaths, ours: readonly Build[]): Promise<void> {
	if (layout.root !== "/") return;
	const running = runningRelease();
	const refuse = (why: string): KsquashError => new KsquashError("ERR_KSQUASH_RUNNING_KERNEL", why);
	if (release === running) throw refuse(`${release} is the running kernel's release`);
	for (const { path, owner } of ours) {
		const built = await readOwned(join(path, "include/config"), "kernel.release", owner).catch(() => undefined);
		if (built?.toString().trim() === running) throw refuse(`the running kernel, ${running}, was built in ${path}`);
	}
}

async function danglingLinks({ layout }: Context, { release, buildDir }: ReleasePaths): Promise<string[]> {
	const target = await readLinkIfExists(join(layout.sourceDir, buildName(release)));
	if (target === undefined) return [];
	const path = await followLink(layout, target);
	return path === undefined || !(await exists(path)) ? [buildDir] : [];
}

async function exists(path: string): Promise<boolean> {
	return (await lstatIfExists(path)) !== undefined;
}

async function filtered<T>(items: readonly T[], wanted: (item: T) => Promise<boolean>): Promise<T[]> {
	const answers = await Promise.all(items.map(wanted));
	return items.filter((_, i) => answers[i]);
}
