/**
 * What the ways of packing share: the job, putting an image in its place, and what there is of a release afterwards.
 *
 * Owns: the result's shape and the words about an image that is there already.
 */

import { KsquashError } from "../../errors.ts";
import type { ImageFormat, ImageTools } from "../../image/format.ts";
import type { Origin } from "../../image/manifest.ts";
import type { Proof } from "../../image/proof.ts";
import { type Layout, type ReleasePaths, releasePaths } from "../../layout.ts";
import { type Entry, findEntry } from "../../release/catalog.ts";
import type { Context } from "../../release/context.ts";
import type { DoneResult, Handover, Plan, PlannedResult, Step, Work } from "../../release/plan.ts";
import type { Patch } from "../../source/patch.ts";
import { option, text } from "../../text.ts";
import { makeManifest, restoreManifest } from "./manifest.ts";
import type { PackOptions, ResolvedOptions } from "./options.ts";
import { publish, publishManifest } from "./publish.ts";
import type { Trust } from "./trust.ts";
import type { Writing, WrittenImage } from "./write.ts";

export interface PackResult extends DoneResult {
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
}

/** With dryRun. */
export interface PackPlan extends PlannedResult {
	/** Absent where only the patched source tells it, as the paths that follow from it. */
	release?: string;
	image?: string;
	mountPoint?: string;
	/** The release has an image already, that will be compared with the source; none will be written. */
	already: boolean;
}

export type Known = Omit<PackPlan, keyof PlannedResult>;
export type Done = Omit<PackResult, "state">;

/** What the steps make of the source. */
export interface Outcome extends Pick<PackResult, "already" | "source" | "kept"> {
	/** undefined: not known yet. */
	release: string | undefined;
	unchecked: string[];
}

export function newOutcome(release: string | undefined): Outcome {
	return { release, already: false, source: "kept", kept: [], unchecked: [] };
}

/** What writes an image, and where it will lie: of a patched source only the patched Makefile may tell. */
export function writingOf(
	job: PackContext,
	temporary: string,
	release: string | undefined,
	about: Pick<Writing, "release" | "leftOut" | "total">,
): Writing {
	const { format, tools, resolved, mountable, trust, context, patches } = job;
	const unknown = `${context.layout.sourceDir}/linux-REL.sqfs, REL being what the ${patches.length > 0 ? "patched " : ""}Makefile says`;
	const target = release === undefined ? unknown : releasePaths(context.layout, release).image;
	return { format, tools, mountable, trust, temporary, options: resolved, preset: resolved.preset, target, ...about };
}

/** A plan whose result is what the steps have made of `outcome`. */
export function packPlan(
	{ layout }: Context,
	steps: readonly Work[],
	outcome: Outcome,
	nothing = "",
): Plan<Known, Done> {
	const { release, already, unchecked } = outcome;
	const { image, mountPoint } = release === undefined ? {} : releasePaths(layout, release);
	const about = image === undefined || mountPoint === undefined ? {} : { image, mountPoint };
	const known = { ...(release === undefined ? {} : { release }), ...about, already };
	return { known, steps, nothing, unchecked, done: async () => await packDone(layout, outcome) };
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

export function publishStep(
	job: PackContext,
	paths: ReleasePaths,
	image: Handover<WrittenImage>,
	origin: Origin,
): Step {
	const { context, resolved, options } = job;
	const run = async (): Promise<void> => {
		const written = image.get();
		const manifest = await makeManifest(written, origin, resolved.preset, context.signal);
		await publish(paths, written.temporary, { manifest, list: written.proof }, options.replace ?? false);
	};
	const say = [`name it ${paths.image}, with ${paths.manifest} and ${paths.list}`];
	return { name: "publish", say, lasts: true, label: `put the image to ${paths.image}`, run };
}

/** An image that was there already, and is proved equal to the source: what is said of it, and the manifest that it lost. */
export function keepSteps(
	job: PackContext,
	entry: Entry,
	proof: Handover<Proof>,
	origin: () => Origin,
	leftOut: number | undefined = undefined,
): Step[] {
	warnOfOtherWishes(job, entry);
	const { paths, info, manifestProblem, manifestForeign } = entry;
	if (info === undefined || manifestProblem === undefined || manifestForeign) return [];
	const { signal } = job.context;
	const run = async (): Promise<void> => {
		const facts = { info, proof: proof.get(), origin: origin(), leftOut };
		await publishManifest(paths, await restoreManifest(entry.release, paths.image, facts, signal), proof.get());
	};
	const label = `write the manifest of ${paths.image}, which has none (${manifestProblem})`;
	return [{ name: "publish", say: [`write ${paths.manifest} and ${paths.list}`], lasts: true, label, run }];
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
			const above = kind === "time" && missing.some((one) => one.path.startsWith(`${path}/`));
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

async function packDone(layout: Layout, { release, already, source, kept }: Outcome): Promise<Done> {
	if (release === undefined) throw new KsquashError("ERR_KSQUASH_INTERNAL", "a pack without a release");
	const { image, mountPoint } = releasePaths(layout, release);
	const entry = await findEntry(layout, release);
	return {
		release,
		image,
		mountPoint,
		...{ already, source, kept },
		imageBytes: entry?.info?.fileSize ?? 0,
		entries: entry?.manifest?.content.entries ?? 0,
		bytes: entry?.manifest?.content.bytes ?? 0,
	};
}
