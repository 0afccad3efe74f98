/**
 * A kernel source tree on disk: is it one, which release, is it pristine, is it under version control?
 *
 * Owns: what makes a directory a packable kernel tree, and the reason when it is none.
 * Leaves to others: reading its content (the add-on) and what happens to it (operations).
 */

import { lstat, readdir, readFile, realpath } from "node:fs/promises";
import { join } from "node:path";
import { KsquashError } from "../errors.ts";
import type { FileId } from "../native/verbs.ts";
import { attempt } from "../system/failure.ts";
import { fileId, lstatIfExists } from "../system/files.ts";
import { isLocalVersionName, kernelRelease } from "./release.ts";

export interface KernelTree {
	/** Real path of the top directory. */
	path: string;
	release: string;
	/** The top directory itself. */
	id: FileId;
	/** The top directory's permission bits. */
	mode: number;
	/** The top directory's mtime, whole seconds since 1970. */
	mtime: number;
	/** Version control found in the top directory: .git, .hg, .svn, .pc. */
	versionControl: string[];
}

/** What every kernel tree has had since 2.6; a directory that lacks one is not one. */
const REQUIRED = ["Kbuild", "Kconfig", "arch", "include", "init", "kernel", "scripts"] as const;

/** Never packed, and a tree that has one is not replaced unless that is said. */
export const VERSION_CONTROL: readonly string[] = [".git", ".hg", ".svn", ".pc"];

/**
 * Reads what is needed to know about a tree; changes nothing.
 *
 * `release` overrides the tree's own, `built` allows a tree that was built in. Throws ERR_KSQUASH_NO_INPUT, ERR_KSQUASH_NOT_A_KERNEL,
 * ERR_KSQUASH_TREE_UNSUITABLE (a symlink), ERR_KSQUASH_TREE_BUILT, ERR_KSQUASH_RELEASE_NAME.
 */
export async function readTree(
	path: string,
	{ release, built = false }: { release?: string | undefined; built?: boolean | undefined } = {},
): Promise<KernelTree> {
	const stats = await lstatIfExists(path);
	if (stats === undefined) throw new KsquashError("ERR_KSQUASH_NO_INPUT", `there is no ${path}`);
	if (stats.isSymbolicLink()) {
		throw new KsquashError("ERR_KSQUASH_TREE_UNSUITABLE", `${path} is a symbolic link`, {
			hint: `give the directory itself: ${await realpath(path).catch(() => "the link dangles")}`,
		});
	}
	if (!stats.isDirectory()) throw new KsquashError("ERR_KSQUASH_NOT_A_KERNEL", `${path} is no directory`);
	const names = await attempt(`read ${path}`, readdir(path));
	const missing = ["Makefile", ...REQUIRED].filter((name) => !names.includes(name));
	if (missing.length > 0) {
		const what = names.length === 0 ? "it is empty" : `it has no ${missing.join(", ")}`;
		throw new KsquashError("ERR_KSQUASH_NOT_A_KERNEL", `${path} is no kernel source: ${what}`);
	}
	const own = async (): Promise<string> => {
		const makefile = await attempt(`read ${path}/Makefile`, readFile(join(path, "Makefile"), "utf8"));
		const files = names.filter(isLocalVersionName);
		const local = files.map(async (name) => ({ name, text: await readFile(join(path, name), "utf8") }));
		return kernelRelease(makefile, await Promise.all(local), path);
	};
	if (!built) await assertPristine(path);
	return {
		path: await realpath(path),
		release: release ?? (await own()),
		id: fileId(stats),
		mode: Number(stats.mode & 0o7777n),
		mtime: Number(stats.mtimeMs / 1000n),
		versionControl: VERSION_CONTROL.filter((name) => names.includes(name)),
	};
}

/** Kbuild refuses every O= build from such a tree, and mrproper cannot run on a read-only one. */
async function assertPristine(path: string): Promise<void> {
	const found: string[] = [];
	for (const name of [".config", "include/config", "include/generated"]) {
		if ((await lstatIfExists(join(path, name))) !== undefined) found.push(name);
	}
	for (const arch of await readdir(join(path, "arch"))) {
		const generated = join("arch", arch, "include/generated");
		if ((await lstatIfExists(join(path, generated))) !== undefined) found.push(generated);
	}
	if (found.length === 0) return;
	throw new KsquashError("ERR_KSQUASH_TREE_BUILT", `${path} was built in or configured: it has ${found.join(", ")}`);
}

/** Throws ERR_KSQUASH_CHANGED unless `path` is still the tree that was read. */
export async function assertSameTree(tree: KernelTree): Promise<void> {
	const stats = await lstat(tree.path, { bigint: true });
	if (fileId(stats) !== tree.id) {
		throw new KsquashError("ERR_KSQUASH_CHANGED", `${tree.path} is not the directory that was read any more`);
	}
}
