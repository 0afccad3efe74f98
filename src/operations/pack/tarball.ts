/**
 * Packing a tarball: its release is known when it has streamed through, and what is there already is compared then.
 *
 * Owns: that order. Leaves to others: each step.
 */

import { KsquashError } from "../../errors.ts";
import { fileSha256 } from "../../image/manifest.ts";
import { tarballKey, temporaryImage } from "../../layout.ts";
import { type Entry, scan } from "../../release/catalog.ts";
import { withLock } from "../../release/locks.ts";
import { assertSha256, type Tarball } from "../../source/tarball.ts";
import { attempt } from "../../system/failure.ts";
import { fileId, lstatIfExists, unlinkIfExists } from "../../system/files.ts";
import { type PackContext, type PackResult, packResult, warnOfOtherWishes } from "./context.ts";
import { assertSpace, SCRATCH_RATIO } from "./options.ts";
import { extraction, writePatched } from "./patched.ts";
import { settlePair } from "./publish.ts";
import { settleImage } from "./settle.ts";
import type { Source } from "./source.ts";
import { withTemporary, writeFromTarball } from "./write.ts";

export async function packTarball(job: PackContext, source: Extract<Source, { kind: "tarball" }>): Promise<PackResult> {
	const { context, resolved, options, trust } = job;
	const { tarball } = source;
	// A manifest proves nothing: a tarball that is to go is compared with the image itself. A signature needs its bytes.
	const fresh = options.replace || source.fate === "remove" || trust.signature !== undefined;
	const known = fresh ? undefined : await packedFrom(job, tarball);
	if (known !== undefined) {
		await withLock(context, known.paths.name, async () => await settlePair(known.paths, context.signal));
		warnOfOtherWishes(job, known);
		const gone = await disposeTarball(source);
		return await packResult(context, known.release, { already: true, kept: [], ...gone });
	}
	// 11: what xz makes of a kernel, whose files are of 16 KiB on average.
	const bytes = tarball.bytes * (tarball.compression === "none" ? 1 : 11);
	const way = job.format.streamsBy(job.tools, resolved);
	if (way === "extraction" || job.patches.length > 0) {
		await assertSpace(context, bytes, resolved.ratio + SCRATCH_RATIO, Math.ceil(bytes / (16 << 10)));
	} else await assertSpace(context, bytes, resolved.ratio);
	const temporary = temporaryImage(context.layout, tarballKey(tarball.id));
	return await withTemporary(temporary, async () => {
		const writing = { ...job, temporary, options: resolved, release: options.release };
		const patched = job.patches.length > 0;
		const written = patched
			? await writePatched(context, job.patches, writing, extraction(context, tarball, writing))
			: await writeFromTarball(context, tarball, writing);
		const named = options.release === undefined ? {} : { named: true as const };
		const origin = { kind: "tarball" as const, path: tarball.path, ...named };
		return await settleImage(job, written, origin, () => disposeTarball(source));
	});
}

/** An image whose manifest says that it came from this very file, and for its own release where none is asked for. */
async function packedFrom(
	{ context, options, trust, patches }: PackContext,
	tarball: Tarball,
): Promise<Entry | undefined> {
	const { release } = options;
	const origins = (await scan(context.layout)).filter(
		({ manifest, release: name }) =>
			manifest?.origin.sha256 !== undefined && (release === undefined ? !manifest.origin.named : release === name),
	);
	if (origins.length === 0) return undefined;
	const sha256 = await context.step("check", `has ${tarball.path} been packed before?`, async () => {
		return await fileSha256(tarball.path, context.signal);
	});
	assertSha256(tarball.path, sha256, trust.sha256);
	const wanted = patches.map((patch) => patch.sha256).join();
	const entry = origins.find(({ manifest }) => {
		const { origin } = manifest ?? {};
		return origin?.sha256 === sha256 && (origin.patches ?? []).map((patch) => patch.sha256).join() === wanted;
	});
	if (entry === undefined || entry.imageProblem !== undefined) return undefined;
	// A manifest says what the image was: one that was damaged since is no reason to make none.
	const now = await context.step("check", `is ${entry.paths.image} still what was packed?`, async () => {
		return await attempt(`read ${entry.paths.image}`, fileSha256(entry.paths.image, context.signal));
	});
	return now === entry.manifest?.image.sha256 ? entry : undefined;
}

/** Only the very file that was read goes. */
async function disposeTarball({
	tarball,
	fate,
}: Extract<Source, { kind: "tarball" }>): Promise<{ source: "kept" | "removed" }> {
	if (fate === "keep") return { source: "kept" };
	const now = await lstatIfExists(tarball.path);
	if (now === undefined || fileId(now) !== tarball.id || now.mtimeNs !== tarball.mtimeNs) {
		throw new KsquashError("ERR_KSQUASH_CHANGED", `${tarball.path} is not the file that was read any more: it stays`);
	}
	await unlinkIfExists(tarball.path);
	return { source: "removed" };
}
