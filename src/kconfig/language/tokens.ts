/**
 * The words of a Kconfig line: signs, names, texts in quotes, and macros as one piece. Pure.
 */

export type Token = { kind: "sign" | "word" | "string" | "macro"; text: string };

const WORD = /[A-Za-z0-9_.\-/]/;
const SIGNS = ["&&", "||", "!=", "<=", ">=", "!", "=", "<", ">", "(", ")"];

/** The tokens of a line; a comment ends it. What fits nothing is left out. */
export function tokenize(line: string): Token[] {
	const tokens: Token[] = [];
	let at = 0;
	while (at < line.length) {
		const character = line[at] as string;
		if (character === "#") break;
		if (character === '"' || character === "'") {
			const end = endOfString(line, at);
			tokens.push({ kind: "string", text: line.slice(at + 1, end).replace(/\\(.)/g, "$1") });
			at = end + 1;
		} else if (line.startsWith("$(", at)) {
			const end = endOfMacro(line, at);
			tokens.push({ kind: "macro", text: line.slice(at, end) });
			at = end;
		} else if (WORD.test(character)) {
			const begin = at;
			while (at < line.length && WORD.test(line[at] as string)) at += 1;
			tokens.push({ kind: "word", text: line.slice(begin, at) });
		} else {
			const sign = SIGNS.find((text) => line.startsWith(text, at));
			if (sign !== undefined) tokens.push({ kind: "sign", text: sign });
			at += sign?.length ?? 1;
		}
	}
	return tokens;
}

/** Behind the closing parenthesis of the "$(" at `at`, which may hold others. */
export function endOfMacro(line: string, at: number): number {
	let depth = 0;
	for (let index = at + 1; index < line.length; index++) {
		if (line[index] === "(") depth += 1;
		if (line[index] === ")" && --depth === 0) return index + 1;
	}
	return line.length;
}

function endOfString(line: string, at: number): number {
	for (let index = at + 1; index < line.length; index++) {
		if (line[index] === "\\") index += 1;
		else if (line[index] === line[at]) return index;
	}
	return line.length;
}
