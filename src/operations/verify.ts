/**
 * verify: is the image still what its manifest says, down to every file?
 *
 * Owns: the three depths: quick (size, superblock), full (sha256 of the image), deep (every file read).
 * Leaves to others: reading (src/image). Changes nothing.
 */

import { KsquashError } from "../errors.ts";
import { readContentList } from "../image/content-list.ts";
import { formats } from "../image/formats.ts";
import { fileSha256, type Manifest } from "../image/manifest.ts";
import { type ReleasePaths, releasePaths } from "../layout.ts";
import { mountProblem } from "../mount/mounter.ts";
import { listTree, type TreeList } from "../native/verbs.ts";
import type { Options } from "../options/types.ts";
import { type Entry, findEntry } from "../release/catalog.ts";
import { type Context, openContext } from "../release/context.ts";
import { attempt } from "../system/failure.ts";
import { contentHash, diffLists } from "../system/list.ts";
import { option, text } from "../text.ts";

export type VerifyOptions = Options<"verify">;

export interface VerifyResult {
	release: string;
	image: string;
	depth: "quick" | "full" | "deep";
	/** What was compared, one sentence each. */
	checked: string[];
}

/**
 * Throws ERR_KSQUASH_IMAGE naming what is wrong, ERR_KSQUASH_MANIFEST where there is nothing to compare with,
 * ERR_KSQUASH_NO_RELEASE.
 */
export async function verify(release: string, options: VerifyOptions = {}): Promise<VerifyResult> {
	const context = await openContext("verify", options, { release });
	const { image } = releasePaths(context.layout, release);
	const depth = options.depth ?? "full";
	const entry = await findEntry(context.layout, release);
	if (entry === undefined)
		throw new KsquashError("ERR_KSQUASH_NO_RELEASE", `${release} has no image: there is no ${image}`);
	if (entry.imageProblem !== undefined) {
		throw new KsquashError("ERR_KSQUASH_IMAGE", `${image} is no good image: ${entry.imageProblem}`, { path: image });
	}
	const checked = [`the superblock of ${image} is sound`];
	const { manifest, manifestProblem } = entry;
	if (manifest === undefined) {
		throw new KsquashError("ERR_KSQUASH_MANIFEST", `${image} has no manifest to compare with: ${manifestProblem}`, {
			path: entry.paths.manifest,
			hint: text`the image mounts all the same; pack it again from its source with ${option("replace")} to get one`,
		});
	}
	checked.push("its size and superblock are the manifest's");
	if (depth === "full") checked.push(await checkImage(context, image, manifest));
	if (depth === "deep") checked.push(...(await checkDeep(context, entry, manifest)));
	return { release, image, depth, checked };
}

async function checkImage(context: Context, image: string, manifest: Manifest): Promise<string> {
	return await context.step("verify", `sha256 of ${image}`, async () => {
		const sha256 = await attempt(`read ${image}`, fileSha256(image, context.signal));
		if (sha256 === manifest.image.sha256) return "its sha256 is the manifest's";
		throw new KsquashError(
			"ERR_KSQUASH_IMAGE",
			`${image} was changed or is damaged: its sha256 is not the manifest's`,
			{
				path: image,
				notes: [`manifest: ${manifest.image.sha256}`, `file:     ${sha256}`],
			},
		);
	});
}

/** Where the image's sha256 is another, what counts is which files are. */
async function checkDeep(context: Context, { paths }: Entry, manifest: Manifest): Promise<string[]> {
	let damaged: unknown;
	const whole = await checkImage(context, paths.image, manifest).catch((error: unknown) => {
		context.signal?.throwIfAborted();
		damaged = error;
		return "";
	});
	const files = await checkContent(context, paths, manifest);
	if (damaged === undefined) return [whole, files];
	if (!(damaged instanceof KsquashError) || damaged.code !== "ERR_KSQUASH_IMAGE") throw damaged;
	const notes = [...damaged.notes, `${files} all the same: what changed lies in none of them`];
	throw new KsquashError(damaged.code, damaged.message, { path: paths.image, notes, cause: damaged });
}

async function checkContent(context: Context, paths: ReleasePaths, manifest: Manifest): Promise<string> {
	const { content } = manifest;
	const { image } = paths;
	const { format } = manifest.image;
	return await context.step("verify", `every file of ${image}`, async (tick) => {
		const { signal } = context;
		const onProgress = ({ bytes }: { bytes: number }): void =>
			tick({ done: bytes, total: content.bytes, unit: "bytes" });
		const list: TreeList =
			mountProblem(context.probe, format) === undefined
				? await attempt(`read ${image}`, listTree({ image, signal, onProgress }), { code: "ERR_KSQUASH_IMAGE" })
				: await formats[format].readBack(image, { signal });
		if (contentHash(list) === content.sha256) return `all ${list.entries} entries are the manifest's`;
		throw new KsquashError("ERR_KSQUASH_IMAGE", `${image} has other content than its manifest says`, {
			path: image,
			notes: await differences(paths, manifest, list),
		});
	});
}

/** Each file that differs, as far as the list beside the image is there. */
async function differences(paths: ReleasePaths, manifest: Manifest, found: TreeList): Promise<string[]> {
	const { content } = manifest;
	const counts = `${found.entries} entries, ${found.bytes} bytes; manifest: ${content.entries}, ${content.bytes}`;
	const list = await readContentList(paths.list, manifest);
	if (typeof list === "string") return [counts, `which files differ cannot be said: ${paths.list} is ${list}`];
	const all = diffLists(list, found, ["the list", "the image"]);
	const lines = all.slice(0, 20).map(({ path, what }) => `${path}: ${what}`);
	return [...lines, ...(all.length > lines.length ? [`… and ${all.length - lines.length} more`] : []), counts];
}
