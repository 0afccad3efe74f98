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
import { prepareDirectory } from "../../build/directory.ts";
import { makeOwned, readOwned, writeOwned } from "../../build/files.ts";
import { findOwner, type Owner } from "../../build/ownership.ts";
import { KsquashError } from "../../errors.ts";
import { buildKey, buildName, type ReleasePaths } from "../../layout.ts";
import type { NativePath } from "../../native/verbs.ts";
import type { Options } from "../../options/types.ts";
import { defaultOwner, followLink } from "../../release/builds.ts";
import type { Context } from "../../release/context.ts";
import { withLock } from "../../release/locks.ts";
import { type KernelTree, VERSION_CONTROL } from "../../source/tree.ts";
import { attempt } from "../../system/failure.ts";
import { lstatIfExists, readLinkIfExists } from "../../system/files.ts";
import { escapeNative } from "../../system/list.ts";
import { option, text } from "../../text.ts";

export type AdoptOptions = Pick<Options<"pack">, "adopt" | "buildDir" | "variant" | "owner">;

export interface Adoption extends BuiltTree {
	/** All that stays out of the image. */
	leftOut: string[];
	/** Name → hex sha256 of what was copied. */
	saved: Map<string, string>;
}

/** What mksquashfs's list of excluded files can say: no blank, quote, backslash, wildcard or comment sign. */
const PLAIN = /^[\w.+,=@%~-][\w.+,=@%~/-]*$/;

/** Looks only. Throws ERR_KSQUASH_TREE_UNSUITABLE for a name that cannot be left out. */
export async function surveyAdoption(tree: KernelTree): Promise<Adoption> {
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
export async function saveAdoption(
	context: Context,
	tree: KernelTree,
	paths: ReleasePaths,
	adoption: Adoption,
	options: AdoptOptions,
): Promise<void> {
	if (adoption.valuable.length === 0) return;
	const owner = await ownerFor(context, options);
	const path = await buildDirectory(context, paths, options);
	await withLock(context, buildKey(buildName(paths.release, options.variant)), async () => {
		await context.step("adopt", `copy ${adoption.valuable.join(", ")} to ${path}`, async () => {
			const files = new Map<string, Buffer>();
			for (const name of adoption.valuable) files.set(name, await readFrom(tree, name, owner));
			if ((await lstatIfExists(path)) !== undefined) await assertNothingLost(path, files, owner);
			await prepareDirectory({ path, source: paths.mountPoint, release: paths.release, owner, root: paths.root });
			for (const [name, bytes] of files) {
				await copy(path, name, bytes, owner);
				adoption.saved.set(name, hash(bytes));
			}
		});
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

/** A .config has .config.old to go to; nothing else is overwritten. */
async function assertNothingLost(path: string, files: ReadonlyMap<string, Buffer>, owner: Owner): Promise<void> {
	for (const [name, bytes] of files) {
		if (name === ".config" || name === ".config.old") continue;
		const there = await readOwned(path, name, owner);
		if (there === undefined || there.equals(bytes)) continue;
		throw new KsquashError("ERR_KSQUASH_OCCUPIED", `${join(path, name)} is there, and is another than the tree's`, {
			path: join(path, name),
			hint: "move one of the two away",
		});
	}
}

async function copy(path: string, name: string, bytes: Buffer, owner: Owner): Promise<void> {
	const there = await readOwned(path, name, owner);
	if (there?.equals(bytes)) return;
	if (name === ".config.old" && there !== undefined) return;
	if (name === ".config" && there !== undefined) await writeOwned(path, ".config.old", there, owner);
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

/** For a dry run: what would be done, or the error that it would end with. */
export async function adoptionSteps(
	context: Context,
	tree: KernelTree,
	paths: ReleasePaths,
	options: AdoptOptions,
): Promise<string[]> {
	const { valuable, generated, strange } = await surveyAdoption(tree);
	const owner = await ownerFor(context, options);
	for (const name of valuable) await readFrom(tree, name, owner);
	const named = (files: readonly NativePath[]): string => files.map(escapeNative).join(", ");
	return [
		...(valuable.length > 0 ? [`copy ${named(valuable)} to ${await buildDirectory(context, paths, options)}`] : []),
		...(generated.length > 0 ? [`leave out ${generated.length} generated files and directories`] : []),
		...(strange.length > 0 ? [`leave out and keep what is neither source nor generated: ${named(strange)}`] : []),
	];
}
