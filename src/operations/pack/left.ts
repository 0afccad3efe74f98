/**
 * What an interrupted pack left of a release, as the step that ends it.
 */

import type { ReleasePaths } from "../../layout.ts";
import { findEntry } from "../../release/catalog.ts";
import type { Context } from "../../release/context.ts";
import {
	assertCompletable,
	assertNoDisplacedTree,
	finishReplacement,
	isAbsentOrEmpty,
	type Replaced,
} from "../../release/displaced-tree.ts";
import type { Step } from "../../release/plan.ts";
import { attempt } from "../../system/failure.ts";
import { lstatIfExists } from "../../system/files.ts";
import { settlePair } from "./publish.ts";

export interface Left {
	step: Step;
	/** What became of the tree; known after the step. */
	replaced(): Replaced | undefined;
	/** The tree will be back in its place. */
	restores: boolean;
	unchecked: string[];
}

/** Looks only. Throws ERR_KSQUASH_OCCUPIED for a rest whose image is gone. `check` is given what became of the tree. */
export async function planLeft(
	context: Context,
	paths: ReleasePaths,
	check: (left: Replaced | undefined) => void = () => undefined,
): Promise<Left> {
	const { image, mountPoint, displacedTree, partialTree } = paths;
	const entry = await findEntry(context.layout, paths.release);
	const whole = !(await attempt(`look at ${displacedTree}`, isAbsentOrEmpty(displacedTree)));
	const partial = !(await attempt(`look at ${partialTree}`, isAbsentOrEmpty(partialTree)));
	if (partial) assertCompletable(paths, entry);
	if (partial && whole) await assertNoDisplacedTree({ ...paths, displacedTree: partialTree }, { dryRun: true });
	const restores = whole && entry?.info === undefined;
	const say = await pairLines(paths);
	if (partial) say.push(`compare ${partialTree}, the rest of a tree, with ${image}, and remove what is equal`);
	else if (restores) say.push(`put ${displacedTree} back to ${mountPoint}, for there is no image`);
	else if (whole) say.push(`mount ${image} on ${mountPoint}, compare ${displacedTree} with it, and remove the tree`);
	let replaced: Replaced | undefined;
	const run = async (): Promise<void> => {
		await settlePair(paths, context.signal);
		replaced = await finishReplacement(context, paths);
		check(replaced);
	};
	const rest = partial ? partialTree : displacedTree;
	const unchecked = (partial || whole) && !restores ? [`whether ${rest} is equal to ${image}: what differs stays`] : [];
	return { step: { name: "replace", say, lasts: true, run }, replaced: () => replaced, restores, unchecked };
}

/** The same, without a look at the tree. */
export async function pairStep(context: Context, paths: ReleasePaths): Promise<Step> {
	const run = async (): Promise<void> => await settlePair(paths, context.signal);
	return { name: "publish", say: await pairLines(paths), lasts: true, run };
}

async function pairLines({ image, oldImage, oldManifest }: ReleasePaths): Promise<string[]> {
	const old = await Promise.all([oldImage, oldManifest].map(lstatIfExists));
	if (old.every((stats) => stats === undefined) || (await lstatIfExists(image)) === undefined) return [];
	return [`look whether the manifest of ${image} or ${oldManifest} fits it, and remove the other with ${oldImage}`];
}
