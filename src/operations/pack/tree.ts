/**
 * Packing a tree: write and prove an image (or prove the one that is there), then let the tree go where that is wanted.
 *
 * Owns: that order, and what would stop it. Leaves to others: each step's work.
 */

import { KsquashError } from "../../errors.ts";
import { formats } from "../../image/formats.ts";
import { type Proof, proveTree } from "../../image/proof.ts";
import { type ReleasePaths, releasePaths, temporaryImage } from "../../layout.ts";
import { listTree, type NativePath, statTarget } from "../../native/verbs.ts";
import { type Entry, findEntry } from "../../release/catalog.ts";
import type { Context } from "../../release/context.ts";
import { assertNoDisplacedTree, assertNotNeeded, ensureOnDisk } from "../../release/displaced-tree.ts";
import { Handover, type Plan, planLater, type Step, type Work } from "../../release/plan.ts";
import { assertSameTree, type KernelTree, VERSION_CONTROL } from "../../source/tree.ts";
import { attempt } from "../../system/failure.ts";
import { lstatIfExists } from "../../system/files.ts";
import { option, text } from "../../text.ts";
import { type Adoption, assertSaved, planAdoption } from "./adopt.ts";
import {
	assertGood,
	type Done,
	type Known,
	keepSteps,
	newOutcome,
	type Outcome,
	otherContent,
	type PackContext,
	packPlan,
	publishStep,
	writingOf,
} from "./context.ts";
import { pairStep, planLeft } from "./left.ts";
import { assertUnlinked } from "./links.ts";
import { assertSpace } from "./options.ts";
import { warnIfPortages } from "./owned.ts";
import { assertIdle, removeSourceStep, replaceSteps } from "./replace.ts";
import { restOf, type Source } from "./source.ts";
import { treeImageSteps, type WrittenImage, withTemporary } from "./write.ts";

type TreeSource = Extract<Source, { kind: "tree" }>;

/** Under the release's lock, except in a dry run. */
export async function planTree(job: PackContext, source: TreeSource): Promise<Plan<Known, Done>> {
	const { context, options } = job;
	const { tree, release } = source;
	const paths = releasePaths(context.layout, release);
	const outcome = newOutcome(release);
	// Read before the lock was ours: another ksquash may have put its mount there.
	await assertSameTree(tree);
	const first = tree.path === paths.mountPoint ? await pairStep(context, paths) : await elsewhere(job, paths, outcome);
	const rest = async (): Promise<readonly Work[]> => {
		if (options.replace && tree.path === paths.mountPoint) {
			await assertNoDisplacedTree(paths, { dryRun: context.dryRun });
		}
		return await treeSteps(job, source, paths, outcome);
	};
	const steps = [first, ...(await planLater(context, "pack", rest))];
	return packPlan(context, steps, outcome);
}

async function elsewhere({ context, options }: PackContext, paths: ReleasePaths, outcome: Outcome): Promise<Step> {
	const { step, unchecked } = await planLeft(context, paths, (left) => {
		if (options.replace) assertNotNeeded(left, paths);
	});
	outcome.unchecked.push(...unchecked);
	return step;
}

async function treeSteps(
	job: PackContext,
	source: TreeSource,
	paths: ReleasePaths,
	outcome: Outcome,
): Promise<readonly Work[]> {
	const { context, options } = job;
	const { tree, fate } = source;
	if (fate !== "keep") {
		await assertReplaceable(context, source, paths);
		await assertUnlinked(context, tree.path, fate, options.force ?? false);
	}
	if (fate === "replace") await warnIfPortages(context, tree.path);
	const entry = await findEntry(context.layout, paths.release);
	const adoption = options.adopt ? await planAdoption(context, source, paths, options) : undefined;
	const proof = new Handover<Proof>();
	const made =
		entry === undefined || options.replace
			? await imageSteps(job, tree, paths, { adoption, proof })
			: compareSteps(job, tree, entry, { adoption, proof });
	outcome.already = entry !== undefined && !options.replace;
	if (outcome.already)
		outcome.unchecked.push(`whether ${paths.image}, which is there, has the content of ${tree.path}`);
	const saved: Step[] =
		adoption === undefined
			? []
			: [{ name: "check", say: [], lasts: false, run: async () => await assertSaved(tree, adoption) }];
	const disposal = { proof, keep: adoption?.strange ?? [], outcome };
	return [...(adoption ? [adoption.step] : []), ...made, ...saved, ...disposeSteps(job, source, paths, disposal)];
}

interface Making {
	adoption: Adoption | undefined;
	proof: Handover<Proof>;
}

async function imageSteps(
	job: PackContext,
	tree: KernelTree,
	paths: ReleasePaths,
	{ adoption, proof }: Making,
): Promise<readonly Work[]> {
	const { context, resolved } = job;
	const count = { tree: tree.path, exclude: VERSION_CONTROL, content: false, signal: context.signal };
	const size = await attempt(`read ${tree.path}`, listTree(count));
	await assertSpace(context, size.bytes, resolved.ratio);
	const temporary = temporaryImage(context.layout, paths.name);
	const { release } = paths;
	const about = { release, leftOut: adoption?.leftOut ?? [], total: size.bytes };
	const image = new Handover<WrittenImage>();
	const made = treeImageSteps(context, tree, writingOf(job, temporary, release, about), image);
	const publish = publishStep(job, paths, image, { kind: "tree", path: tree.path });
	const keep: Step = {
		name: "publish",
		say: [],
		lasts: false,
		run: async () => {
			proof.set(image.get().proof);
		},
	};
	return [{ steps: [...made, publish, keep], within: async (work) => await withTemporary(temporary, work) }];
}

function compareSteps(job: PackContext, tree: KernelTree, entry: Entry, { adoption, proof }: Making): Step[] {
	assertGood(entry);
	const { context, resolved, mountable } = job;
	const { paths } = entry;
	const request = {
		format: entry.info ? formats[entry.info.format] : job.format,
		mountable,
		without: adoption?.leftOut,
		jobs: resolved.jobs,
		signal: context.signal,
		image: paths.image,
		tree: tree.path,
		exclude: VERSION_CONTROL,
	};
	const run = async (): Promise<void> => {
		// It may have been written a second ago, by whomever: the proof reads the disk, not the cache.
		await ensureOnDisk(paths);
		const result = await proveTree(request).catch((error: unknown) => {
			throw otherContent(error, entry, tree.path);
		});
		await assertSameTree(tree);
		proof.set(result);
	};
	const compare: Step = {
		name: "prove",
		say: [`compare ${paths.image}, which is there, with ${tree.path}, and refuse other content`],
		lasts: false,
		label: `compare the image that is there with ${tree.path}`,
		run,
	};
	const origin = { kind: "tree" as const, path: tree.path };
	return [compare, ...keepSteps(job, entry, proof, () => origin, adoption?.leftOut.length)];
}

/** Everything that would stop the replacement is said before any work. */
async function assertReplaceable({ dryRun }: Context, { tree, fate }: TreeSource, paths: ReleasePaths): Promise<void> {
	const { state } = await attempt(`look at ${tree.path}`, statTarget(tree.path));
	if (state !== "unmounted") {
		throw new KsquashError("ERR_KSQUASH_TREE_UNSUITABLE", `${tree.path} is a mount point: it cannot be removed`, {
			hint: text`unmount it and look at what is below, or pack it with ${option("keepSource")}`,
		});
	}
	if (fate === "replace") await assertNoDisplacedTree(paths, { dryRun });
	else if ((await lstatIfExists(restOf(tree.path))) !== undefined) {
		throw new KsquashError("ERR_KSQUASH_OCCUPIED", `${restOf(tree.path)} is there: an earlier removal left it`, {
			path: restOf(tree.path),
			hint: text`look at what is in it and move it away, or pack with ${option("keepSource")}`,
		});
	}
	await assertIdle(tree.path);
}

function disposeSteps(
	{ context, mountable, problem, options }: PackContext,
	{ tree, fate }: TreeSource,
	paths: ReleasePaths,
	disposal: { proof: Handover<Proof>; keep: readonly NativePath[]; outcome: Outcome },
): Step[] {
	if (fate === "replace" && !mountable && !options.replaceSource) {
		context.warn(
			text`${tree.path} stays: the image cannot be mounted in its place here (${problem?.message ?? ""}); ${option("replaceSource")} removes it`,
		);
		return [];
	}
	if (fate === "replace") return replaceSteps(context, paths, { ...disposal, mountable });
	if (fate === "remove") return [removeSourceStep(context, tree.path, disposal)];
	if (tree.versionControl.length > 0 && tree.path === paths.mountPoint && !options.keepSource) {
		const why = `it has ${tree.versionControl.join(", ")}`;
		context.warn(text`${tree.path} stays: ${why}; ${option("replaceSource")} replaces it`);
	}
	return [];
}
