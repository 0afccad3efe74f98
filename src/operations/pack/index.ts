/**
 * pack: a tree or tarball becomes an image that is proved equal to it; then, where that is wanted, the source goes.
 *
 * Owns: the choice between the ways, the locks, and leftovers of dead runs.
 * Leaves to others: the ways (tree.ts, tarball.ts, patched.ts).
 */

import { KsquashError } from "../../errors.ts";
import type { ImageTools } from "../../image/format.ts";
import { formats } from "../../image/formats.ts";
import { releasePaths, tarballKey } from "../../layout.ts";
import { mountProblem } from "../../mount/mounter.ts";
import { missingProgram, which } from "../../process/run.ts";
import { findEntry } from "../../release/catalog.ts";
import { type Context, openContext } from "../../release/context.ts";
import { decompressorProblem } from "../../release/decompressors.ts";
import { hasDisplacedTree } from "../../release/displaced-tree.ts";
import { leftoverStep, withLock } from "../../release/locks.ts";
import { type Dry, describePlan, execute, type Plan, perform, type Real, runSteps } from "../../release/plan.ts";
import { readPatches } from "../../source/patch.ts";
import { option, text } from "../../text.ts";
import {
	assertGood,
	type Done,
	type Known,
	newOutcome,
	type PackContext,
	type PackPlan,
	type PackResult,
	packPlan,
	warnOfOtherWishes,
} from "./context.ts";
import { planLeft } from "./left.ts";
import { type PackOptions, type ResolvedOptions, resolveOptions } from "./options.ts";
import { assertPatchable, planPatchedTree } from "./patched.ts";
import { openSource, type Source } from "./source.ts";
import { planTarball } from "./tarball.ts";
import { planTree } from "./tree.ts";
import { resolveTrust } from "./trust.ts";

export type { PackPlan, PackResult } from "./context.ts";
export type { PackOptions } from "./options.ts";

/**
 * Packs `source` (a path, or a release whose tree stands in its place).
 *
 * The source is removed only when the image is proved equal to it, and only a tree that stands where its mount point
 * will be (`replaceSource` extends that to other sources). Throws KsquashError; nothing half done stays.
 */
export async function pack(source: string, options?: Real<PackOptions>): Promise<PackResult>;
export async function pack(source: string, options: Dry<PackOptions>): Promise<PackPlan>;
export async function pack(source: string, options?: PackOptions): Promise<PackResult | PackPlan>;
export async function pack(source: string, options: PackOptions = {}): Promise<PackResult | PackPlan> {
	const context = await openContext("pack", options, { source });
	const opened = await openSource(context.layout, source, options);
	const job = await openJob(context, opened, options);
	if (opened.kind === "packed") return (await completePacked(job, opened.release)) ?? (await pack(source, options));
	const before = [await leftoverStep(context)];
	if (opened.kind === "tarball") {
		const { id, path: what } = opened.tarball;
		const within = async (work: () => Promise<PackResult>): Promise<PackResult> => {
			return await withLock(context, tarballKey(id), work, { what });
		};
		return await perform(context, { before, plan: async () => await planTarball(job, opened), within });
	}
	const { tree, release } = opened;
	const patched = job.patches.length > 0;
	const within = async (work: () => Promise<PackResult>): Promise<PackResult> => {
		if (patched) return await withLock(context, tarballKey(tree.id), work, { what: tree.path });
		return await withLock(context, releasePaths(context.layout, release).name, work);
	};
	const plan = async (): Promise<Plan<Known, Done>> => {
		return patched ? await planPatchedTree(job, opened) : await planTree(job, opened);
	};
	return await perform(context, { before, plan, within });
}

/** All that can be said before a lock is taken. */
async function openJob(context: Context, opened: Source, options: PackOptions): Promise<PackContext> {
	assertPatchable(context.layout, opened, options);
	const patches = await readPatches(options.patches ?? [], context.signal);
	if (patches.length > 0 && which("patch") === undefined) throw missingProgram("patch");
	const format = formats[options.format ?? "squashfs"];
	const tools = await format.tools();
	const resolved = resolveOptions(context, format, tools, options);
	const problem = await whyNotMountable(context, resolved, tools, options);
	const trust = await resolveTrust(opened.kind === "tarball" ? "tarball" : "tree", options);
	if (opened.kind === "packed") {
		// What a replacing that broke off has set aside is what it packed: the same command goes on from there.
		const begun = options.replace && (await hasDisplacedTree(releasePaths(context.layout, opened.release)));
		assertNothingAsked(opened.release, begun ? { ...options, replace: false } : options);
	}
	return { context, format, tools, resolved, options, trust, patches, mountable: problem === undefined, problem };
}

/** Throws where the image is for this machine and its kernel lacks the compressor; otherwise that only rules a mount out. */
async function whyNotMountable(
	{ layout, probe }: Context,
	{ compression }: ResolvedOptions,
	tools: ImageTools,
	{ mounts, format }: PackOptions,
): Promise<KsquashError | undefined> {
	const problem = await decompressorProblem(compression.compressor, tools.compressors, format);
	if (problem !== undefined && (mounts || layout.root === "/")) throw problem;
	return mountProblem(probe, format) ?? problem;
}

/** What an interrupted run left is completed; undefined when its tree is back in its place, without an image. */
async function completePacked(job: PackContext, release: string): Promise<PackResult | PackPlan | undefined> {
	const { context } = job;
	const paths = releasePaths(context.layout, release);
	const before = await leftoverStep(context);
	const outcome = newOutcome(release);
	if (context.dryRun) {
		const { step, restores, unchecked } = await planLeft(context, paths);
		const after = restores ? ["what is packed then: that tree is looked at when it is back in its place"] : [];
		outcome.unchecked.push(...unchecked, ...after);
		outcome.already = !restores;
		if (!restores) await checkPacked(job, release);
		return describePlan(packPlan(context, [before, step], outcome, "nothing: it is packed already"));
	}
	await runSteps(context, [before]);
	return await withLock(context, paths.name, async () => {
		const { step, replaced } = await planLeft(context, paths);
		await runSteps(context, [step]);
		if (replaced()?.restored || !(await checkPacked(job, release))) return undefined;
		const kept = replaced()?.kept ?? [];
		// Not what this image was made of, after all.
		if (kept.length > 0) assertNothingAsked(release, job.options);
		const source = replaced() === undefined || kept.length > 0 ? "absent" : "replaced";
		Object.assign(outcome, { already: true, source, kept });
		return await execute(context, packPlan(context, [], outcome));
	});
}

/** Is there an image? Throws ERR_KSQUASH_EXISTS for one that is no good. */
async function checkPacked(job: PackContext, release: string): Promise<boolean> {
	const entry = await findEntry(job.context.layout, release);
	if (entry === undefined) return false;
	assertGood(entry);
	warnOfOtherWishes(job, entry);
	return true;
}

/** Only the source can be packed anew, and it is gone. */
function assertNothingAsked(packed: string, { replace, release, patches }: PackOptions): void {
	const asked = replace
		? "replace"
		: patches?.length
			? "patches"
			: release !== undefined && release !== packed
				? "release"
				: undefined;
	if (asked === undefined) return;
	const why = text`${packed} is packed already and its tree is gone: there is nothing that ${option(asked)} could pack`;
	throw new KsquashError("ERR_KSQUASH_USAGE", why, {
		hint: text`give the tarball, or another copy of the tree; without ${option(asked)} the command goes on from there`,
	});
}
