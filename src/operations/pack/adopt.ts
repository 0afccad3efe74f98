/**
 * A tree that was built in: what is worth keeping goes to the build directory before anything else happens, what Kbuild
 * made stays out of the image, and what is neither stays where it is.
 *
 * Owns: that order, and that nothing of another's is overwritten there.
 * Leaves to others: what is what (src/build/built-tree.ts), and the proof of the rest (src/image/proof.ts).
 */

import { createHash } from "node:crypto";
import { lstat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { type BuiltTree, surveyBuiltTree } from "../../build/built-tree.ts";
import { CONFIG_BACKUP } from "../../build/config-backup.ts";
import { checkDirectory, prepareDirectory } from "../../build/directory.ts";
import { makeOwned, readOwned, writeOwned } from "../../build/files.ts";
import { findOwner, type Owner } from "../../build/ownership.ts";
import { KsquashError } from "../../errors.ts";
import { buildKey, buildName, type ReleasePaths } from "../../layout.ts";
import type { NativePath } from "../../native/verbs.ts";
import type { Options } from "../../options/types.ts";
import { defaultOwner, followLink } from "../../release/builds.ts";
import type { Context } from "../../release/context.ts";
import { withLock } from "../../release/locks.ts";
import type { Step } from "../../release/plan.ts";
import { type KernelTree, VERSION_CONTROL } from "../../source/tree.ts";
import { attempt } from "../../system/failure.ts";
import { lstatIfExists, readLinkIfExists } from "../../system/files.ts";
import { escapeNative } from "../../system/list.ts";
import { blank, option, text } from "../../text.ts";
import type { Source } from "./source.ts";

export type AdoptOptions = Pick<Options<"pack">, "adopt" | "buildDir" | "variant" | "owner">;

export interface Adoption extends BuiltTree {
	/** All that stays out of the image. */
	leftOut: string[];
	/** Name → hex sha256 of what was copied. */
	saved: Map<string, string>;
}

type TreeSource = Pick<Extract<Source, { kind: "tree" }>, "tree" | "fate">;

/** What mksquashfs's list of excluded files can say: no blank, quote, backslash, wildcard or comment sign. */
const PLAIN = /^[\w.+,=@%~-][\w.+,=@%~/-]*$/;

/** Looks only, at the tree and at where its files of value are to go: what would stop the copying is said here. */
export async function planAdoption(
	context: Context,
	source: TreeSource,
	paths: ReleasePaths,
	options: AdoptOptions,
): Promise<Adoption & { step: Step }> {
	const adoption = await surveyAdoption(source.tree);
	const { valuable, generated, strange } = adoption;
	const owner = await ownerFor(context, options);
	const path = await buildDirectory(context, paths, options);
	if (valuable.length > 0) await checkCopies(source, paths, adoption, { path, owner });
	const named = (files: readonly NativePath[]): string => files.map(escapeNative).join(", ");
	if (strange.length > 0) {
		const what = "neither source nor known as generated, so left out of the image and never removed";
		context.warn(`${what}: ${named(strange)}`);
	}
	const say = [
		...(valuable.length > 0 ? [`copy ${named(valuable)} to ${path}`] : []),
		...(generated.length > 0 ? [`leave out ${generated.length} generated files and directories`] : []),
		...(strange.length > 0 ? [`leave out and keep what is neither source nor generated: ${named(strange)}`] : []),
	];
	const run = async (): Promise<void> => await saveAdoption(context, source, paths, adoption, options);
	return { ...adoption, step: { name: "adopt", say, lasts: true, run } };
}

interface Copies {
	files: Map<string, Buffer>;
	/** Names that are not in the build directory yet. */
	missing: string[];
}

/** Throws for what cannot be read, or could not be copied to the build directory. */
async function checkCopies(
	{ tree, fate }: TreeSource,
	{ release, mountPoint }: ReleasePaths,
	adoption: Adoption,
	{ path, owner }: { path: string; owner: Owner },
): Promise<Copies> {
	const files = await readValuable(tree, adoption, owner);
	const missing = await missingCopies(path, files, { owner, stays: fate === "keep" });
	await checkDirectory({ path, source: mountPoint, release, owner });
	return { files, missing };
}

/** Throws ERR_KSQUASH_TREE_UNSUITABLE for a name that cannot be left out. */
async function surveyAdoption(tree: KernelTree): Promise<Adoption> {
	const found = await attempt(`look through ${tree.path}`, surveyBuiltTree(tree.path, VERSION_CONTROL));
	const leftOut = [...found.generated, ...found.valuable, ...found.strange].map((path) => {
		if (typeof path === "string" && PLAIN.test(path)) return path;
		const why = `${escapeNative(path)} looks generated, and its name is none that mksquashfs could be told to leave out`;
		throw new KsquashError("ERR_KSQUASH_TREE_UNSUITABLE", `${tree.path} cannot be adopted: ${why}`, {
			hint: "rename or remove that file",
		});
	});
	return { ...found, leftOut, saved: new Map() };
}

/** Copies what is of value to the build directory; all of it is on the disk on return. */
async function saveAdoption(
	context: Context,
	source: TreeSource,
	paths: ReleasePaths,
	adoption: Adoption,
	options: AdoptOptions,
): Promise<void> {
	if (adoption.valuable.length === 0) return;
	const owner = await ownerFor(context, options);
	const path = await buildDirectory(context, paths, options);
	const copyMissing = async (): Promise<void> => {
		const { files, missing } = await checkCopies(source, paths, adoption, { path, owner });
		await prepareDirectory({ path, source: paths.mountPoint, release: paths.release, owner, root: paths.root });
		for (const name of missing) await copy(path, name, files.get(name) as Buffer, owner);
		for (const [name, bytes] of files) adoption.saved.set(name, hash(bytes));
	};
	await withLock(context, buildKey(buildName(paths.release, options.variant)), async () => {
		const label = `copy ${adoption.valuable.join(", ")} to ${path}`;
		await context.step("adopt", label, copyMissing, { lasts: true });
	});
}

/** After the proof, which took the snapshot that decides what may go: a file edited since it was copied stops it. */
export async function assertSaved(tree: KernelTree, { saved }: Adoption): Promise<void> {
	for (const [name, sha256] of saved) {
		const now = await attempt(`read ${join(tree.path, name)}`, readFrom(tree, name, undefined));
		if (hash(now) === sha256) continue;
		throw new KsquashError("ERR_KSQUASH_CHANGED", `${join(tree.path, name)} changed after it was copied`);
	}
}

/** Where configure will look for it. */
async function buildDirectory(
	{ layout }: Context,
	{ release }: ReleasePaths,
	{ buildDir, variant }: AdoptOptions,
): Promise<string> {
	if (buildDir !== undefined) return resolve(buildDir);
	const usual = join(layout.sourceDir, buildName(release, variant));
	const target = await readLinkIfExists(usual);
	return (target === undefined ? undefined : await followLink(layout, target)) ?? usual;
}

async function ownerFor(context: Context, { owner }: AdoptOptions): Promise<Owner> {
	return owner === undefined ? await defaultOwner(context) : await findOwner(owner);
}

/** For an owner other than root only files of his own: he could put a link to another's in the place of one. */
async function readFrom(tree: KernelTree, name: string, owner: Owner | undefined): Promise<Buffer> {
	const { uid } = await attempt(`look at ${name}`, lstat(join(tree.path, name)));
	const reader = owner === undefined || owner.uid === 0 ? { ...(owner ?? NOBODY), uid } : owner;
	const bytes = await readOwned(tree.path, name, reader).catch((error: unknown) => {
		if (!(error instanceof KsquashError) || error.code !== "ERR_KSQUASH_FOREIGN_OWNER") throw error;
		const hint = text`leave ${option("owner", reader.name)} out and chown the build directory afterwards; or chown ${reader.name} ${join(tree.path, name)}`;
		throw error.with({ hint });
	});
	if (bytes !== undefined) return bytes;
	throw new KsquashError("ERR_KSQUASH_CHANGED", `${join(tree.path, name)} went away while it was read`);
}

const NOBODY = { uid: 0, gid: 0, known: false, name: "root", home: "/" };

interface Adopting {
	owner: Owner;
	/** The tree is only read. */
	stays: boolean;
}

async function readValuable(tree: KernelTree, { valuable }: BuiltTree, owner: Owner): Promise<Map<string, Buffer>> {
	const files = new Map<string, Buffer>();
	for (const name of valuable) files.set(name, await readFrom(tree, name, owner));
	return files;
}

/**
 * Names of copies that are not there yet. Throws ERR_KSQUASH_OCCUPIED where another file has the name: none is overwritten.
 *
 * A configure that was broken off has these copies, and may have made others of them: it goes on from its own memory.
 */
async function missingCopies(path: string, files: ReadonlyMap<string, Buffer>, at: Adopting): Promise<string[]> {
	if ((await lstatIfExists(path)) === undefined) return [...files.keys()];
	const { owner, stays } = at;
	const config = files.get(".config");
	const interrupted = config !== undefined && (await readOwned(path, CONFIG_BACKUP, owner))?.equals(config);
	const done = !interrupted ? [] : stays ? [".config", ".config.old"] : [".config"];
	const missing: string[] = [];
	for (const [name, bytes] of files) {
		if (done.includes(name)) continue;
		const there = await readOwned(path, name, owner);
		if (there === undefined) missing.push(name);
		else if (!there.equals(bytes)) throw occupied(join(path, name));
	}
	return missing;
}

function occupied(path: string): KsquashError {
	return new KsquashError("ERR_KSQUASH_OCCUPIED", `${path} is there, and is another than the tree's`, {
		path,
		hint: text`move one of the two away, or give the tree's build a directory of its own with ${option("variant", blank("NAME"))}`,
	});
}

async function copy(path: string, name: string, bytes: Buffer, owner: Owner): Promise<void> {
	const directory = dirname(name);
	if (directory !== "." && (await lstatIfExists(join(path, directory))) === undefined) {
		await makeOwned(join(path, directory), owner);
	}
	const place = directory === "." ? path : join(path, directory);
	const mode = directory === "certs" ? 0o600 : 0o644;
	await writeOwned(place, name.slice(name.lastIndexOf("/") + 1), bytes, owner, mode);
}

function hash(bytes: Buffer): string {
	return createHash("sha256").update(bytes).digest("hex");
}
