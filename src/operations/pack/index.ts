/**
 * pack: a tree or tarball becomes an image that is proved equal to it; then, where that is wanted, the source goes.
 *
 * Owns: the choice between the ways, the locks, and leftovers of dead runs.
 * Leaves to others: the ways (tree.ts, tarball.ts) and the plan of a dry run (plan.ts).
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
import { finishReplacement, hasDisplacedTree } from "../../release/displaced-tree.ts";
import { removeLeftovers, withLock } from "../../release/locks.ts";
import { readPatches } from "../../source/patch.ts";
import { option, text } from "../../text.ts";
import { assertGood, type PackContext, type PackResult, packResult, warnOfOtherWishes } from "./context.ts";
import { type PackOptions, type ResolvedOptions, resolveOptions } from "./options.ts";
import { assertPatchable, packPatchedTree } from "./patched.ts";
import { plan } from "./plan.ts";
import { settlePair } from "./publish.ts";
import { openSource } from "./source.ts";
import { packTarball } from "./tarball.ts";
import { packTree } from "./tree.ts";
import { resolveTrust } from "./trust.ts";

export type { PackResult } from "./context.ts";
export type { PackOptions } from "./options.ts";

/**
 * Packs `source` (a path, or a release whose tree stands in its place).
 *
 * The source is removed only when the image is proved equal to it, and only a tree that stands where its mount point
 * will be (`replaceSource` extends that to other sources). Throws KsquashError; nothing half done stays.
 */
export async function pack(source: string, options: PackOptions = {}): Promise<PackResult> {
	const context = await openContext("pack", options, { source });
	const opened = await openSource(context.layout, source, options);
	assertPatchable(context.layout, opened, options);
	const patches = await readPatches(options.patches ?? [], context.signal);
	if (patches.length > 0 && which("patch") === undefined) throw missingProgram("patch");
	const format = formats[options.format ?? "squashfs"];
	const tools = await format.tools();
	const resolved = resolveOptions(context, format, tools, options);
	const problem = await whyNotMountable(context, resolved, tools, options);
	const trust = await resolveTrust(opened.kind === "tarball" ? "tarball" : "tree", options);
	const job = { context, format, tools, resolved, options, trust, patches, mountable: problem === undefined, problem };
	if (opened.kind === "packed") {
		// What a replacing that broke off has set aside is what it packed: the same command goes on from there.
		const begun = options.replace && (await hasDisplacedTree(releasePaths(context.layout, opened.release)));
		assertNothingAsked(opened.release, begun ? { ...options, replace: false } : options);
	}
	if (context.dryRun) return await plan(job, opened, source);
	await removeLeftovers(context);
	if (opened.kind === "packed") {
		// Without an image the tree is back in its place: it is packed like any other.
		return (await completePacked(job, opened.release)) ?? (await pack(source, options));
	}
	if (opened.kind === "tree") {
		if (patches.length > 0) return await packPatchedTree(job, opened);
		const key = releasePaths(context.layout, opened.release).name;
		return await withLock(context, key, async () => await packTree(job, opened));
	}
	const { id, path: what } = opened.tarball;
	return await withLock(context, tarballKey(id), async () => await packTarball(job, opened), { what });
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
async function completePacked(job: PackContext, release: string): Promise<PackResult | undefined> {
	const { context } = job;
	const paths = releasePaths(context.layout, release);
	return await withLock(context, paths.name, async () => {
		await settlePair(paths, context.signal);
		const replaced = await finishReplacement(context, paths);
		const entry = await findEntry(context.layout, release);
		if (entry === undefined) return undefined;
		assertGood(entry);
		warnOfOtherWishes(job, entry);
		const kept = replaced?.kept ?? [];
		// Not what this image was made of, after all.
		if (kept.length > 0) assertNothingAsked(release, job.options);
		const source = replaced === undefined || kept.length > 0 ? "absent" : "replaced";
		return await packResult(context, release, { already: true, source, kept });
	});
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
