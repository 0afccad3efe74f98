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
import type { Context, Tick } from "../../release/context.ts";
import { Handover, type Plan, runSteps, type Step, type Work } from "../../release/plan.ts";
import { applyPatches, type Patch, patchBytes } from "../../source/patch.ts";
import type { TopDirectory } from "../../source/repack.ts";
import type { Tarball } from "../../source/tarball.ts";
import { assertSameTree, type KernelTree, readTree, VERSION_CONTROL } from "../../source/tree.ts";
import { attempt } from "../../system/failure.ts";
import { temporaryName } from "../../system/files.ts";
import { contentHash, diffLists, newestTime } from "../../system/list.ts";
import { copyTree, untar } from "../../tar/untar.ts";
import { blank, option, text } from "../../text.ts";
import { type Done, type Known, newOutcome, type Outcome, type PackContext, packPlan, writingOf } from "./context.ts";
import { assertSpace, type PackOptions, SCRATCH_RATIO } from "./options.ts";
import { planSettling } from "./settle.ts";
import type { Source } from "./source.ts";
import { streamInto } from "./stream.ts";
import { imageLines, ofTarball, treeImageSteps, type Writing, type WrittenImage, withTemporary } from "./write.ts";

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
export async function planPatchedTree(
	job: PackContext,
	{ tree }: Extract<Source, { kind: "tree" }>,
): Promise<Plan<Known, Done>> {
	const { context, resolved, patches, options } = job;
	const { signal } = context;
	const outcome = newOutcome(options.release);
	const reading = { tree: tree.path, exclude: VERSION_CONTROL, signal };
	const size = await attempt(`read ${tree.path}`, listTree({ ...reading, content: false }));
	await assertSpace(context, size.bytes + patchBytes(patches), resolved.ratio + SCRATCH_RATIO, size.entries);
	const source = new Handover<TreeList>();
	const read = async (tick: Tick): Promise<void> => {
		const onProgress = ({ bytes }: { bytes: number }): void => tick({ done: bytes, unit: "bytes" });
		source.set(await attempt(`read ${tree.path}`, listTree({ ...reading, onProgress })));
	};
	const fill = async (directory: string): ReturnType<Filling["fill"]> => {
		await context.step("copy", `copy ${tree.path} into a scratch directory`, async () => {
			await copyTree(tree.path, directory, { exclude: VERSION_CONTROL, signal, nice: resolved.nice });
			await assertSameTree(tree);
		});
		return { top: { mode: tree.mode, mtime: tree.mtime }, list: source.get(), origin: {} };
	};
	const temporary = temporaryImage(context.layout, tarballKey(tree.id));
	const writing = writingOf(job, temporary, options.release, { release: options.release, total: size.bytes });
	const image = new Handover<WrittenImage>();
	const copy = { from: tree.path, way: "copied" as const, fill };
	const check = (release: string): void => assertElsewhere(context.layout, tree, release);
	const made = patchedSteps(context, job, writing, copy, { image, outcome, check });
	const origin = { kind: "tree" as const, path: tree.path };
	const settling = await planSettling(job, { image, origin, outcome, dispose: [] });
	const first: Step = { name: "read", say: [], lasts: false, label: `read ${tree.path}`, run: read };
	const within = async (work: () => Promise<void>): Promise<void> => await withTemporary(temporary, work);
	return packPlan(context, [first, { steps: [...made, ...settling], within }], outcome);
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

export interface PatchedImage {
	image: Handover<WrittenImage>;
	outcome: Outcome;
	/** Is given the release that the patched tree says, before the long work. */
	check?: (release: string) => void;
}

/** The source as files in a scratch directory, patched there; its image, proved. */
export function patchedSteps(
	context: Context,
	{ patches }: PackContext,
	writing: Writing,
	{ from, way, fill }: Filling,
	{ image, outcome, check }: PatchedImage,
): Work[] {
	context.warn(
		text`${option("patches")} works on files: ${from} is ${way} into a scratch directory beside the image first`,
	);
	outcome.unchecked.push(`whether ${patches.map(({ path }) => path).join(", ")} can be applied: that writes files`);
	const scratch = temporaryName(writing.temporary);
	const filled = new Handover<Awaited<ReturnType<Filling["fill"]>>>();
	const called = `the patched ${from}`;
	const count = ({ touched }: Patch): string => `${touched.length} ${touched.length === 1 ? "file" : "files"}`;
	const first: Step = {
		name: way === "copied" ? "copy" : "extract",
		say: [`put ${from} into a scratch directory beside the image, which is removed at the end`],
		lasts: false,
		run: async () => {
			const source = filled.set(await fill(scratch));
			await settleTop(scratch, source.top);
		},
	};
	const patch: Step = {
		name: "patch",
		say: patches.map((one) => `apply ${one.path} (${count(one)})`),
		lasts: false,
		label: `apply ${patches.map(({ path }) => path).join(", ")}`,
		run: async () => await patchScratch(context, scratch, patches, filled.get(), { from, way }),
	};
	const pack: Step = {
		name: "pack",
		say: imageLines(called, writing),
		lasts: false,
		run: async () => {
			const tree = await readTree(scratch, { release: writing.release });
			check?.(tree.release);
			await runSteps(context, treeImageSteps(context, tree, { ...writing, called }, image));
			const applied = patches.map(({ path, sha256 }) => ({ path, sha256 }));
			image.set({ ...image.get(), origin: { ...filled.get().origin, way, patches: applied } });
		},
	};
	const within = async (work: () => Promise<void>): Promise<void> => await withScratch(context, scratch, work);
	return [{ steps: [first, patch, pack], within }];
}

async function settleTop(directory: string, top: TopDirectory): Promise<void> {
	await attempt(`set the mode of ${directory}`, chmod(directory, top.mode));
	await attempt(`set the time of ${directory}`, utimes(directory, top.mtime, top.mtime));
}

async function patchScratch(
	context: Context,
	directory: string,
	patches: readonly Patch[],
	{ list, top }: { list: TreeList; top: TopDirectory },
	{ from, way }: Pick<Filling, "from" | "way">,
): Promise<void> {
	const there = await attempt(`read ${directory}`, listTree({ tree: directory, signal: context.signal }));
	assertWhole(list, there, from, way);
	const time = newestTime(list);
	await applyPatches(directory, patches, { signal: context.signal, time, warn: context.warn });
	await settleTop(directory, top);
}

async function withScratch(context: Context, directory: string, work: () => Promise<void>): Promise<void> {
	await attempt(`make ${directory}`, mkdir(directory, { mode: 0o700 }));
	try {
		await work();
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
