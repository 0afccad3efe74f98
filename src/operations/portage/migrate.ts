/**
 * What a script that packed by itself left behind: build directories, images and start scripts without ksquash's mark.
 *
 * Owns: which of it is taken over, and the next command for the rest. A build directory is taken over where it says
 * itself, by Kbuild's link or makefile, that it was made from the release's own mount point, and the image holds that
 * release; its .config and objects stay as they are. Nothing else is changed: what only a person can judge is listed.
 */

import { join, relative } from "node:path";
import { checkDirectory, prepareDirectory } from "../../build/directory.ts";
import { KsquashError } from "../../errors.ts";
import { buildKey, buildName } from "../../layout.ts";
import { oldScripts } from "../../portage/hooks.ts";
import { ownerOf } from "../../portage/packages.ts";
import { type Build, buildsOf, findAllBuilds, isBelowRoot } from "../../release/builds.ts";
import { type Entry, scan } from "../../release/catalog.ts";
import type { Context } from "../../release/context.ts";
import { withLock } from "../../release/locks.ts";
import { blank, call, text } from "../../text.ts";

export interface Migration {
	/** What was done (with dryRun: what would be). */
	did: string[];
	/** What is left to a person, each with the command for it. */
	left: string[];
}

export async function adoptOld(context: Context): Promise<Migration> {
	const result: Migration = { did: [], left: [] };
	const { say } = context;
	const entries = await scan(context.layout);
	const builds = await findAllBuilds(context.layout);
	for (const entry of entries) {
		const { release, paths } = entry;
		// Portage's patches are in no tarball: what it installed only it can make again.
		const owner = await ownerOf(paths.root, join("/", relative(paths.root, paths.image)));
		const { root } = paths;
		const tarball = call("pack", blank("TARBALL"), { replace: true, release, root });
		const again = owner === undefined ? text`${tarball}` : `emerge --oneshot =${owner}`;
		if (entry.imageProblem !== undefined) {
			result.left.push(say(text`${paths.image} is no good image (${entry.imageProblem}): ${again}`));
			continue;
		}
		if (entry.manifest === undefined) {
			const mount = call("mount", release, { root });
			result.left.push(
				say(text`${paths.image} has no manifest: ${mount} mounts it as it is; to have it proved: ${again}`),
			);
		}
		for (const build of buildsOf(builds, release)) {
			if (build.stamp === undefined) await adoptBuild(context, entry, build, result);
		}
	}
	result.left.push(...(await oldScripts(context.layout.root)).map(say));
	return result;
}

/** The errors of a directory that is not to be taken over; any other one is the caller's. */
const NOT_FIT = ["ERR_KSQUASH_OCCUPIED", "ERR_KSQUASH_FOREIGN_OWNER", "ERR_KSQUASH_USAGE", "ERR_KSQUASH_PRIVILEGE"];

async function adoptBuild(context: Context, { release, paths }: Entry, build: Build, result: Migration): Promise<void> {
	const { owner, path } = build;
	const request = { path, source: paths.mountPoint, release, owner, root: paths.root };
	const done = `take over ${path}: it was made from ${paths.mountPoint}; its .config and objects stay`;
	try {
		if (!isBelowRoot(context.layout, path)) throw new KsquashError("ERR_KSQUASH_OCCUPIED", `${path} is elsewhere`);
		await withLock(context, buildKey(buildName(release)), async () => {
			await (context.dryRun ? checkDirectory(request) : prepareDirectory(request));
		});
		result.did.push(done);
	} catch (error) {
		if (!(error instanceof KsquashError) || !NOT_FIT.includes(error.code)) throw error;
		const other = call("configure", release, { buildDir: blank("DIRECTORY"), root: paths.root });
		result.left.push(context.say(text`${error.message}: it stays as it is; for another one: ${other}`));
	}
}
