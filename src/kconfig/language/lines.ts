/**
 * A Kconfig file as logical lines: continuations joined, comments left out, help texts as one piece.
 *
 * Owns: where a help text ends (by its indentation), which is the one thing that is not line by line. A whole kernel
 * has 260,000 lines and nine of ten are help, so these are only measured, not cut out. Pure.
 */

export interface LogicalLine {
	/** Without indentation; never "". */
	text: string;
	/** From 1: where it begins. */
	line: number;
	/** What follows the line `help`, as it stands there; see helpText. */
	help?: string;
}

const HELP = /^(?:help|---help---)\s*(?:#.*)?$/;
const [TAB, NEWLINE, RETURN, BLANK, HASH, BACKSLASH] = [9, 10, 13, 32, 35, 92] as const;

export function logicalLines(text: string): LogicalLine[] {
	const lines: LogicalLine[] = [];
	let line = 0;
	for (let at = 0; at < text.length; ) {
		line += 1;
		const begin = line;
		let end = endOfLine(text, at);
		let joined = text.slice(firstLetter(text, at, end), end).trimEnd();
		at = end + 1;
		if (joined === "" || joined.charCodeAt(0) === HASH) continue;
		while (joined.charCodeAt(joined.length - 1) === BACKSLASH && at < text.length) {
			end = endOfLine(text, at);
			joined = `${joined.slice(0, -1)} ${text.slice(at, end).trim()}`;
			at = end + 1;
			line += 1;
		}
		if (!HELP.test(joined)) {
			lines.push({ text: joined, line: begin });
			continue;
		}
		const help = measureHelp(text, at);
		lines.push({ text: "help", line: begin, help: text.slice(at, help.end) });
		at = help.end;
		line += help.lines;
	}
	return lines;
}

/** It ends before the first line that is indented less than its own first line. */
function measureHelp(text: string, begin: number): { end: number; lines: number } {
	let first: number | undefined;
	let lines = 0;
	let at = begin;
	while (at < text.length) {
		const end = endOfLine(text, at);
		const letter = firstLetter(text, at, end);
		if (letter < end) {
			const depth = indent(text, at, letter);
			first ??= depth;
			if (depth < first || first === 0) break;
		}
		lines += 1;
		at = end + 1;
	}
	return { end: Math.min(at, text.length), lines };
}

function endOfLine(text: string, at: number): number {
	const end = text.indexOf("\n", at);
	return end < 0 ? text.length : end;
}

/** `end` for a blank line. */
function firstLetter(text: string, begin: number, end: number): number {
	for (let at = begin; at < end; at++) {
		const code = text.charCodeAt(at);
		if (code !== TAB && code !== BLANK && code !== RETURN && code !== NEWLINE) return at;
	}
	return end;
}

function indent(text: string, begin: number, end: number): number {
	let depth = 0;
	for (let at = begin; at < end; at++) depth += text.charCodeAt(at) === TAB ? 8 - (depth % 8) : 1;
	return depth;
}

/** A help text without its indentation. */
export function helpText(raw: string): string {
	const lines = raw.split("\n").map((line) => {
		const letter = firstLetter(line, 0, line.length);
		return " ".repeat(indent(line, 0, letter)) + line.slice(letter).trimEnd();
	});
	const depths = lines.filter((line) => line.trim() !== "").map((line) => line.length - line.trimStart().length);
	const depth = Math.min(...depths);
	return lines
		.map((line) => line.slice(depth))
		.join("\n")
		.trim();
}
