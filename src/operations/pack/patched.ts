/**
 * A source that is patched before it is packed: as files in a scratch directory beside the image, gone at every end.
 *
 * Owns: the scratch directory's life, that it holds the whole source before the first patch, and which sources can be
 * patched: no tree is ever changed in its place.
 * Leaves to others: the patches (src/source/patch.ts) and the image (write.ts).
 */

import { chmod, mkdir, utimes } from "node:fs/promises";
import { KsquashError } from "../../errors.ts";
import type { Origin } from "../../image/manifest.ts";
import { type Layout, releasePaths, tarballKey, temporaryImage } from "../../layout.ts";
import { listTree, removeTree, type TreeList } from "../../native/verbs.ts";
import type { Context } from "../../release/context.ts";
import { withLock } from "../../release/locks.ts";
import { applyPatches, type Patch, patchBytes } from "../../source/patch.ts";
import type { TopDirectory } from "../../source/repack.ts";
import type { Tarball } from "../../source/tarball.ts";
import { assertSameTree, type KernelTree, readTree, VERSION_CONTROL } from "../../source/tree.ts";
import { attempt } from "../../system/failure.ts";
import { temporaryName } from "../../system/files.ts";
import { contentHash, diffLists, newestTime } from "../../system/list.ts";
import { copyTree, untar } from "../../tar/untar.ts";
import { blank, option, text } from "../../text.ts";
import type { PackContext, PackResult } from "./context.ts";
import { assertSpace, type PackOptions, SCRATCH_RATIO } from "./options.ts";
import { settleImage } from "./settle.ts";
import type { Source } from "./source.ts";
import { streamInto } from "./stream.ts";
import { ofTarball, type Writing, type WrittenImage, withTemporary, writeFromTree } from "./write.ts";

/** Fills an empty directory with the source. */
export interface Filling {
	/** What is packed, for a person. */
	from: string;
	way: "extracted" | "copied";
	fill: (directory: string) => Promise<{ top: TopDirectory; list: TreeList; origin: Partial<Origin> }>;
}

/** Throws ERR_KSQUASH_USAGE or ERR_KSQUASH_TREE_UNSUITABLE for what cannot be combined with patches. */
export function assertPatchable(layout: Layout, source: Source, options: PackOptions): void {
	if (!options.patches?.length) return;
	const other = options.adopt ? "adopt" : options.replaceSource ? "replaceSource" : undefined;
	if (other !== undefined) {
		const why = "the image holds the source as the patches made it, so nothing may go for it";
		throw new KsquashError(
			"ERR_KSQUASH_USAGE",
			text`${option("patches")} and ${option(other)} exclude each other: ${why}`,
		);
	}
	if (source.kind === "tree") assertElsewhere(layout, source.tree, source.release);
}

function assertElsewhere(layout: Layout, tree: KernelTree, release: string): void {
	if (releasePaths(layout, release).mountPoint !== tree.path) return;
	const why = `${tree.path} stands where the patched image of ${release} would be mounted, and no tree is patched in its place`;
	throw new KsquashError("ERR_KSQUASH_TREE_UNSUITABLE", why, {
		hint: text`give the tarball, or name the patched release: ${option("release", blank("REL"))}`,
	});
}

/** A tree that stands elsewhere; it is only read. */
export async function packPatchedTree(
	job: PackContext,
	{ tree }: Extract<Source, { kind: "tree" }>,
): Promise<PackResult> {
	const { context, resolved, patches, options } = job;
	const key = tarballKey(tree.id);
	const work = async (): Promise<PackResult> => {
		const { signal } = context;
		const list = await context.step("read", `read ${tree.path}`, async (tick) => {
			const onProgress = ({ bytes }: { bytes: number }): void => tick({ done: bytes, unit: "bytes" });
			return await attempt(
				`read ${tree.path}`,
				listTree({ tree: tree.path, exclude: VERSION_CONTROL, signal, onProgress }),
			);
		});
		const bytes = list.bytes + patchBytes(patches);
		await assertSpace(context, bytes, resolved.ratio + SCRATCH_RATIO, list.entries);
		const fill = async (directory: string): ReturnType<Filling["fill"]> => {
			await context.step("copy", `copy ${tree.path} into a scratch directory`, async () => {
				await copyTree(tree.path, directory, { exclude: VERSION_CONTROL, signal, nice: resolved.nice });
				await assertSameTree(tree);
			});
			return { top: { mode: tree.mode, mtime: tree.mtime }, list, origin: {} };
		};
		const temporary = temporaryImage(context.layout, key);
		return await withTemporary(temporary, async () => {
			const writing = { ...job, temporary, options: resolved, release: options.release, total: list.bytes };
			const copy = { from: tree.path, way: "copied" as const, fill };
			const check = (release: string): void => assertElsewhere(context.layout, tree, release);
			const written = await writePatched(context, patches, writing, copy, check);
			const origin = { kind: "tree" as const, path: tree.path };
			return await settleImage(job, written, origin, async () => ({ source: "kept" }));
		});
	};
	return await withLock(context, key, work, { what: tree.path });
}

/** A tarball into files. */
export function extraction(context: Context, tarball: Tarball, { options, release, trust }: Writing): Filling {
	const { frugal, nice } = options;
	const fill = async (directory: string): ReturnType<Filling["fill"]> => {
		return await context.step("extract", `extract ${tarball.path} into a scratch directory`, async (tick) => {
			const onProgress = (done: number): void => tick({ done, total: tarball.bytes, unit: "bytes" });
			const unpacking = { release, onProgress, frugal, nice, ...trust };
			let top: TopDirectory = { mode: 0o755, mtime: 0 };
			const { content } = await streamInto(context, tarball, unpacking, (found, signal) => {
				top = found;
				return untar(directory, { signal, nice });
			});
			return { top, list: content.list, origin: ofTarball(content) };
		});
	};
	return { from: tarball.path, way: "extracted", fill };
}

/** `check` is given the release that the patched tree says, before the long work. */
export async function writePatched(
	context: Context,
	patches: readonly Patch[],
	writing: Writing,
	{ from, way, fill }: Filling,
	check: (release: string) => void = () => undefined,
): Promise<WrittenImage> {
	context.warn(
		text`${option("patches")} works on files: ${from} is ${way} into a scratch directory beside the image first`,
	);
	return await withScratch(context, temporaryName(writing.temporary), async (directory) => {
		const { top, list, origin } = await fill(directory);
		const settleTop = async (): Promise<void> => {
			await attempt(`set the mode of ${directory}`, chmod(directory, top.mode));
			await attempt(`set the time of ${directory}`, utimes(directory, top.mtime, top.mtime));
		};
		await settleTop();
		await context.step("patch", `apply ${patches.map(({ path }) => path).join(", ")}`, async () => {
			const there = await attempt(`read ${directory}`, listTree({ tree: directory, signal: context.signal }));
			assertWhole(list, there, from, way);
			const time = newestTime(list);
			await applyPatches(directory, patches, { signal: context.signal, time, warn: context.warn });
			await settleTop();
		});
		const tree = await readTree(directory, { release: writing.release });
		check(tree.release);
		const written = await writeFromTree(context, tree, { ...writing, called: `the patched ${from}` });
		const applied = patches.map(({ path, sha256 }) => ({ path, sha256 }));
		return { ...written, origin: { ...origin, way, patches: applied } };
	});
}

async function withScratch<T>(context: Context, directory: string, work: (path: string) => Promise<T>): Promise<T> {
	await attempt(`make ${directory}`, mkdir(directory, { mode: 0o700 }));
	try {
		return await work(directory);
	} finally {
		// A failed undo never hides the first error; the next run finds what stays.
		await removeTree({ path: directory }).catch((error: Error) => {
			context.warn(`${directory} could not be removed: ${error.message}; the next pack removes it`);
		});
	}
}

function assertWhole(source: TreeList, copy: TreeList, from: string, way: Filling["way"]): void {
	if (contentHash(source) === contentHash(copy)) return;
	const differences = diffLists(source, copy, [from, "the scratch directory"]);
	throw new KsquashError("ERR_KSQUASH_PROOF", `what was ${way} from ${from} is not equal to it`, {
		notes: differences.slice(0, 20).map(({ path, what }) => `${path}: ${what}`),
		differences,
	});
}
