/**
 * A proved image whose release was not known before it was made: it gets its place, or is compared with what is there.
 *
 * Owns: that order, under the release's lock. Leaves to others: each step.
 */

import { formats } from "../../image/formats.ts";
import type { Origin } from "../../image/manifest.ts";
import { type Proof, proveList } from "../../image/proof.ts";
import { releasePaths } from "../../layout.ts";
import { type Entry, findEntry } from "../../release/catalog.ts";
import { assertNotNeeded, ensureOnDisk, finishReplacement } from "../../release/displaced-tree.ts";
import { withLock } from "../../release/locks.ts";
import { LOCK_WAIT_MS } from "../../release/mount-guards.ts";
import {
	assertGood,
	keepEntry,
	otherContent,
	type PackContext,
	type PackResult,
	packResult,
	publishImage,
} from "./context.ts";
import { settlePair } from "./publish.ts";
import type { WrittenImage } from "./write.ts";

/** `dispose` is called when the image is safe. */
export async function settleImage(
	job: PackContext,
	written: WrittenImage,
	origin: Origin,
	dispose: () => Promise<{ source: PackResult["source"] }>,
): Promise<PackResult> {
	const { context, options } = job;
	const paths = releasePaths(context.layout, written.release);
	const work = async (): Promise<PackResult> => {
		await settlePair(paths, context.signal);
		const left = await finishReplacement(context, paths);
		if (options.replace) assertNotNeeded(left, paths);
		const entry = await findEntry(context.layout, written.release);
		const already = entry !== undefined && !options.replace;
		if (already) {
			const proof = await assertSameContent(job, entry, written.proof, origin.path);
			await keepEntry(job, entry, proof, { ...origin, ...written.origin });
		} else await publishImage(job, paths, written, origin);
		const gone = await dispose();
		return await packResult(context, written.release, { already, kept: [], ...gone });
	};
	// Minutes of work are not given up for another's mount, which takes milliseconds.
	return await withLock(context, paths.name, work, { waitMs: LOCK_WAIT_MS });
}

async function assertSameContent(
	{ context, mountable }: PackContext,
	entry: Entry,
	source: Proof,
	from: string,
): Promise<Proof> {
	assertGood(entry);
	return await context.step("prove", `compare the image that is there with ${from}`, async () => {
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
	});
}
