/**
 * pack: a tree or tarball becomes an image that is proved equal to it; then, where that is wanted, the source goes.
 *
 * Owns: the flow: lock → source → space → write → prove → publish → replace.
 * Leaves to others: each part (the files beside this one).
 */

import { rm } from "node:fs/promises";
import { type Entry, findEntry, leftovers, scan } from "../../catalog.ts";
import { KsquashError } from "../../errors.ts";
import type { ImageTools } from "../../image/format.ts";
import { fileSha256 } from "../../image/manifest.ts";
import { type Proof, proveList, proveTree } from "../../image/proof.ts";
import { squashfs } from "../../image/squashfs.ts";
import { type ReleasePaths, releasePaths, tarballKey, temporaryImage } from "../../layout.ts";
import { mountProblem } from "../../mount/mounter.ts";
import type { Tarball } from "../../source/tarball.ts";
import { VERSION_CONTROL } from "../../source/tree.ts";
import { attempt } from "../../system/failure.ts";
import { fileId, lstatIfExists, unlinkIfExists } from "../../system/files.ts";
import { listTree, unlock } from "../../system/native.ts";
import { type Context, openContext, takeLock, withLock } from "../context.ts";
import { makeManifest } from "./manifest.ts";
import { assertSpace, type PackOptions, type ResolvedOptions, resolveOptions } from "./options.ts";
import { publish } from "./publish.ts";
import { assertIdle, finishReplacement, type Replaced, removeSource, replaceTree } from "./replace.ts";
import { openSource, type Source } from "./source.ts";
import { type WrittenImage, withTemporary, writeFromTarball, writeFromTree } from "./write.ts";

export type { PackOptions } from "./options.ts";

export interface PackResult {
	release: string;
	image: string;
	mountPoint: string;
	/** The release had an image of this very content already; none was written. */
	already: boolean;
	/** What became of the source. */
	source: "kept" | "replaced" | "removed";
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
	if (opened.kind === "packed") {
		const paths = releasePaths(context.layout, opened.release);
		return await withLock(context, paths.name, async () => {
			await finishReplacement(context, paths);
			return await describe(context, opened.release, { already: true, source: "replaced", kept: [] });
		});
	}
	await removeLeftovers(context);
	if (opened.kind === "tree") {
		const key = releasePaths(context.layout, opened.release).name;
		return await withLock(context, key, async () => await packTree(job, opened));
	}
	return await withLock(context, tarballKey(opened.tarball.id), async () => await packTarball(job, opened));
}

interface Job {
	context: Context;
	tools: ImageTools;
	resolved: ResolvedOptions;
	options: PackOptions;
	mountable: boolean;
}

async function packTree(job: Job, source: Extract<Source, { kind: "tree" }>): Promise<PackResult> {
	const { context, resolved, mountable, options } = job;
	const { tree, release } = source;
	const paths = releasePaths(context.layout, release);
	if (tree.path !== paths.mountPoint) await finishReplacement(context, paths);
	if (source.fate !== "keep") await assertIdle(tree.path);
	const entry = await findEntry(context.layout, release);
	const image = { format: squashfs, mountable, jobs: resolved.jobs, signal: context.signal };
	let proof: Proof;
	const already = entry !== undefined && !options.replace;
	if (already) {
		const label = `compare the image that is there with ${tree.path}`;
		proof = await context.step("prove", label, async () => {
			assertGood(entry);
			const request = { ...image, image: paths.image, tree: tree.path, exclude: VERSION_CONTROL };
			return await proveTree(request).catch((error: unknown) => {
				throw otherContent(error, entry, tree.path);
			});
		});
	} else {
		const size = await listTree({ tree: tree.path, exclude: VERSION_CONTROL, content: false, signal: context.signal });
		await assertSpace(context, size.bytes, resolved.ratio);
		const temporary = temporaryImage(context.layout, paths.name);
		proof = await withTemporary(temporary, async () => {
			const writing = { ...job, temporary, options: resolved, release, total: size.bytes };
			const written = await writeFromTree(context, tree, writing);
			await put(job, paths, written, { kind: "tree", path: tree.path });
			return written.proof;
		});
	}
	const gone = await dispose(job, source, paths, proof);
	return await describe(context, release, { already, ...gone });
}

async function dispose(
	{ context, mountable, options }: Job,
	{ tree, fate }: Extract<Source, { kind: "tree" }>,
	paths: ReleasePaths,
	proof: Proof,
): Promise<{ source: PackResult["source"]; kept: string[] }> {
	let result: Replaced;
	if (fate === "replace" && !mountable && !options.replaceSource) {
		const why = mountProblem(context.probe)?.message;
		context.warn(
			`${tree.path} stays: the image cannot be mounted in its place here (${why}); --replace-source removes it`,
		);
		return { source: "kept", kept: [] };
	}
	if (fate === "replace") result = await replaceTree(context, paths, proof, mountable);
	else if (fate === "remove") result = await removeSource(context, tree.path, proof);
	else {
		if (tree.versionControl.length > 0 && tree.path === paths.mountPoint && !options.keepSource) {
			context.warn(`${tree.path} stays: it has ${tree.versionControl.join(", ")}; --replace-source replaces it`);
		}
		return { source: "kept", kept: [] };
	}
	return { source: fate === "replace" ? "replaced" : "removed", kept: result.kept };
}

async function packTarball(job: Job, source: Extract<Source, { kind: "tarball" }>): Promise<PackResult> {
	const { context, resolved, options } = job;
	const { tarball } = source;
	const known = options.replace ? undefined : await packedFrom(context, tarball, options.release);
	if (known !== undefined) {
		const gone = await disposeTarball(source);
		return await describe(context, known.release, { already: true, kept: [], ...gone });
	}
	await assertSpace(context, tarball.bytes * (tarball.compression === "none" ? 1 : 11), resolved.ratio);
	const temporary = temporaryImage(context.layout, tarballKey(tarball.id));
	return await withTemporary(temporary, async () => {
		const writing = { ...job, temporary, options: resolved, release: options.release };
		const written = await writeFromTarball(context, tarball, writing);
		const paths = releasePaths(context.layout, written.release);
		return await withLock(context, paths.name, async () => {
			await finishReplacement(context, paths);
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
async function packedFrom(context: Context, tarball: Tarball, release?: string): Promise<Entry | undefined> {
	const origins = (await scan(context.layout)).filter(
		({ manifest, release: name }) => manifest?.origin.sha256 !== undefined && (release ?? name) === name,
	);
	if (origins.length === 0) return undefined;
	const sha256 = await context.step("check", `has ${tarball.path} been packed before?`, async () => {
		return await fileSha256(tarball.path, context.signal);
	});
	return origins.find(({ manifest }) => manifest?.origin.sha256 === sha256);
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

async function put(
	job: Job,
	paths: ReleasePaths,
	written: WrittenImage,
	origin: { kind: "tree" | "tarball"; path: string },
): Promise<void> {
	const { context, resolved, options } = job;
	await context.step("publish", `put the image to ${paths.image}`, async () => {
		const manifest = await makeManifest(written, origin, resolved.preset, context.signal);
		await publish(paths, written.temporary, manifest, options.replace ?? false);
	});
}

async function assertSameContent(
	{ context, mountable }: Job,
	entry: Entry,
	source: Proof,
	from: string,
): Promise<void> {
	assertGood(entry);
	await context.step("prove", `compare the image that is there with ${from}`, async () => {
		const request = { format: squashfs, image: entry.paths.image, source, from, mountable, signal: context.signal };
		await proveList(request).catch((error: unknown) => {
			throw otherContent(error, entry, from);
		});
	});
}

function assertGood(entry: Entry): void {
	if (entry.imageProblem === undefined) return;
	throw new KsquashError(
		"ERR_KSQUASH_EXISTS",
		`${entry.paths.image} is there, and is no good image: ${entry.imageProblem}`,
	);
}

function otherContent(error: unknown, entry: Entry, from: string): unknown {
	if (!(error instanceof KsquashError) || error.code !== "ERR_KSQUASH_PROOF") return error;
	const origin = entry.manifest ? `made from ${entry.manifest.origin.path}` : "of unknown origin";
	return new KsquashError("ERR_KSQUASH_EXISTS", `${entry.paths.image}, ${origin}, has other content than ${from}`, {
		path: entry.paths.image,
		notes: error.notes,
		cause: error,
	});
}

/** Temporary images whose writer is gone: its lock is free. */
async function removeLeftovers(context: Context): Promise<void> {
	for (const { path, key } of await leftovers(context.layout)) {
		const token = await takeLock(context.layout, key);
		if (token === undefined) continue;
		try {
			await attempt(`remove ${path}`, rm(path, { force: true }));
			context.warn(`removed ${path}, which an interrupted run had left`);
		} finally {
			unlock(token);
		}
	}
}

async function describe(
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
