/**
 * The one grammar of release and variant names, and how a name from outside is shown to a person.
 *
 * Owns: what may become part of a path. Leaves to others: the paths themselves (src/layout.ts).
 */

import { KsquashError } from "../errors.ts";
import { type Text, text } from "../text.ts";

/** A path as it crosses: a string where it is valid UTF-8, else the raw bytes. */
export type NativePath = string | Uint8Array;

/** `linux-REL` must fit the helper's NAME ([A-Za-z0-9][A-Za-z0-9._+-]{0,199}): so 194 characters at most. */
const RELEASE = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,193}$/;

/**
 * A release that could be mistaken for a file of another release's ("6.1.sqfs" beside "6.1") is no release.
 */
const OURS = /\.sqfs/;

export function isRelease(text: string): boolean {
	return typeof text === "string" && RELEASE.test(text) && !OURS.test(text);
}

/** Throws ERR_KSQUASH_RELEASE_NAME with the place that the name came from. */
export function assertRelease(name: string, from: string | Text): void {
	if (isRelease(name)) return;
	const shown = typeof name === "string" ? printable(name) : `a value of type ${typeof name}`;
	throw new KsquashError("ERR_KSQUASH_RELEASE_NAME", text`${shown} is no name of a kernel release (${from})`);
}

/** Throws ERR_KSQUASH_USAGE for what no system call takes as a path. */
export function assertPath(path: unknown, what: string): asserts path is string {
	if (typeof path === "string" && path !== "" && !path.includes("\0")) return;
	const shown = typeof path === "string" ? printable(path) : `of type ${typeof path}`;
	throw new KsquashError("ERR_KSQUASH_USAGE", `${what} must be a path, and is ${shown}`);
}

/** Controls but the tab, invisible characters, and those that turn the direction of the text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const CONFUSING = /[\0-\u0008\n-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** A line in which everything that could confuse a terminal is escaped, as JSON does it. */
export function visible(line: string): string {
	return line.replace(CONFUSING, (c) => (c === "\n" ? "\\n" : `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`));
}

/** Text from outside, quoted, and visible. */
export function printable(text: string): string {
	return visible(JSON.stringify(text));
}
