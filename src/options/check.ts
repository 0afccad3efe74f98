/**
 * What a program hands over, checked before any work: types are checked by the compiler only where there is one.
 *
 * Values are judged by their shape: an array or an AbortSignal may come from another realm (a vm context, jsdom).
 */

import { KsquashError } from "../errors.ts";
import { assertPath, printable } from "../system/names.ts";
import { nearestName } from "../system/nearest.ts";
import { isOptionName, optionsOf, specOf, table } from "./table.ts";
import type { OptionSpec, Options, Values } from "./types.ts";
import { type ArgumentKind, type Verb, verbs } from "./verbs.ts";

type Kind = readonly [what: string, fits: (value: unknown) => boolean];

const isText = (value: unknown): value is string => typeof value === "string" && !value.includes("\0");
// Array.from shows the holes, which every() would pass over.
const isTexts = (value: unknown): boolean => Array.isArray(value) && Array.from(value).every(isText);
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) > 0;
const isFunction = (value: unknown): boolean => typeof value === "function";

const kinds: Readonly<Record<keyof Values, Kind>> = {
	text: ["a string without NUL", isText],
	path: ["a path", isText],
	texts: ["an array of strings without NUL", isTexts],
	flag: ["true or false", (value) => typeof value === "boolean"],
	count: ["a whole number above 0", isCount],
	size: ["a whole number of bytes above 0", isCount],
	owner: ["a user's name or number", (value) => isText(value) || (Number.isSafeInteger(value) && Number(value) >= 0)],
	signal: ["an AbortSignal", isSignal],
	progress: ["a function", isFunction],
	warning: ["a function", isFunction],
};

const argumentKinds: Readonly<Record<ArgumentKind, Kind>> = {
	text: kinds.text,
	"text?": ["a string without NUL, or undefined", (value) => value === undefined || isText(value)],
	texts: kinds.texts,
	config: ["{ name: string, text: Uint8Array }", isConfig],
	configs: [
		"an array of { name: string, text: Uint8Array }",
		(value) => Array.isArray(value) && Array.from(value).every(isConfig),
	],
};

/**
 * Throws ERR_KSQUASH_USAGE for the first option that the verb does not take, or that is of another type. What is undefined
 * is absent.
 */
export function assertOptions<V extends Verb>(verb: V, options: unknown): asserts options is Options<V> {
	if (typeof options !== "object" || options === null || Array.isArray(options)) {
		throw wrong(`options must be an object such as { root: "/mnt" }, and are ${shown(options)}`);
	}
	const own = optionsOf(verb);
	// Inherited ones count, too: they would be read.
	for (const name in options) {
		const value: unknown = options[name as keyof typeof options];
		if (value === undefined || (name in Object.prototype && !Object.hasOwn(options, name))) continue;
		if (!isOptionName(name) || !own.includes(name)) throw unknown(verb, name);
		const [what, fits] = kindOf(specOf(name));
		if (name === "root") assertPath(value, "the option root");
		if (!fits(value)) throw wrong(`the option ${name} must be ${what}, and is ${shown(value)}`);
	}
}

/** Throws ERR_KSQUASH_USAGE for the first argument before the options that is of another type. */
export function assertArguments(verb: Verb, given: Readonly<Record<string, unknown>>): void {
	for (const [name, kind] of Object.entries(verbs[verb].takes)) {
		const [what, fits] = argumentKinds[kind as ArgumentKind];
		const value = given[name];
		if (!fits(value)) throw wrong(`${verb}: ${name} must be ${what}, and is ${shown(value)}`);
	}
}

function kindOf({ kind, values = [] }: OptionSpec): Kind {
	if (kind !== "enum") return kinds[kind];
	return [`one of ${values.join(", ")}`, (value) => values.includes(value as string)];
}

function unknown(verb: Verb, name: string): KsquashError {
	const own = optionsOf(verb);
	const notes = [`options of ${verb}: ${own.join(", ")}`];
	return wrong(`${verb} has no option ${shownName(name)}${whatIsMeant(name, own)}`, notes);
}

function whatIsMeant(name: string, own: readonly string[]): string {
	const verbsOf = (option: string): string => (isOptionName(option) ? specOf(option).verbs : []).join(", ");
	if (verbsOf(name) !== "") return `; it is an option of ${verbsOf(name)}`;
	const near = nearestName(name, own);
	if (near !== undefined) return `; did you mean ${near}?`;
	const other = nearestName(name, Object.keys(table).filter(isLibrarys));
	return other === undefined ? "" : `; did you mean ${other}, an option of ${verbsOf(other)}?`;
}

const isLibrarys = (name: string): boolean => isOptionName(name) && specOf(name).verbs.length > 0;
const shownName = (name: string): string => (/^\w+$/.test(name) ? name : printable(name));

function isSignal(value: unknown): boolean {
	if (typeof value !== "object" || value === null) return false;
	const { aborted, addEventListener, removeEventListener, throwIfAborted } = value as Partial<AbortSignal>;
	return typeof aborted === "boolean" && [addEventListener, removeEventListener, throwIfAborted].every(isFunction);
}

function isConfig(value: unknown): boolean {
	if (typeof value !== "object" || value === null) return false;
	const { name, text } = value as Record<string, unknown>;
	const isBytes = Object.prototype.toString.call(text) === "[object Uint8Array]";
	return isText(name) && (isBytes || typeof text === "string");
}

function wrong(message: string, notes: readonly string[] = []): KsquashError {
	return new KsquashError("ERR_KSQUASH_USAGE", message, {
		hint: "docs/library.md has each call with its types",
		notes,
	});
}

function shown(value: unknown): string {
	return typeof value === "string" ? printable(value) : value === null ? "null" : `of type ${typeof value}`;
}
