/**
 * verify: is the image still what its manifest says, down to every file?
 *
 * Owns: the three depths: quick (size, superblock), full (sha256 of the image), deep (every file read).
 * Leaves to others: reading (src/image). Changes nothing.
 */

import { findEntry } from "../catalog.ts";
import { KsquashError } from "../errors.ts";
import { fileSha256, type Manifest } from "../image/manifest.ts";
import { squashfs } from "../image/squashfs.ts";
import { releasePaths } from "../layout.ts";
import { mountProblem } from "../mount/mounter.ts";
import { attempt } from "../system/failure.ts";
import { contentHash } from "../system/list.ts";
import { listTree, type TreeList } from "../system/native.ts";
import { type CommonOptions, type Context, openContext } from "./context.ts";

export interface VerifyOptions extends CommonOptions {
	/** "full" when absent. Each depth contains those before it. */
	depth?: "quick" | "full" | "deep" | undefined;
}

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
	const context = await openContext(options);
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
			hint: "the image mounts all the same; pack it again from its source to get one",
		});
	}
	checked.push("its size and superblock are the manifest's");
	if (depth !== "quick") checked.push(await checkImage(context, image, manifest));
	if (depth === "deep") checked.push(await checkContent(context, image, manifest));
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

async function checkContent(context: Context, image: string, manifest: Manifest): Promise<string> {
	const { content } = manifest;
	return await context.step("verify", `every file of ${image}`, async (tick) => {
		const { signal } = context;
		const onProgress = ({ bytes }: { bytes: number }): void =>
			tick({ done: bytes, total: content.bytes, unit: "bytes" });
		const list: TreeList =
			mountProblem(context.probe) === undefined
				? await attempt(`read ${image}`, listTree({ image, signal, onProgress }), { code: "ERR_KSQUASH_IMAGE" })
				: await squashfs.readBack(image, { signal });
		if (contentHash(list) === content.sha256) return `all ${list.entries} entries are the manifest's`;
		throw new KsquashError("ERR_KSQUASH_IMAGE", `${image} has other content than its manifest says`, {
			path: image,
			notes: [`${list.entries} entries, ${list.bytes} bytes; manifest: ${content.entries}, ${content.bytes}`],
		});
	});
}
