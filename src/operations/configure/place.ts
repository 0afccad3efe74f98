/**
 * Where a build directory lies, and whose it is.
 *
 * Owns: the usual place, the link that --build-dir leaves there, and what is in the way.
 * Leaves to others: making it (src/build/directory.ts).
 */

import { realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { checkDirectory, type Found, ownerOf } from "../../build/directory.ts";
import { assertAncestors, assertCanActAs, findOwner, type Owner } from "../../build/ownership.ts";
import { assertBuildablePath } from "../../build/paths.ts";
import { KsquashError } from "../../errors.ts";
import { buildName, releasePaths } from "../../layout.ts";
import { defaultOwner, followLink, isBelowRoot } from "../../release/builds.ts";
import type { Context } from "../../release/context.ts";
import { attempt } from "../../system/failure.ts";
import { lstatIfExists, readLinkIfExists } from "../../system/files.ts";
import { blank, option, text } from "../../text.ts";
import type { ConfigureOptions } from "./options.ts";

export interface Place {
	/** The directory itself. */
	path: string;
	/** With --build-dir: a link to it stands in the usual place, so that it can be found. */
	link?: string;
	owner: Owner;
	/** What stands there. */
	found: Found;
}

/**
 * Finds the place and looks whether a build directory can be there; nothing is made. Throws ERR_KSQUASH_OCCUPIED,
 * ERR_KSQUASH_USAGE, ERR_KSQUASH_FOREIGN_OWNER, ERR_KSQUASH_PRIVILEGE.
 */
export async function findPlace(context: Context, release: string, options: ConfigureOptions): Promise<Place> {
	const place = await locate(context, release, options);
	const owner = await chooseOwner(context, place.path, options);
	if (options.owner === undefined) await assertOwnDirectory(place.path, owner);
	const source = releasePaths(context.layout, release).mountPoint;
	const found = await checkDirectory({ path: place.path, source, release, owner });
	return { ...place, owner, found };
}

/** As far as it can be said before the release is known. */
export async function checkPlace(context: Context, options: ConfigureOptions): Promise<void> {
	const { sourceDir } = context.layout;
	const path =
		options.buildDir === undefined ? join(sourceDir, "build") : await named(context.layout, options.buildDir);
	const owner = await chooseOwner(context, path, options);
	assertBuildablePath(sourceDir, "the kernel source's directory");
	assertBuildablePath(path, "the build directory");
	assertCanActAs(owner);
	await assertAncestors(path, owner);
}

async function locate(
	{ layout }: Context,
	release: string,
	{ variant, buildDir }: ConfigureOptions,
): Promise<Omit<Place, "owner" | "found">> {
	const usual = join(layout.sourceDir, buildName(release, variant));
	const target = await readLinkIfExists(usual);
	if (buildDir === undefined) {
		const path = target === undefined ? usual : await followLink(layout, target);
		if (path !== undefined) return { path };
		throw new KsquashError("ERR_KSQUASH_OCCUPIED", `${usual} is a link to ${target}, which leads nowhere`);
	}
	const path = await named(layout, buildDir);
	if (path === usual && target === undefined) return { path };
	if (dirname(path) === layout.sourceDir && basename(path).startsWith("build-")) {
		const why = `${path} is the usual place of another build directory: this one, of ${release}, would be taken for it`;
		throw new KsquashError("ERR_KSQUASH_USAGE", why, {
			path,
			hint: text`${option("variant", blank("NAME"))} gives it a usual place of its own`,
		});
	}
	const elsewhere = target !== undefined && (await followLink(layout, target)) !== path;
	if (elsewhere || (target === undefined && (await lstatIfExists(usual)) !== undefined)) {
		const why = `${release} has a build directory already: ${target === undefined ? usual : `${usual} → ${target}`}`;
		throw new KsquashError("ERR_KSQUASH_OCCUPIED", why, {
			hint: text`remove it, or give the second one a name with ${option("variant")}`,
		});
	}
	return { path, link: usual };
}

/** As the root is known: without links above the directory. */
async function named(layout: Context["layout"], buildDir: string): Promise<string> {
	const given = resolve(buildDir);
	const above = await attempt(`use the build directory ${given}`, realpath(dirname(given)));
	const path = join(above, basename(given));
	if (isBelowRoot(layout, path)) return path;
	throw new KsquashError("ERR_KSQUASH_USAGE", `the build directory ${path} is not below ${layout.root}`);
}

/**
 * Root's default is the settings' owner or root, never the user whose directory it is: his files would run as whoever
 * he is. Another caller can only be the directory's owner.
 */
async function chooseOwner(context: Context, path: string, options: ConfigureOptions): Promise<Owner> {
	if (options.owner !== undefined) return await findOwner(options.owner);
	const there = process.geteuid?.() === 0 ? undefined : await ownerOf(path);
	return there === undefined ? await defaultOwner(context) : await findOwner(there.uid);
}

async function assertOwnDirectory(path: string, owner: Owner): Promise<void> {
	const there = await ownerOf(path);
	if (there === undefined || there.uid === owner.uid) return;
	const { name } = await findOwner(there.uid, there.gid);
	throw new KsquashError("ERR_KSQUASH_FOREIGN_OWNER", `${path} belongs to ${name}, not to ${owner.name}`, {
		path,
		hint: text`${option("owner", name)} builds there as that user`,
	});
}
