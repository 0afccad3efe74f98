/**
 * Sentences that name options and calls as data: a program reads `the option replace` and `mount("6.1")`, the CLI writes
 * --replace and `ksquash mount 6.1` for the same text.
 */

/** What the reader fills in: RELEASE, FILE. */
export interface Blank {
	blank: string;
}

/** A call of the library, and so a command of the CLI: `verb` is the function's name. */
export interface Call<Release = string> {
	verb: string;
	release?: Release;
	options: Readonly<Record<string, unknown>>;
}

interface OptionName {
	option: string;
	value?: string | Blank;
}

type AnyCall = Call<string | Blank>;

type Part = string | OptionName | { calls: readonly AnyCall[] } | { manual: true };

/** How one kind of reader is told of options and calls. */
export interface Words {
	option(name: string, value?: string | Blank): string;
	/** One after the other. */
	calls(calls: readonly Call<string | Blank>[]): string;
	/** Where all calls are described. */
	manual: string;
}

export class Text {
	readonly parts: readonly Part[];

	constructor(parts: readonly Part[]) {
		this.parts = parts;
	}

	in(words: Words): string {
		return this.parts.map((part) => partIn(part, words)).join("");
	}

	/** In the library's words. */
	toString(): string {
		return this.in(libraryWords);
	}
}

function partIn(part: Part, words: Words): string {
	if (typeof part === "string") return part;
	if ("option" in part) return words.option(part.option, part.value);
	return "calls" in part ? words.calls(part.calls) : words.manual;
}

type Value = string | number | Text | AnyCall | Exclude<Part, string>;

/** text`mount it first: ${call("mount", release)}`. */
export function text(strings: TemplateStringsArray, ...values: readonly Value[]): Text {
	const parts = strings.flatMap((string, at) => [string, ...(at < values.length ? partsOf(values[at] as Value) : [])]);
	return new Text(parts.filter((part) => part !== ""));
}

function partsOf(value: Value): readonly Part[] {
	if (typeof value === "string" || typeof value === "number") return [`${value}`];
	if (value instanceof Text) return value.parts;
	return ["verb" in value ? { calls: [value] } : value];
}

/** Texts one after the other, as Array.join does it for strings. */
export function joined(texts: readonly (string | Text)[], between: string): Text {
	return new Text(texts.flatMap((one, at) => [...(at > 0 ? [between] : []), ...partsOf(one)]));
}

export function inWords(one: string | Text, words: Words): string {
	return typeof one === "string" ? one : one.in(words);
}

export function blank(name: string): Blank {
	return { blank: name };
}

export function isBlank(value: unknown): value is Blank {
	return typeof value === "object" && value !== null && "blank" in value;
}

/** An option by its name in the library. */
export function option(name: string, value?: string | Blank): OptionName {
	return { option: name, ...(value === undefined ? {} : { value }) };
}

/** Without those options that are undefined, and without a root that is the usual one. */
export function call<Release extends string | Blank = string>(
	verb: string,
	release?: Release,
	options: Readonly<Record<string, unknown>> = {},
): Call<Release> {
	const given = Object.entries(options).filter(([name, value]) => {
		return value !== undefined && !(name === "root" && value === "/");
	});
	return { verb, ...(release === undefined ? {} : { release }), options: Object.fromEntries(given) };
}

/** Calls that belong together, in this order. */
export function calls(list: readonly AnyCall[]): { calls: readonly AnyCall[] } {
	return { calls: list };
}

export const manual = { manual: true } as const;

export const libraryWords: Words = {
	option: (name, value) => `the option ${name}${typeof value === "string" ? `: ${literal(value)}` : ""}`,
	calls: (list) => list.map(callOf).join(", then "),
	manual: "docs/library.md has each call with its types",
};

function callOf({ verb, release, options }: AnyCall): string {
	const named = Object.entries(options).map(([name, value]) => `${name}: ${literal(value)}`);
	const args = [
		...(release === undefined ? [] : [literal(release)]),
		...(named.length === 0 ? [] : [`{ ${named.join(", ")} }`]),
	];
	return `${verb}(${args.join(", ")})`;
}

function literal(value: unknown): string {
	if (isBlank(value)) return value.blank;
	if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
	return JSON.stringify(value) ?? String(value);
}

/** A symbol: it is in no list of options, and goes with them where they are spread. */
const WORDS = Symbol("words");

/** Options for an operation whose warnings and results are to be in these words. */
export function withWords<T extends object>(options: T, words: Words): T {
	return { ...options, [WORDS]: words };
}

export function wordsOf(options: object): Words {
	return (options as { [WORDS]?: Words })[WORDS] ?? libraryWords;
}
