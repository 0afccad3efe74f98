/**
 * The manifest of an image that was just written and proved.
 *
 * Owns: which facts go into it. Leaves to others: its format (src/image/manifest.ts).
 */

import { release as kernelRelease } from "node:os";
import type { PresetName } from "../../image/format.ts";
import { fileSha256, MANIFEST_VERSION, type Manifest, type Origin } from "../../image/manifest.ts";
import { contentHash } from "../../system/list.ts";
import { ownPackage } from "../../system/package.ts";
import type { WrittenImage } from "./write.ts";

export async function makeManifest(
	image: WrittenImage,
	origin: Origin,
	preset: PresetName | "custom",
	signal: AbortSignal | undefined,
): Promise<Manifest> {
	const { info, proof, written } = image;
	const [tool = "", version = ""] = written.tool.split(" ");
	return {
		manifest: MANIFEST_VERSION,
		release: image.release,
		created: new Date().toISOString(),
		image: {
			format: info.format,
			bytes: info.fileSize,
			sha256: await fileSha256(image.temporary, signal),
			compressor: info.compressor,
			blockSize: info.blockSize,
			inodes: info.inodes,
			time: info.created,
		},
		content: { sha256: contentHash(proof), entries: proof.entries, bytes: proof.bytes },
		preset,
		arguments: written.args,
		tools: {
			ksquash: ownPackage().version,
			[tool]: version,
			node: process.versions.node,
			kernel: kernelRelease(),
		},
		origin: { ...origin, ...image.origin },
		...(image.leftOut ? { leftOut: image.leftOut } : {}),
		proof: proof.by,
	};
}
