/**
 * pack: a tree or tarball becomes an image that is proved equal to it; then, where that is wanted, the source goes.
 *
 * Owns: the choice between the ways, the locks, leftovers of dead runs, and the plan of a dry run.
 * Leaves to others: the ways (tree.ts, tarball.ts).
 */

import { findEntry } from "../../catalog.ts";
import { squashfs } from "../../image/squashfs.ts";
import { releasePaths, tarballKey } from "../../layout.ts";
import { mountProblem } from "../../mount/mounter.ts";
import { openContext, removeLeftovers, withLock } from "../context.ts";
import { describe, type Job, type PackResult } from "./job.ts";
import { type PackOptions, resolveOptions } from "./options.ts";
import { settlePair } from "./publish.ts";
import { finishReplacement } from "./replace.ts";
import { openSource, type Source } from "./source.ts";
import { packTarball } from "./tarball.ts";
import { packTree } from "./tree.ts";

export type { PackResult } from "./job.ts";
export type { PackOptions } from "./options.ts";

/**
 * Packs `source` (a path, or a release whose tree stands in its place).
 *
 * The source is removed only when the image is proved equal to it, and only a tree that stands where its mount point
 * will be (`replaceSource` extends that to other sources). Throws KsquashError; nothing half done stays.
 */
export async function pack(source: string, options: PackOptions = {}): Promise<PackResult> {
	const context = await openContext(options);
	const opened = await openSource(context.layout, source, options);
	const tools = await squashfs.tools();
	const resolved = await resolveOptions(context, tools, options);
	const job = { context, tools, resolved, options, mountable: mountProblem(context.probe) === undefined };
	if (context.dryRun) return await plan(job, opened, source);
	await removeLeftovers(context);
	if (opened.kind === "packed") {
		const paths = releasePaths(context.layout, opened.release);
		const done = await withLock(context, paths.name, async () => {
			await settlePair(paths, context.signal);
			const rest = await finishReplacement(context, paths);
			if ((await findEntry(context.layout, opened.release)) === undefined) return undefined;
			const kept = rest?.kept ?? [];
			return await describe(context, opened.release, { already: true, source: "replaced", kept });
		});
		// Without an image the tree is back in its place: it is packed like any other.
		return done ?? (await pack(source, options));
	}
	if (opened.kind === "tree") {
		const key = releasePaths(context.layout, opened.release).name;
		return await withLock(context, key, async () => await packTree(job, opened));
	}
	return await withLock(context, tarballKey(opened.tarball.id), async () => await packTarball(job, opened));
}

async function plan({ context, resolved, tools }: Job, source: Source, given: string): Promise<PackResult> {
	const release = source.kind === "tarball" ? undefined : source.release;
	const outcome = { already: source.kind === "packed", source: "kept" as const, kept: [] };
	const target = release === undefined ? context.layout.sourceDir : releasePaths(context.layout, release).image;
	const steps = [
		`pack ${given} into ${target} (${resolved.preset}: ${resolved.compression.compressor}, ${tools.tool})`,
	];
	steps.push("prove the image equal to its source");
	if (source.kind !== "packed" && source.fate !== "keep") {
		const path = source.kind === "tree" ? source.tree.path : source.tarball.path;
		steps.push(source.fate === "replace" ? `mount it in the place of ${path} and remove the tree` : `remove ${path}`);
	}
	const done = source.kind === "packed" ? ["nothing: it is packed already"] : steps;
	if (release === undefined) {
		return { release: "", image: "", mountPoint: "", ...outcome, imageBytes: 0, entries: 0, bytes: 0, plan: done };
	}
	return { ...(await describe(context, release, outcome)), plan: done };
}
