/**
 * A build directory: made, opened or adopted, with our mark and the GNUmakefile in it.
 *
 * Owns: what may become a build directory and what is refused. Leaves to others: running make (kbuild.ts), the
 * .config (configure.ts), and where the directory lies.
 */

import { lstat, readdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { KsquashError } from "../errors.ts";
import { attempt } from "../system/failure.ts";
import { lstatIfExists, readLinkIfExists } from "../system/files.ts";
import { option, text } from "../text.ts";
import { isTemporary, makeOwned, readOwned, writeOwned } from "./files.ts";
import { GNUMAKEFILE, gnuMakefile, isOurMakefile } from "./gnumakefile.ts";
import { assertAncestors, assertCanActAs, assertOwned, type Owner } from "./ownership.ts";
import { assertBuildablePath } from "./paths.ts";
import { newStamp, readStamp, type Stamp, writeStamp } from "./stamp.ts";

export interface DirectoryRequest {
	/** Absolute, without links. */
	path: string;
	/** Absolute path of the mount point. */
	source: string;
	release: string;
	owner: Owner;
	/** What ksquash works below, for the commands that are told. */
	root?: string;
}

export interface BuildDirectory extends DirectoryRequest {
	state: "created" | "opened" | "adopted";
	stamp: Stamp;
}

/**
 * Makes the directory, or opens one that is ours, is empty, or is Kbuild's output of this very source.
 *
 * Throws ERR_KSQUASH_USAGE (a path that Kbuild cannot take), ERR_KSQUASH_OCCUPIED, ERR_KSQUASH_FOREIGN_OWNER,
 * ERR_KSQUASH_PRIVILEGE; before anything is made.
 */
export async function prepareDirectory(request: DirectoryRequest): Promise<BuildDirectory> {
	const { path, source, release, owner, root } = request;
	const state = await checkDirectory(request);
	if (state.kind === "absent") await makeOwned(path, owner);
	const stamp = state.stamp ?? newStamp(release, source, owner);
	// The mark comes first: what an interrupted run leaves is known as ours.
	if (state.stamp === undefined || state.stamp.source !== source || state.stamp.owner !== owner.uid) {
		stamp.source = source;
		stamp.owner = owner.uid;
		await writeStamp(path, stamp, owner);
	}
	const wanted = gnuMakefile(release, source, root);
	if ((await readOurMakefile(path, owner)) !== wanted) {
		await writeOwned(path, GNUMAKEFILE, wanted, owner);
	}
	const kind = state.kind === "absent" ? "created" : state.kind === "ours" ? "opened" : "adopted";
	return { path, source, release, owner, state: kind, stamp };
}

/** What prepareDirectory would find; the same errors, and nothing is made. */
export async function checkDirectory(request: DirectoryRequest): Promise<Found> {
	const { path, source, owner } = request;
	assertBuildablePath(path, "the build directory");
	assertBuildablePath(source, "the kernel source");
	assertApart(path, source);
	assertCanActAs(owner);
	const found = await inspect(request);
	if (found.kind === "absent") await assertAncestors(path, owner);
	return found;
}

export type Found = { kind: "absent" | "ours" | "fit"; stamp?: Stamp };

async function inspect({ path, source, release, owner }: DirectoryRequest): Promise<Found> {
	const stats = await lstatIfExists(path);
	if (stats === undefined) return { kind: "absent" };
	if (stats.isSymbolicLink()) throw occupied(path, `it is a symbolic link to ${await readLinkIfExists(path)}`);
	if (!stats.isDirectory()) throw occupied(path, "it is no directory");
	// A run that broke off at the first stamp has left nothing but that.
	const names = (await attempt(`read ${path}`, readdir(path))).filter((name) => !isTemporary(name));
	await assertOwned(path, owner);
	await readOurMakefile(path, owner);
	const state = await readStamp(path, owner);
	if (state.stamp !== undefined) {
		if (state.stamp.release !== release) throw occupied(path, `it is the build directory of ${state.stamp.release}`);
		return { kind: "ours", stamp: state.stamp };
	}
	if (names.length === 0 || (await isOutputOf(path, source, owner))) return { kind: "fit" };
	const first = names.toSorted().slice(0, 5).join(", ");
	const more = names.length > 5 ? ` and ${names.length - 5} more` : "";
	const why = state.damaged === undefined ? "" : `${state.damaged}; `;
	throw occupied(path, `${why}it is neither empty nor a build directory of ${source}: it has ${first}${more}`);
}

/** The text of our GNUmakefile, or undefined if the file is absent. Throws ERR_KSQUASH_OCCUPIED if it is the user's. */
async function readOurMakefile(path: string, owner: Owner): Promise<string | undefined> {
	const text = (await readOwned(path, GNUMAKEFILE, owner))?.toString();
	if (text === undefined || isOurMakefile(text)) return text;
	const file = join(path, GNUMAKEFILE);
	throw new KsquashError("ERR_KSQUASH_OCCUPIED", `${file} is not ksquash's, or was edited: it would be written over`, {
		path: file,
		hint: `move it away (mv ${file} ${file}.mine); make -f GNUmakefile.mine reads it there`,
	});
}

/** Kbuild leaves a link and an include that name the source: with them the directory says itself whose it is. */
async function isOutputOf(path: string, source: string, owner: Owner): Promise<boolean> {
	const link = await readLinkIfExists(join(path, "source"));
	if (link !== undefined) return await samePlace(link, source);
	const makefile = (await readOwned(path, "Makefile", owner))?.toString("latin1") ?? "";
	const include = /^include (\/\S+)\/Makefile$/m.exec(makefile)?.[1];
	return include !== undefined && (await samePlace(include, source));
}

async function samePlace(a: string, b: string): Promise<boolean> {
	const real = async (path: string): Promise<string> => await realpath(path).catch(() => path);
	return a === b || (await real(a)) === (await real(b));
}

function assertApart(path: string, source: string): void {
	const [build, tree] = [`${path}/`, `${source}/`];
	if (!build.startsWith(tree) && !tree.startsWith(build)) return;
	throw new KsquashError("ERR_KSQUASH_USAGE", `the build directory ${path} and the source ${source} overlap`, {
		hint: text`name a build directory beside the source with ${option("buildDir")}`,
	});
}

function occupied(path: string, why: string): KsquashError {
	return new KsquashError("ERR_KSQUASH_OCCUPIED", `${path} cannot become a build directory: ${why}`, { path });
}

/** The owner that a build directory has: its directory's user. undefined where there is none. */
export async function ownerOf(path: string): Promise<{ uid: number; gid: number } | undefined> {
	const stats = await lstat(path).catch(() => undefined);
	return stats?.isDirectory() ? { uid: stats.uid, gid: stats.gid } : undefined;
}
