/**
 * The canonical list of an image's entries, kept beside it: with it verify says which file differs, and how.
 *
 * Owns: the file's form (gzip: 42 bytes an entry, 2 % of an image, and zcat reads it everywhere).
 * It needs no trust of its own: its sha256 is the manifest's content hash.
 */

import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import type { TreeList } from "../native/verbs.ts";
import { readIfExists, writeFileAtomic } from "../system/files.ts";
import type { Manifest } from "./manifest.ts";

/** Far above the largest tree (linux-6.1: 9 MB); a bomb ends here. */
const LIMIT = 256 << 20;

export async function writeContentList(path: string, { list }: TreeList): Promise<void> {
	await writeFileAtomic(path, await promisify(gzip)(list, { level: 9 }));
}

/** The manifest's own list, or why there is none. */
export async function readContentList(path: string, { content }: Manifest): Promise<TreeList | string> {
	const bytes = await readIfExists(path);
	if (bytes === undefined) return "absent";
	const list = await promisify(gunzip)(bytes, { maxOutputLength: LIMIT }).catch(() => undefined);
	if (list === undefined) return "damaged";
	if (createHash("sha256").update(list).digest("hex") !== content.sha256) return "of another image";
	return { list, entries: content.entries, bytes: content.bytes };
}
