/**
 * Packing a tarball: its release is known when it has streamed through, and what is there already is compared then.
 *
 * Owns: that order. Leaves to others: each step.
 */

import { type Entry, findEntry, scan } from "../../catalog.ts";
import { KsquashError } from "../../errors.ts";
import { fileSha256 } from "../../image/manifest.ts";
import { type Proof, proveList } from "../../image/proof.ts";
import { squashfs } from "../../image/squashfs.ts";
import { releasePaths, tarballKey, temporaryImage } from "../../layout.ts";
import { assertSha256, type Tarball } from "../../source/tarball.ts";
import { attempt } from "../../system/failure.ts";
import { fileId, lstatIfExists, unlinkIfExists } from "../../system/files.ts";
import { assertNotNeeded, ensureOnDisk, finishReplacement } from "../aside.ts";
import { withLock } from "../context.ts";
import { assertGood, describe, type Job, otherContent, type PackResult, put } from "./job.ts";
import { assertSpace } from "./options.ts";
import { settlePair } from "./publish.ts";
import type { Source } from "./source.ts";
import { withTemporary, writeFromTarball } from "./write.ts";

export async function packTarball(job: Job, source: Extract<Source, { kind: "tarball" }>): Promise<PackResult> {
	const { context, resolved, options, trust } = job;
	const { tarball } = source;
	// A manifest proves nothing: a tarball that is to go is compared with the image itself. A signature needs its bytes.
	const fresh = options.replace || source.fate === "remove" || trust.signature !== undefined;
	const known = fresh ? undefined : await packedFrom(job, tarball);
	if (known !== undefined) {
		await withLock(context, known.paths.name, async () => await settlePair(known.paths, context.signal));
		const gone = await disposeTarball(source);
		return await describe(context, known.release, { already: true, kept: [], ...gone });
	}
	// 11: what xz makes of a kernel; 1.2: small files take more room on a file system than in a tar.
	const bytes = tarball.bytes * (tarball.compression === "none" ? 1 : 11);
	const scratch = squashfs.streamsBy(job.tools, resolved) === "extraction" ? 1.2 : 0;
	await assertSpace(context, bytes, resolved.ratio + scratch);
	const temporary = temporaryImage(context.layout, tarballKey(tarball.id));
	return await withTemporary(temporary, async () => {
		const writing = { ...job, temporary, options: resolved, release: options.release };
		const written = await writeFromTarball(context, tarball, writing);
		const paths = releasePaths(context.layout, written.release);
		return await withLock(context, paths.name, async () => {
			await settlePair(paths, context.signal);
			const left = await finishReplacement(context, paths);
			if (options.replace) assertNotNeeded(left, paths);
			const entry = await findEntry(context.layout, written.release);
			const already = entry !== undefined && !options.replace;
			if (already) await assertSameContent(job, entry, written.proof, tarball.path);
			else await put(job, paths, written, { kind: "tarball", path: tarball.path });
			const gone = await disposeTarball(source);
			return await describe(context, written.release, { already, kept: [], ...gone });
		});
	});
}

/** An image whose manifest says that it came from this very file. */
async function packedFrom({ context, options, trust }: Job, tarball: Tarball): Promise<Entry | undefined> {
	const { release } = options;
	const origins = (await scan(context.layout)).filter(
		({ manifest, release: name }) => manifest?.origin.sha256 !== undefined && (release ?? name) === name,
	);
	if (origins.length === 0) return undefined;
	const sha256 = await context.step("check", `has ${tarball.path} been packed before?`, async () => {
		return await fileSha256(tarball.path, context.signal);
	});
	assertSha256(tarball.path, sha256, trust.sha256);
	const entry = origins.find(({ manifest }) => manifest?.origin.sha256 === sha256);
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

async function assertSameContent(
	{ context, mountable }: Job,
	entry: Entry,
	source: Proof,
	from: string,
): Promise<void> {
	assertGood(entry);
	await context.step("prove", `compare the image that is there with ${from}`, async () => {
		// It may have been written a second ago, by whomever, and the tarball may go.
		await ensureOnDisk(entry.paths);
		const request = { format: squashfs, image: entry.paths.image, source, from, mountable, signal: context.signal };
		await proveList(request).catch((error: unknown) => {
			throw otherContent(error, entry, from);
		});
	});
}
