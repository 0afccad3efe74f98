/**
 * The manifest beside an image: what it is, what it was made from and by what. Written once, never changed.
 *
 * Owns: its fields, writing it, reading it with a reason where it is no good, and whether it fits an image.
 * Leaves to others: its place (src/layout.ts). An image without one still works.
 */

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import type { ImageInfo } from "../native/verbs.ts";
import { lstatIfExists, readIfExists, writeFileAtomic } from "../system/files.ts";

export const MANIFEST_VERSION = 1;

export interface Origin {
	kind: "tree" | "tarball";
	/** Where it was. */
	path: string;
	/** The release was given by name: the source's own may be another. */
	named?: true;
	/** Hex sha256 of a tarball file. */
	sha256?: string;
	/** Whose signature a tarball bore: of the file or of the tar in it, the key's fingerprint, its first user id. */
	signed?: { of: "file" | "tar"; key: string; signer: string };
	/** By a scratch directory; absent where the source was packed as it was. */
	way?: "extracted" | "copied";
	/** Applied in this order; sha256 in hex, of each file. */
	patches?: { path: string; sha256: string }[];
}

export interface Manifest {
	/** Version of this format. */
	manifest: typeof MANIFEST_VERSION;
	release: string;
	/** ISO 8601, UTC. */
	created: string;
	image: {
		format: ImageInfo["format"];
		/** Bytes of the file. */
		bytes: number;
		/** Hex sha256 of the file. */
		sha256: string;
		compressor: string;
		blockSize: number;
		inodes: number;
		/** The superblock's time, seconds since 1970. */
		time: number;
	};
	/** Of the canonical list (src/native/verbs.ts, TreeList). */
	content: { sha256: string; entries: number; bytes: number };
	/** The preset's name, "custom", or "unknown" where the first manifest was lost. */
	preset: string;
	/** The tool's whole argument list; empty where the first manifest was lost. */
	arguments: string[];
	/** Name → version: ksquash, mksquashfs (unless the first manifest was lost), node, kernel. */
	tools: Record<string, string>;
	origin: Origin;
	/** Paths of a tree that was built in which are not in the image; absent for other sources. */
	leftOut?: number;
	/** How the image was proved equal to its source. */
	proof: "mount" | "stream";
}

export interface ReadManifest {
	manifest?: Manifest;
	/** Why there is none: "absent", "empty", "not JSON", … */
	problem?: string;
	/** What is there may be of use to somebody: a newer ksquash's, or no file at all. It is not written over. */
	foreign?: true;
}

/** Reads and checks a manifest; what is wrong with it is a word, never an error. */
export async function readManifest(path: string): Promise<ReadManifest> {
	const stats = await lstatIfExists(path);
	// A FIFO would be waited for, and a link leads to what nobody wrote for this image.
	if (stats !== undefined && !stats.isFile()) return { problem: "no regular file", foreign: true };
	const bytes = await readIfExists(path);
	if (bytes === undefined) return { problem: "absent" };
	if (bytes.length === 0) return { problem: "empty" };
	let value: unknown;
	try {
		value = JSON.parse(bytes.toString("utf8"));
	} catch {
		return { problem: "not JSON (cut off?)" };
	}
	if (typeof value !== "object" || value === null) return { problem: "not a JSON object" };
	const { manifest } = value as Partial<Manifest>;
	if (typeof manifest !== "number") return { problem: "not a ksquash manifest" };
	if (manifest > MANIFEST_VERSION) return { problem: `of version ${manifest}, newer than this ksquash`, foreign: true };
	const wrong = firstWrong(value as Partial<Manifest>);
	return wrong ? { problem: `field ${wrong} is missing or wrong` } : { manifest: value as Manifest };
}

function firstWrong(value: Partial<Manifest>): string | undefined {
	const hash = (text: unknown): boolean => typeof text === "string" && /^[0-9a-f]{64}$/.test(text);
	const count = (number: unknown): boolean => Number.isSafeInteger(number) && (number as number) >= 0;
	const { image, content, origin } = value;
	const checks: [string, boolean][] = [
		["release", typeof value.release === "string"],
		["image.bytes", count(image?.bytes)],
		["image.sha256", hash(image?.sha256)],
		["image.time", count(image?.time)],
		["image.inodes", count(image?.inodes)],
		["content.sha256", hash(content?.sha256)],
		["content.entries", count(content?.entries)],
		["content.bytes", count(content?.bytes)],
		["origin.kind", origin?.kind === "tree" || origin?.kind === "tarball"],
	];
	return checks.find(([, good]) => !good)?.[0];
}

/** Writes the whole manifest or nothing; it is on the disk on return. */
export async function writeManifest(path: string, manifest: Manifest): Promise<void> {
	await writeFileAtomic(path, `${JSON.stringify(manifest, undefined, "\t")}\n`);
}

/**
 * Could this manifest be this image's? Size and superblock only: after a crash between two renames the pair on disk
 * may be a new manifest and an old image.
 */
export function fits(manifest: Manifest, info: ImageInfo): boolean {
	const { bytes, time, inodes } = manifest.image;
	return bytes === info.fileSize && time === info.created && inodes === info.inodes;
}

/** Hex sha256 of a file, read once from start to end. */
export async function fileSha256(path: string, signal?: AbortSignal): Promise<string> {
	const hash = createHash("sha256");
	for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20, signal })) hash.update(chunk as Buffer);
	return hash.digest("hex");
}
