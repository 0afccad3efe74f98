/**
 * The CLI's words for what a text of the library names: flags for options, commands for calls.
 */

import { flagOf, optionWords } from "../../options/words.ts";
import { shellWord } from "../../system/command-line.ts";
import { type Blank, type Call, isBlank, type Words } from "../../text.ts";

export const cliWords: Words = {
	option: (name, value) => (value === undefined ? flag(name) : given(flag(name), bare(value))),
	calls: (list) => list.map((call) => `ksquash ${commandWords(call)}`).join(" && "),
	manual: "see ksquash --help",
};

/** What goes to mksquashfs as it is stands behind the dashes. */
function flag(name: string): string {
	return name === "toolOptions" ? "--" : flagOf(name);
}

/** A value like -mine would be read as a flag. */
function given(name: string, value: string): string {
	return value.startsWith("-") ? `${name}=${value}` : `${name} ${value}`;
}

/** "boot enable", "configure 6.1 --variant arm --root DIR": as it can be typed behind ksquash. */
export function commandWords({ verb, release, options }: Call<string | Blank>): string {
	const { root, ...own } = options;
	const name = verb.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
	const argument = release === undefined ? [] : [isBlank(release) ? release.blank : shellWord(release)];
	const words = optionWords(verb, filled(own)).map(shellWord);
	const below = root === undefined ? [] : ["--root", shellWord(`${root}`)];
	return [name, ...argument, ...words, ...below].join(" ");
}

function filled(options: Readonly<Record<string, unknown>>): Record<string, unknown> {
	const value = (one: unknown): unknown => (isBlank(one) ? one.blank : one);
	return Object.fromEntries(
		Object.entries(options).map(([name, one]) => [name, Array.isArray(one) ? one.map(value) : value(one)]),
	);
}

function bare(value: string | Blank): string {
	return isBlank(value) ? value.blank : shellWord(value);
}
