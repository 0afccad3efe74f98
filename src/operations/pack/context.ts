/**
 * What the ways of packing share: the job, putting an image in its place, and what there is of a release afterwards.
 *
 * Owns: the result's shape and the words about an image that is there already.
 */

import { KsquashError } from "../../errors.ts";
import type { ImageFormat, ImageTools } from "../../image/format.ts";
import type { Origin } from "../../image/manifest.ts";
import type { Proof } from "../../image/proof.ts";
import { type ReleasePaths, releasePaths } from "../../layout.ts";
import { type Entry, findEntry } from "../../release/catalog.ts";
import type { Context } from "../../release/context.ts";
import type { Patch } from "../../source/patch.ts";
import { option, text } from "../../text.ts";
import { makeManifest, restoreManifest } from "./manifest.ts";
import type { PackOptions, ResolvedOptions } from "./options.ts";
import { publish, publishManifest } from "./publish.ts";
import type { Trust } from "./trust.ts";
import type { WrittenImage } from "./write.ts";

export interface PackResult {
	release: string;
	image: string;
	mountPoint: string;
	/** The release had an image of this very content already; none was written. */
	already: boolean;
	/** What became of the source; absent: its tree gave way to the image before. */
	source: "kept" | "replaced" | "removed" | "absent";
	/** Entries of the source that stay because they changed or are not in the image. */
	kept: string[];
	imageBytes: number;
	/** Of the source: files, directories, links. */
	entries: number;
	/** Of the source's files. */
	bytes: number;
	/** With dryRun: what would be done. */
	plan?: string[];
}

export interface PackContext {
	context: Context;
	format: ImageFormat;
	tools: ImageTools;
	resolved: ResolvedOptions;
	options: PackOptions;
	trust: Trust;
	patches: readonly Patch[];
	mountable: boolean;
	/** Why the image cannot be mounted here. */
	problem: KsquashError | undefined;
}

export async function publishImage(
	job: PackContext,
	paths: ReleasePaths,
	written: WrittenImage,
	origin: Origin,
): Promise<void> {
	const { context, resolved, options } = job;
	await context.step("publish", `put the image to ${paths.image}`, async () => {
		const manifest = await makeManifest(written, origin, resolved.preset, context.signal);
		await publish(paths, written.temporary, { manifest, list: written.proof }, options.replace ?? false);
	});
}

/** An image that was there already, and was proved equal to the source: what is said of it, and the manifest that it lost. */
export async function keepEntry(
	job: PackContext,
	entry: Entry,
	proof: Proof,
	origin: Origin,
	leftOut: number | undefined = undefined,
): Promise<void> {
	warnOfOtherWishes(job, entry);
	const { paths, info, manifestProblem, manifestForeign } = entry;
	if (info === undefined || manifestProblem === undefined || manifestForeign) return;
	const { context } = job;
	await context.step(
		"publish",
		`write the manifest of ${paths.image}, which has none (${manifestProblem})`,
		async () => {
			await publishManifest(
				paths,
				await restoreManifest(entry.release, paths.image, { info, proof, origin, leftOut }, context.signal),
				proof,
			);
		},
	);
}

export function assertGood(entry: Entry): void {
	if (entry.imageProblem === undefined) return;
	throw new KsquashError(
		"ERR_KSQUASH_EXISTS",
		`${entry.paths.image} is there, and is no good image: ${entry.imageProblem}`,
	);
}

/** What was asked of the compression does not change an image that is there: that is said, where it is otherwise packed. */
export function warnOfOtherWishes(
	{ context, format, options, resolved }: PackContext,
	{ release, info, manifest }: Entry,
): void {
	const { preset, compressor, blockSize, toolOptions = [] } = options;
	const asked = [preset, compressor, blockSize, options.format].some((wish) => wish !== undefined);
	if (info === undefined || (!asked && toolOptions.length === 0)) return;
	const { compression } = resolved;
	if (resolved.preset !== "custom" && manifest?.preset === resolved.preset && info.format === format.name) return;
	const told = manifest?.arguments ?? [];
	const alike =
		info.format === format.name &&
		info.compressor === compression.compressor &&
		info.blockSize === compression.blockSize &&
		(told.length === 0 || [...compression.options, ...toolOptions].every((word) => told.includes(word)));
	if (alike) return;
	const is = `${info.format}, ${info.compressor}, blocks of ${info.blockSize >> 10}K`;
	const replace = option("replace");
	context.warn(text`${release} stays as it was packed (${is}): ${replace}, with its tarball or tree, packs it anew`);
}

/** Are entries missing from the tree, and nothing else different? A removal changes the time of the directory it is in. */
function onlyLacks(differences: NonNullable<KsquashError["differences"]>): boolean {
	const missing = differences.filter(({ kind }) => kind === "missing-in-source");
	return (
		missing.length > 0 &&
		differences.every(({ path, kind }) => {
			const above = kind === "attributes" && missing.some((one) => one.path.startsWith(`${path}/`));
			return kind === "missing-in-source" || above;
		})
	);
}

export function otherContent(error: unknown, entry: Entry, from: string): unknown {
	if (!(error instanceof KsquashError) || error.code !== "ERR_KSQUASH_PROOF") return error;
	const origin = entry.manifest ? `made from ${entry.manifest.origin.path}` : "of unknown origin";
	const { differences = [] } = error;
	const lacks = onlyLacks(differences);
	const hint = `${from} only lacks entries that the image has: is it a whole tree?`;
	return new KsquashError("ERR_KSQUASH_EXISTS", `${entry.paths.image}, ${origin}, has other content than ${from}`, {
		...(lacks ? { hint } : {}),
		path: entry.paths.image,
		notes: error.notes,
		differences,
		cause: error,
	});
}

export async function packResult(
	context: Context,
	release: string,
	outcome: Pick<PackResult, "already" | "source" | "kept">,
): Promise<PackResult> {
	const paths = releasePaths(context.layout, release);
	const entry = await findEntry(context.layout, release);
	return {
		release,
		image: paths.image,
		mountPoint: paths.mountPoint,
		...outcome,
		imageBytes: entry?.info?.fileSize ?? 0,
		entries: entry?.manifest?.content.entries ?? 0,
		bytes: entry?.manifest?.content.bytes ?? 0,
	};
}
