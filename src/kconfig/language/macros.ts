/**
 * Kconfig's macros, as far as a text alone decides them: $(SRCARCH), $(srctree), plain variables.
 *
 * Owns: expansion. What runs a program ($(shell,…), $(cc-option,…)) stays as it is written: only `conf` knows it.
 * Source: Documentation/kbuild/kconfig-macro-language.rst. Pure.
 */

import { endOfMacro } from "./tokens.ts";

export type Variables = Map<string, string>;

const DEPTH = 8;

/** `text` with every macro that is known in the place of its call. */
export function expandMacros(text: string, variables: Variables, depth = 0): string {
	if (!text.includes("$(")) return text;
	let result = "";
	let at = 0;
	for (let begin = text.indexOf("$("); begin >= 0; begin = text.indexOf("$(", at)) {
		const end = endOfMacro(text, begin);
		const call = text.slice(begin, end);
		const name = /^\$\(([A-Za-z0-9_-]+)\)$/.exec(call)?.[1];
		const value = name === undefined ? undefined : variables.get(name);
		const known = value === undefined || depth > DEPTH ? undefined : expandMacros(value, variables, depth + 1);
		result += text.slice(at, begin) + (known ?? call);
		at = end;
	}
	return result + text.slice(at);
}

/** NAME = text, NAME := text, NAME += text; true when the line is one. */
export function assignVariable(line: string, variables: Variables): boolean {
	const [, name, how, value = ""] = /^([A-Za-z0-9_-]+)\s*(:=|\+=|=)\s*(.*)$/.exec(line) ?? [];
	if (name === undefined) return false;
	const text = how === ":=" ? expandMacros(value, variables) : value;
	// A function's body has parameters: without its call it means nothing.
	if (/\$\(\d\)/.test(text)) variables.delete(name);
	else variables.set(name, how === "+=" ? `${variables.get(name) ?? ""} ${text}`.trim() : text);
	return true;
}
