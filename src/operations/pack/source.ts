/**
 * What the caller wants packed: a tree, a tarball, or a release whose tree stands in its place.
 *
 * Owns: telling these apart, and which source may go afterwards.
 * Leaves to others: reading either (src/source).
 */

import { realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { KsquashError } from "../../errors.ts";
import { type Layout, releaseAt, releaseOfAside, releasePaths } from "../../layout.ts";
import { statTarget } from "../../native/verbs.ts";
import type { Options } from "../../options/types.ts";
import { inspectTarball, type Tarball } from "../../source/tarball.ts";
import { type KernelTree, readTree } from "../../source/tree.ts";
import { attempt } from "../../system/failure.ts";
import { isEmptyDirectory, lstatIfExists } from "../../system/files.ts";
import { assertPath, assertRelease, isRelease } from "../../system/names.ts";
import { blank, call, option, text } from "../../text.ts";

export type Fate =
	/** It stands where the mount point will be: exchanged with it, then removed. */
	| "replace"
	/** It stands elsewhere and is removed after the proof. */
	| "remove"
	/** Only read. */
	| "keep";

export type Source =
	| { kind: "tree"; tree: KernelTree; fate: Fate; release: string }
	| { kind: "tarball"; tarball: Tarball; fate: "keep" | "remove" }
	/** The place of a release whose tree was packed before: an empty directory, or its mount. */
	| { kind: "packed"; release: string };

export type SourceOptions = Pick<Options<"pack">, "release" | "keepSource" | "replaceSource" | "adopt">;

export async function openSource(layout: Layout, given: string, options: SourceOptions): Promise<Source> {
	assertPath(given, "the source");
	if (options.release !== undefined) assertRelease(options.release, text`from ${option("release")}`);
	if (options.keepSource && options.replaceSource) {
		const [keep, replace] = [option("keepSource"), option("replaceSource")];
		throw new KsquashError("ERR_KSQUASH_USAGE", text`${keep} and ${replace} exclude each other`);
	}
	const { path, other } = await locate(layout, given);
	assertNoRest(path);
	const inPlace = releaseAt(layout, path);
	if (inPlace !== undefined && (await wasPacked(layout, inPlace, path))) return { kind: "packed", release: inPlace };
	const stats = await lstatIfExists(path);
	if (stats === undefined) {
		if ((await lstatIfExists(restOf(path))) !== undefined) throw begun(restOf(path), path);
		const why = other === undefined ? `there is no ${path}` : `there is neither ${other} nor ${path}`;
		throw new KsquashError("ERR_KSQUASH_NO_INPUT", why, { hint: "give a kernel source tree or a tarball" });
	}
	const file = stats.isSymbolicLink() ? await linkedFile(path) : undefined;
	if (file !== undefined && options.replaceSource) {
		const why = `${path} is a symbolic link to ${file}`;
		throw new KsquashError("ERR_KSQUASH_USAGE", text`${why}: ${option("replaceSource")} wants the file itself`);
	}
	if (stats.isDirectory() || (stats.isSymbolicLink() && file === undefined)) {
		const reading = readTree(path, { release: options.release, built: options.adopt });
		const tree = await attempt(`read ${path}`, reading);
		return { kind: "tree", tree, release: tree.release, fate: fateOf(layout, tree, options) };
	}
	const tarball = await attempt(`read ${path}`, inspectTarball(file ?? path));
	return { kind: "tarball", tarball, fate: options.replaceSource ? "remove" : "keep" };
}

const REST = ".ksquash-rest";

/** What is left of a tree that stood elsewhere, as soon as its removal has begun. */
export function restOf(tree: string): string {
	return join(dirname(tree), `.${basename(tree)}${REST}`);
}

/** Half a tree must never be packed as a whole one: its image would take the place of the good one. */
function assertNoRest(path: string): void {
	const name = basename(path);
	const inPlace = releaseOfAside(name) !== undefined;
	if (inPlace || (name.startsWith(".") && name.endsWith(REST))) throw begun(path, undefined);
}

function begun(rest: string, tree: string | undefined): KsquashError {
	const verify = call("verify", blank("RELEASE"), { depth: "deep" });
	const of = tree === undefined ? "a tree" : tree;
	const why = `${rest} is what was left of ${of} when its removal broke off; its image was proved equal to the whole`;
	return new KsquashError("ERR_KSQUASH_OCCUPIED", why, {
		path: rest,
		hint: text`${verify} looks whether the image is good; ${rest} can be removed then`,
	});
}

/** A path, or a release's name that is no path. The directory's links are resolved, the last component's is not. */
async function locate(layout: Layout, given: string): Promise<{ path: string; other?: string }> {
	const absolute = resolve(given);
	if (!given.includes("/") && isRelease(given) && (await lstatIfExists(absolute)) === undefined) {
		return { path: releasePaths(layout, given).mountPoint, other: absolute };
	}
	const parent = await realpath(dirname(absolute)).catch(() => dirname(absolute));
	return { path: join(parent, basename(absolute)) };
}

/** The file that a link leads to; undefined for a link to a directory or to nothing. */
async function linkedFile(path: string): Promise<string | undefined> {
	const real = await realpath(path).catch(() => undefined);
	return real !== undefined && (await lstatIfExists(real))?.isFile() ? real : undefined;
}

/** The tree is gone from its place, and its image is there, or the tree itself, set aside by an interrupted run. */
async function wasPacked(layout: Layout, release: string, path: string): Promise<boolean> {
	const { image, displacedTree, partialTree } = releasePaths(layout, release);
	const left = await Promise.all([displacedTree, partialTree].map(lstatIfExists));
	const aside = left.some((stats) => stats !== undefined);
	if (!aside && (await lstatIfExists(image)) === undefined) return false;
	const here = await lstatIfExists(path);
	if (here === undefined) return true;
	if (!here.isDirectory()) return false;
	const { state } = await attempt(`look at ${path}`, statTarget(path, image));
	if (state !== "unmounted") return state === "mounted" || state === "stale";
	return await attempt(`read ${path}`, isEmptyDirectory(path));
}

/** Only a tree that stands where its mount point will be goes by itself; a checkout goes only when that is said. */
function fateOf(layout: Layout, tree: KernelTree, options: SourceOptions): Fate {
	const inPlace = tree.path === releasePaths(layout, tree.release).mountPoint;
	if (options.keepSource) return "keep";
	if (options.replaceSource) return inPlace ? "replace" : "remove";
	return inPlace && tree.versionControl.length === 0 ? "replace" : "keep";
}
