/**
 * Packing a tree: write and prove an image (or prove the one that is there), then let the tree go where that is wanted.
 *
 * Owns: that order. Leaves to others: each step.
 */

import { KsquashError } from "../../errors.ts";
import { formats } from "../../image/formats.ts";
import { type Proof, proveTree } from "../../image/proof.ts";
import { type ReleasePaths, releasePaths, temporaryImage } from "../../layout.ts";
import { listTree, type NativePath, statTarget } from "../../native/verbs.ts";
import { findEntry } from "../../release/catalog.ts";
import {
	assertNoDisplacedTree,
	assertNotNeeded,
	ensureOnDisk,
	finishReplacement,
	type Replaced,
} from "../../release/displaced-tree.ts";
import { assertSameTree, VERSION_CONTROL } from "../../source/tree.ts";
import { attempt } from "../../system/failure.ts";
import { lstatIfExists } from "../../system/files.ts";
import { escapeNative } from "../../system/list.ts";
import { option, text } from "../../text.ts";
import { type Adoption, assertSaved, saveAdoption, surveyAdoption } from "./adopt.ts";
import {
	assertGood,
	keepEntry,
	otherContent,
	type PackContext,
	type PackResult,
	packResult,
	publishImage,
} from "./context.ts";
import { assertUnlinked } from "./links.ts";
import { assertSpace } from "./options.ts";
import { warnIfPortages } from "./owned.ts";
import { settlePair } from "./publish.ts";
import { assertIdle, removeSource, replaceTree } from "./replace.ts";
import { restOf, type Source } from "./source.ts";
import { withTemporary, writeFromTree } from "./write.ts";

export async function packTree(job: PackContext, source: Extract<Source, { kind: "tree" }>): Promise<PackResult> {
	const { context, resolved, mountable, options } = job;
	const { tree, release } = source;
	const paths = releasePaths(context.layout, release);
	// Read before the lock was ours: another ksquash may have put its mount there.
	await assertSameTree(tree);
	await settlePair(paths, context.signal);
	if (tree.path !== paths.mountPoint) {
		const left = await finishReplacement(context, paths);
		if (options.replace) assertNotNeeded(left, paths);
	} else if (options.replace) await assertNoDisplacedTree(paths);
	if (source.fate !== "keep") {
		await assertReplaceable(source, paths);
		await assertUnlinked(context, tree.path, source.fate, options.force ?? false);
	}
	if (source.fate === "replace") await warnIfPortages(context, tree.path);
	const entry = await findEntry(context.layout, release);
	const adoption = options.adopt ? await adopt(job, source, paths) : undefined;
	const without = adoption?.leftOut;
	const image = {
		format: entry?.info ? formats[entry.info.format] : job.format,
		mountable,
		without,
		jobs: resolved.jobs,
		signal: context.signal,
	};
	let proof: Proof;
	const already = entry !== undefined && !options.replace;
	if (already) {
		const label = `compare the image that is there with ${tree.path}`;
		proof = await context.step("prove", label, async () => {
			assertGood(entry);
			// It may have been written a second ago, by whomever: the proof reads the disk, not the cache.
			await ensureOnDisk(paths);
			const request = { ...image, image: paths.image, tree: tree.path, exclude: VERSION_CONTROL };
			const result = await proveTree(request).catch((error: unknown) => {
				throw otherContent(error, entry, tree.path);
			});
			await assertSameTree(tree);
			return result;
		});
		await keepEntry(job, entry, proof, { kind: "tree", path: tree.path }, without?.length);
	} else {
		const count = { tree: tree.path, exclude: VERSION_CONTROL, content: false, signal: context.signal };
		const size = await attempt(`read ${tree.path}`, listTree(count));
		await assertSpace(context, size.bytes, resolved.ratio);
		const temporary = temporaryImage(context.layout, paths.name);
		proof = await withTemporary(temporary, async () => {
			const writing = { ...job, temporary, options: resolved, release, leftOut: without ?? [], total: size.bytes };
			const written = await writeFromTree(context, tree, writing);
			await publishImage(job, paths, written, { kind: "tree", path: tree.path });
			return written.proof;
		});
	}
	if (adoption !== undefined) await assertSaved(tree, adoption);
	const gone = await dispose(job, source, paths, { proof, keep: adoption?.strange ?? [] });
	return await packResult(context, release, { already, ...gone });
}

async function adopt(
	{ context, options }: PackContext,
	source: Extract<Source, { kind: "tree" }>,
	paths: ReleasePaths,
): Promise<Adoption> {
	const adoption = await surveyAdoption(source.tree);
	await saveAdoption(context, source, paths, adoption, options);
	if (adoption.strange.length > 0) {
		const names = adoption.strange.map(escapeNative).join(", ");
		context.warn(`neither source nor known as generated, so left out of the image and never removed: ${names}`);
	}
	return adoption;
}

/** Everything that would stop the replacement is said before any work. */
async function assertReplaceable(
	{ tree, fate }: Extract<Source, { kind: "tree" }>,
	paths: ReleasePaths,
): Promise<void> {
	const { state } = await attempt(`look at ${tree.path}`, statTarget(tree.path));
	if (state !== "unmounted") {
		throw new KsquashError("ERR_KSQUASH_TREE_UNSUITABLE", `${tree.path} is a mount point: it cannot be removed`, {
			hint: text`unmount it and look at what is below, or pack it with ${option("keepSource")}`,
		});
	}
	if (fate === "replace") await assertNoDisplacedTree(paths);
	else if ((await lstatIfExists(restOf(tree.path))) !== undefined) {
		throw new KsquashError("ERR_KSQUASH_OCCUPIED", `${restOf(tree.path)} is there: an earlier removal left it`, {
			path: restOf(tree.path),
			hint: text`look at what is in it and move it away, or pack with ${option("keepSource")}`,
		});
	}
	await assertIdle(tree.path);
}

async function dispose(
	{ context, mountable, problem, options }: PackContext,
	{ tree, fate }: Extract<Source, { kind: "tree" }>,
	paths: ReleasePaths,
	{ proof, keep }: { proof: Proof; keep: readonly NativePath[] },
): Promise<{ source: PackResult["source"]; kept: string[] }> {
	let result: Replaced;
	if (fate === "replace" && !mountable && !options.replaceSource) {
		context.warn(
			text`${tree.path} stays: the image cannot be mounted in its place here (${problem?.message ?? ""}); ${option("replaceSource")} removes it`,
		);
		return { source: "kept", kept: [] };
	}
	if (fate === "replace") result = await replaceTree(context, paths, proof, { mountable, keep });
	else if (fate === "remove") result = await removeSource(context, tree.path, proof, keep);
	else {
		if (tree.versionControl.length > 0 && tree.path === paths.mountPoint && !options.keepSource) {
			const why = `it has ${tree.versionControl.join(", ")}`;
			context.warn(text`${tree.path} stays: ${why}; ${option("replaceSource")} replaces it`);
		}
		return { source: "kept", kept: [] };
	}
	return { source: fate === "replace" ? "replaced" : "removed", kept: result.kept };
}
