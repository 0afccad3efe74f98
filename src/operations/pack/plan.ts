/**
 * What pack would do, for a dry run: the same checks, and one sentence for each step.
 */

import { type ReleasePaths, releasePaths } from "../../layout.ts";
import { findEntry } from "../../release/catalog.ts";
import type { Context } from "../../release/context.ts";
import { assertCompletable, assertNoDisplacedTree } from "../../release/displaced-tree.ts";
import { lstatIfExists } from "../../system/files.ts";
import { adoptionSteps } from "./adopt.ts";
import { assertGood, type PackContext, type PackResult, packResult } from "./context.ts";
import { assertUnlinked } from "./links.ts";
import { assertIdle } from "./replace.ts";
import type { Source } from "./source.ts";

export async function plan(job: PackContext, source: Source, given: string): Promise<PackResult> {
	const { layout } = job.context;
	if (source.kind === "tarball") {
		const { release } = job.options;
		const target =
			release === undefined
				? `${layout.sourceDir}/linux-REL.sqfs, REL being what its Makefile says`
				: releasePaths(layout, release).image;
		const steps = [...patching(job, source.tarball.path), write(job, given, target), prove];
		if (!job.options.replace) steps.push("where that image is there already: compare it, and refuse other content");
		if (source.fate === "remove") steps.push(`remove ${source.tarball.path}`);
		const none = { already: false, source: "kept" as const, kept: [], imageBytes: 0, entries: 0, bytes: 0 };
		const { image = "", mountPoint = "" } = release === undefined ? {} : releasePaths(layout, release);
		return { release: release ?? "", image, mountPoint, ...none, plan: steps };
	}
	const paths = releasePaths(layout, source.release);
	const steps =
		source.kind === "packed" ? await completion(job.context, paths) : await treeSteps(job, source, paths, given);
	const already = (await lstatIfExists(paths.image)) !== undefined && !job.options.replace;
	const outcome = { already, source: source.kind === "packed" ? ("absent" as const) : ("kept" as const), kept: [] };
	return { ...(await packResult(job.context, source.release, outcome)), plan: steps };
}

const prove = "prove the image equal to its source, every entry and byte";

function write({ resolved, tools }: PackContext, given: string, target: string): string {
	return `pack ${given} into ${target} (${resolved.preset}: ${resolved.compression.compressor}, ${tools.tool})`;
}

function patching({ patches }: PackContext, from: string): string[] {
	if (patches.length === 0) return [];
	const files = (count: number): string => `${count} ${count === 1 ? "file" : "files"}`;
	const steps = patches.map(({ path, touched }) => `apply ${path} (${files(touched.length)})`);
	return [`put ${from} into a scratch directory beside the image, which is removed at the end`, ...steps];
}

async function treeSteps(
	job: PackContext,
	{ tree, fate, release }: Extract<Source, { kind: "tree" }>,
	paths: ReleasePaths,
	given: string,
): Promise<string[]> {
	if (job.patches.length > 0) {
		const target = `${job.context.layout.sourceDir}/linux-REL.sqfs, REL being what the patched Makefile says`;
		return [...patching(job, tree.path), write(job, `the patched ${given}`, target), prove];
	}
	const entry = await findEntry(job.context.layout, release);
	const steps = job.options.adopt ? await adoptionSteps(job.context, { tree, fate }, paths, job.options) : [];
	if (entry === undefined || job.options.replace) steps.push(write(job, given, paths.image), prove);
	else {
		assertGood(entry);
		steps.push(`compare ${paths.image}, which is there, with ${tree.path}, and refuse other content`);
	}
	if (fate === "keep") return steps;
	if (fate === "replace") await assertNoDisplacedTree(paths, { dryRun: true });
	await assertIdle(tree.path);
	await assertUnlinked(job.context, tree.path, fate, job.options.force ?? false);
	return [
		...steps,
		fate === "replace" ? `mount it in the place of ${tree.path}, then remove the tree` : `remove ${tree.path}`,
	];
}

async function completion({ layout }: Context, paths: ReleasePaths): Promise<string[]> {
	const { displacedTree, partialTree, image, mountPoint, release } = paths;
	const entry = await findEntry(layout, release);
	const packed = entry?.info !== undefined;
	const there = async (path: string): Promise<boolean> => (await lstatIfExists(path)) !== undefined;
	if (await there(partialTree)) assertCompletable(paths, entry);
	if (await there(partialTree))
		return [`compare ${partialTree}, the rest of a tree, with ${image}, and remove what is equal`];
	if (!(await there(displacedTree))) return ["nothing: it is packed already"];
	if (packed) return [`mount ${image} on ${mountPoint}, compare ${displacedTree} with it, and remove the tree`];
	return [`put ${displacedTree} back to ${mountPoint}, for there is no image, and pack it`];
}
