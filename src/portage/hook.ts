/**
 * The block that Portage sources: its text, and finding it in a file that is a person's otherwise.
 *
 * Owns: the marks around it, its version and sha256, and what tells the script that it replaces.
 * Leaves to others: which files get it (src/operations/portage.ts), and the hooks themselves (share/gentoo/hook.bash).
 */

import { createHash } from "node:crypto";
import { join } from "node:path";
import { KsquashError } from "../errors.ts";
import { readIfExists } from "../system/files.ts";
import { ownPackage } from "../system/package.ts";
import { run } from "../system/run.ts";

/** Text as latin1 throughout: every byte of a person's own lines stays as it is. */
const block = /^# >>> ksquash (\S+) sha256:([0-9a-f]{64})\n([\s\S]*?)^# <<< ksquash\n/m;
const mark = /^# (?:>>>|<<<) ksquash\b/m;

export interface FoundBlock {
	/** Of the ksquash that wrote it. */
	version: string;
	/** It is this package's, and nobody edited it. */
	current: boolean;
	/** Somebody changed it since it was written. */
	edited: boolean;
}

/** The block with its marks, as this package writes it. */
export async function hookBlock(): Promise<string> {
	const { root, version } = ownPackage();
	const path = join(root, "share/gentoo/hook.bash");
	const body = (await readIfExists(path))?.toString("latin1");
	if (body === undefined) throw new KsquashError("ERR_KSQUASH_INTERNAL", `the package has no ${path}`);
	return `# >>> ksquash ${version} sha256:${sha256(body)}\n${body}# <<< ksquash\n`;
}

/** undefined: the text has none. Throws ERR_KSQUASH_OCCUPIED where one of its two marks is missing or stands twice. */
export async function findBlock(path: string, text: string): Promise<FoundBlock | undefined> {
	const match = block.exec(text);
	const rest = match === null ? text : text.replace(block, "");
	if (mark.test(rest)) {
		throw new KsquashError("ERR_KSQUASH_OCCUPIED", `${path} has marks of ksquash's that enclose no block`, {
			path,
			hint: 'remove the lines "# >>> ksquash …" and "# <<< ksquash", and what was between them',
		});
	}
	if (match === null) return undefined;
	const [whole, version = "", hash, body = ""] = match;
	return { version, current: whole === (await hookBlock()), edited: sha256(body) !== hash };
}

/** The text with this package's block at its end. */
export async function withBlock(text: string): Promise<string> {
	const own = withoutBlock(text);
	return `${own}${own === "" || own.endsWith("\n") ? "" : "\n"}${await hookBlock()}`;
}

/** Just the block goes. */
export function withoutBlock(text: string): string {
	return text.replace(block, "");
}

/** Does a person's part of the file pack and mount kernel sources by itself, as the script that ksquash replaces? */
export function isLikeOriginal(text: string): boolean {
	const own = withoutBlock(text).replace(/^\s*#.*$/gm, "");
	return /\bmksquashfs\b/.test(own) && own.includes("KV_FULL");
}

/** What bash says about the syntax of a text; undefined when nothing is wrong. A syntax error means: no hooks at all. */
export async function syntaxProblem(text: string): Promise<string | undefined> {
	const input = Buffer.from(text, "latin1");
	const { status, lastLines } = await run("bash", ["-n"], { input, stdout: "lines", okStatus: [0, 1, 2] });
	return status === 0 ? undefined : (lastLines[0] ?? "bash -n refuses it");
}

function sha256(text: string): string {
	return createHash("sha256").update(text, "latin1").digest("hex");
}
