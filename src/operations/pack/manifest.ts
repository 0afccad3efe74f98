/**
 * The manifest of an image that was proved: one that was just written, or one that is there and lost its own.
 *
 * Owns: which facts go into it. Leaves to others: its format (src/image/manifest.ts).
 */

import { release as kernelRelease } from "node:os";
import type { PresetName } from "../../image/format.ts";
import { fileSha256, MANIFEST_VERSION, type Manifest, type Origin } from "../../image/manifest.ts";
import type { Proof } from "../../image/proof.ts";
import type { ImageInfo } from "../../native/verbs.ts";
import { contentHash } from "../../system/list.ts";
import { ownPackage } from "../../system/package.ts";
import type { WrittenImage } from "./write.ts";

export async function makeManifest(
	{ temporary, release, written, ...facts }: WrittenImage,
	origin: Origin,
	preset: PresetName | "custom",
	signal: AbortSignal | undefined,
): Promise<Manifest> {
	const [tool = "", version = ""] = written.tool.split(" ");
	const made = { preset, arguments: written.args, tools: { [tool]: version } };
	const known = { ...facts, origin: { ...origin, ...facts.origin } };
	return await manifestOf(temporary, release, known, made, signal);
}

/** What packed it, and how, is not known any more; that it is equal to `origin` is. */
export async function restoreManifest(
	release: string,
	image: string,
	facts: Facts,
	signal: AbortSignal | undefined,
): Promise<Manifest> {
	return await manifestOf(image, release, facts, { preset: "unknown", arguments: [], tools: {} }, signal);
}

interface Facts {
	info: ImageInfo;
	proof: Proof;
	origin: Origin;
	leftOut?: number | undefined;
}

async function manifestOf(
	path: string,
	release: string,
	{ info, proof, origin, leftOut }: Facts,
	{ tools, ...made }: Pick<Manifest, "preset" | "arguments" | "tools">,
	signal: AbortSignal | undefined,
): Promise<Manifest> {
	return {
		manifest: MANIFEST_VERSION,
		release,
		created: new Date().toISOString(),
		image: {
			format: info.format,
			bytes: info.fileSize,
			sha256: await fileSha256(path, signal),
			compressor: info.compressor,
			blockSize: info.blockSize,
			inodes: info.inodes,
			time: info.created,
		},
		content: { sha256: contentHash(proof), entries: proof.entries, bytes: proof.bytes },
		...made,
		tools: {
			ksquash: ownPackage().version,
			...tools,
			node: process.versions.node,
			kernel: kernelRelease(),
		},
		origin,
		...(leftOut ? { leftOut } : {}),
		proof: proof.by,
	};
}
