/**
 * A proved image whose release was not known before it was made: it gets its place, or is compared with what is there.
 *
 * Owns: that order, under the release's lock. Leaves to others: each step.
 */

import { formats } from "../../image/formats.ts";
import type { Origin } from "../../image/manifest.ts";
import { type Proof, proveList } from "../../image/proof.ts";
import { type ReleasePaths, releasePaths } from "../../layout.ts";
import { type Entry, findEntry } from "../../release/catalog.ts";
import { assertNotNeeded, ensureOnDisk } from "../../release/displaced-tree.ts";
import { withLock } from "../../release/locks.ts";
import { LOCK_WAIT_MS } from "../../release/mount-guards.ts";
import { Handover, planLater, type Step, type Work } from "../../release/plan.ts";
import { assertGood, keepSteps, type Outcome, otherContent, type PackContext, publishStep } from "./context.ts";
import { planLeft } from "./left.ts";
import type { WrittenImage } from "./write.ts";

export interface Settling {
	image: Handover<WrittenImage>;
	origin: Origin;
	outcome: Outcome;
	/** What comes when the image is safe. */
	dispose: readonly Step[];
}

/** The steps behind a proved temporary image: under the lock of its release, which may be known only then. */
export async function planSettling(job: PackContext, settling: Settling): Promise<readonly Work[]> {
	const { context } = job;
	const { image, outcome, dispose } = settling;
	const isUnknown = context.dryRun && outcome.release === undefined;
	if (isUnknown) outcome.unchecked.push("whether there is an image of that release already, of other content");
	const where = `${context.layout.sourceDir}/linux-REL.sqfs`;
	const lines = job.options.replace ? [] : [`where ${where} is there already: compare it, and refuse other content`];
	const unknown = isUnknown ? [...lines, ...dispose.flatMap(({ say }) => say)] : undefined;
	const release = (): string => outcome.release ?? image.get().release;
	const plan = async (): Promise<readonly Work[]> => {
		outcome.release = release();
		return await planInPlace(job, settling, releasePaths(context.layout, outcome.release));
	};
	const within = async (work: () => Promise<void>): Promise<void> => {
		// Minutes of work are not given up for another's mount, which takes milliseconds.
		const { name } = releasePaths(context.layout, release());
		await withLock(context, name, work, { waitMs: LOCK_WAIT_MS });
	};
	return await planLater(context, "publish", plan, { within, unknown });
}

async function planInPlace(job: PackContext, settling: Settling, paths: ReleasePaths): Promise<readonly Work[]> {
	const { context, options } = job;
	const left = await planLeft(context, paths, (replaced) => {
		if (options.replace) assertNotNeeded(replaced, paths);
	});
	settling.outcome.unchecked.push(...left.unchecked);
	return [left.step, ...(await planLater(context, "publish", async () => await planImage(job, settling, paths)))];
}

async function planImage(
	job: PackContext,
	{ image, origin, outcome, dispose }: Settling,
	paths: ReleasePaths,
): Promise<readonly Work[]> {
	const { context, options } = job;
	const entry = await findEntry(context.layout, paths.release);
	outcome.already = entry !== undefined && !options.replace;
	if (entry === undefined || options.replace) return [publishStep(job, paths, image, origin), ...dispose];
	assertGood(entry);
	outcome.unchecked.push(`whether ${paths.image}, which is there, has the content of ${origin.path}`);
	const proof = new Handover<Proof>();
	const compare: Step = {
		name: "prove",
		say: [`compare ${paths.image}, which is there, with ${origin.path}, and refuse other content`],
		lasts: false,
		label: `compare the image that is there with ${origin.path}`,
		run: async () => {
			proof.set(await assertSameContent(job, entry, image.get().proof, origin.path));
		},
	};
	const known = (): Origin => ({ ...origin, ...image.get().origin });
	return [compare, ...keepSteps(job, entry, proof, known), ...dispose];
}

async function assertSameContent(
	{ context, mountable }: PackContext,
	entry: Entry,
	source: Proof,
	from: string,
): Promise<Proof> {
	// It may have been written a second ago, by whomever, and the tarball may go.
	await ensureOnDisk(entry.paths);
	const request = {
		format: formats[entry.info?.format ?? "squashfs"],
		image: entry.paths.image,
		source,
		from,
		mountable,
		signal: context.signal,
	};
	return await proveList(request).catch((error: unknown) => {
		throw otherContent(error, entry, from);
	});
}
