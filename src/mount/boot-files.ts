/**
 * The mark in each file that starts the helper at boot: which ksquash wrote it, and whether it was changed since.
 *
 * Owns: the mark's text. Leaves to others: which files there are, and where (boot.ts).
 */

import { createHash } from "node:crypto";
import { ownPackage } from "../system/package.ts";

/** The line as it stands in share/; an installed file says after it which version it is of, and its sum. */
const MARK = '# Installed by "ksquash boot enable"';
const SIGNED = /^(# Installed by "ksquash boot enable") of ksquash (\S+), sha256 ([0-9a-f]{64})/m;

/** older: of another ksquash, as that one wrote it · edited: ours, but changed since · foreign: not ours. */
export type FileState = "current" | "older" | "edited" | "foreign";

/** A file of share/ as it is installed. Throws where it has no mark: then nobody could tell it from another. */
export function signed(body: string): string {
	if (!body.includes(MARK)) throw new Error("a file of share/ lacks its mark");
	return body.replace(MARK, `${MARK} of ksquash ${ownPackage().version}, sha256 ${sha256(body)}`);
}

/** What an installed file is, beside the one of share/ that this package would install. */
export function fileState(text: string, body: string): FileState {
	if (text === signed(body)) return "current";
	if (!text.includes(MARK)) return "foreign";
	const [, , , sum] = SIGNED.exec(text) ?? [];
	return sum === sha256(text.replace(SIGNED, "$1")) ? "older" : "edited";
}

/** Of the ksquash that wrote it; undefined where it does not say. */
export function versionOf(text: string): string | undefined {
	return SIGNED.exec(text)?.[2];
}

function sha256(text: string): string {
	return createHash("sha256").update(text).digest("hex");
}
