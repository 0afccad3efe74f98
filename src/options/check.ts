/**
 * What a program hands over, looked at before any work: types are checked by the compiler only where there is one.
 *
 * Owns: that wrong options are one error with a code, and never the real root for want of another.
 * Leaves to others: what values mean.
 */

import { KsquashError } from "../errors.ts";
import { assertPath, printable } from "../system/names.ts";

const isText = (value: unknown): boolean => typeof value === "string" && !value.includes("\0");
const oneOf = (...words: string[]): Kind => [words.join(", "), (value) => words.includes(value as string)];

type Kind = readonly [what: string, fits: (value: unknown) => boolean];
const text: Kind = ["a string without NUL", isText];
const texts: Kind = ["an array of strings without NUL", (value) => Array.isArray(value) && value.every(isText)];
const flag: Kind = ["true or false", (value) => typeof value === "boolean"];
const number: Kind = ["a whole number above 0", (value) => Number.isSafeInteger(value) && (value as number) > 0];
const callback: Kind = ["a function", (value) => typeof value === "function"];

const kinds: Readonly<Record<string, Kind>> = {
	signal: ["an AbortSignal", (value) => value instanceof AbortSignal],
	owner: ["a user's name or number", (value) => isText(value) || Number.isSafeInteger(value)],
	depth: oneOf("quick", "full", "deep"),
	fuse: oneOf("auto", "never", "always"),
	preset: oneOf("smallest", "balanced", "fast"),
	format: oneOf("squashfs", "erofs"),
	init: oneOf("systemd", "openrc", "local.d"),
	...all(text, "root release variant base buildDir arch cross localVersion from config output sha256 signature"),
	...all(text, "keyring compressor"),
	...all(texts, "fragments set makeArgs patches toolOptions users groups packages"),
	...all(flag, "dryRun userSpace adopt force keepSource replaceSource replace lazy purge strict keepBuiltin prove"),
	...all(flag, "migrate modulesPrepare mounts nice onlyOwn select"),
	...all(number, "blockSize jobs memory"),
	...all(callback, "onProgress onWarning"),
};

function all(kind: Kind, names: string): Record<string, Kind> {
	return Object.fromEntries(names.split(" ").map((name) => [name, kind]));
}

/** Throws ERR_KSQUASH_USAGE for the first option that is of another type. What is undefined is absent. */
export function assertOptions(options: unknown): void {
	if (typeof options !== "object" || options === null || Array.isArray(options)) {
		throw wrong(`options must be an object such as { root: "/mnt" }, and are ${shown(options)}`);
	}
	for (const [name, value] of Object.entries(options)) {
		const [what, fits] = kinds[name] ?? [];
		if (value !== undefined && fits?.(value) === false)
			throw wrong(`the option ${name} must be ${what}, and is ${shown(value)}`);
	}
	if ("root" in options && typeof options.root === "string") assertPath(options.root, "the option root");
}

/** Throws ERR_KSQUASH_USAGE. */
export function assertTexts(values: unknown, what: string): void {
	if (!texts[1](values)) throw wrong(`${what} must be ${texts[0]}, and are ${shown(values)}`);
}

function wrong(message: string): KsquashError {
	return new KsquashError("ERR_KSQUASH_USAGE", message, { hint: "docs/library.md has each call with its types" });
}

function shown(value: unknown): string {
	return typeof value === "string" ? printable(value) : value === null ? "null" : `of type ${typeof value}`;
}
