/**
 * The text of a .config or fragment as lines and symbols, and what `conf` would lose of it without a word.
 *
 * Owns: which line sets which symbol (anchored, as `conf` does it). Pure: bytes in, bytes untouched.
 * Leaves to others: merging (merge.ts) and everything that only Kconfig files know.
 */

import { readValue } from "./value.ts";

export interface Assignment {
	symbol: string;
	/** As written after "="; "n" for "# CONFIG_X is not set". */
	raw: string;
	/** See Value.normalised. */
	value: string;
	/** From 1. */
	line: number;
}

export interface ConfigLine {
	/** One character a byte (latin1), with the line end if there is one. */
	text: string;
	assignment?: Assignment;
}

export interface Finding {
	/** lost: `conf` ignores the line · odd: it takes it, but hardly as meant. */
	kind: "lost" | "odd";
	file: string;
	line: number;
	column: number;
	reason: string;
	/** The line without its end. */
	text: string;
}

export interface Duplicate {
	symbol: string;
	first: Assignment;
	again: Assignment;
}

export interface Config {
	/** How the file is called in reports. */
	name: string;
	lines: ConfigLine[];
	/** The last assignment of each symbol: the one that counts. */
	symbols: Map<string, Assignment>;
	duplicates: Duplicate[];
	findings: Finding[];
}

/** Reads a whole file. Nothing is refused: what `conf` would lose becomes a finding. */
export function parseConfig(bytes: Uint8Array | string, name: string): Config {
	const text = typeof bytes === "string" ? Buffer.from(bytes).toString("latin1") : latin1(bytes);
	const config: Config = { name, lines: [], symbols: new Map(), duplicates: [], findings: [] };
	let returns = 0;
	let firstReturn = 0;
	for (const [index, whole] of splitLines(text).entries()) {
		const number = index + 1;
		const bare = withoutEnd(whole);
		if (bare.length < whole.length && whole.charCodeAt(bare.length) === RETURN) {
			returns += 1;
			firstReturn ||= number;
		}
		const read = readLine(bare, number);
		const line: ConfigLine = { text: whole };
		for (const note of read.notes) config.findings.push({ ...note, file: name, line: number, text: bare });
		if (read.assignment !== undefined) {
			line.assignment = read.assignment;
			const first = config.symbols.get(read.assignment.symbol);
			if (first !== undefined) config.duplicates.push({ symbol: first.symbol, first, again: read.assignment });
			config.symbols.set(read.assignment.symbol, read.assignment);
		}
		config.lines.push(line);
	}
	if (returns > 0) {
		const text = (config.lines[firstReturn - 1] as ConfigLine).text.trimEnd();
		const reason = `${returns} ${returns === 1 ? "line ends" : "lines end"} with a carriage return (CRLF)`;
		config.findings.push({ kind: "odd", file: name, line: firstReturn, column: text.length + 1, reason, text });
	}
	return config;
}

const [NEWLINE, RETURN] = [10, 13] as const;

function withoutEnd(line: string): string {
	let end = line.length;
	if (line.charCodeAt(end - 1) === NEWLINE) end -= 1;
	if (line.charCodeAt(end - 1) === RETURN) end -= 1;
	return line.slice(0, end);
}

/** The bytes of the lines. */
export function formatConfig(lines: readonly ConfigLine[]): Uint8Array {
	return Buffer.from(lines.map((line) => line.text).join(""), "latin1");
}

/** The normalised value of a symbol; absent equals n. */
export function symbolValue(config: Config, symbol: string): string {
	return config.symbols.get(symbol)?.value ?? "n";
}

type Note = Pick<Finding, "kind" | "column" | "reason">;

interface ReadLine {
	assignment?: Assignment;
	notes: Note[];
}

const BOM = "\u00ef\u00bb\u00bf";

function readLine(bare: string, line: number): ReadLine {
	const zero = bare.indexOf("\0");
	if (zero >= 0) {
		// `conf` reads C strings: the rest of the line is not there.
		const read = readLine(bare.slice(0, zero), line);
		const kind = read.assignment === undefined ? "lost" : "odd";
		return { ...read, notes: [...read.notes, { kind, column: zero + 1, reason: "a NUL byte ends the line" }] };
	}
	if (bare.startsWith(BOM)) {
		const harmless = /^(?:#(?! CONFIG_\w+ is not set)|\s*$)/.test(bare.slice(BOM.length));
		return { notes: [{ kind: harmless ? "odd" : "lost", column: 1, reason: "a byte order mark starts the line" }] };
	}
	if (bare.startsWith("#")) return readComment(bare, line);
	if (/^\s*$/.test(bare)) return { notes: [] };
	return readSetting(bare, line);
}

/** "# CONFIG_X is not set" is a setting; what only looks like it is reported. */
function readComment(bare: string, line: number): ReadLine {
	const match = /^#(.)CONFIG_([A-Za-z0-9_]+) is not set(.*)$/.exec(bare);
	if (match !== null) {
		const [, blank, symbol = "", rest = ""] = match;
		const notes: Note[] = [];
		if (blank !== " ")
			notes.push({ kind: "odd", column: 2, reason: "a single space belongs here; it is read as not set" });
		if (rest !== "") {
			const reason = "what follows “is not set” is ignored";
			notes.push({ kind: "odd", column: bare.length - rest.length + 1, reason });
		}
		return { assignment: { symbol, raw: "n", value: "n", line }, notes };
	}
	const near = /^#\s*CONFIG_\w+\s+is\s+not\s+set/i.exec(bare);
	if (near === null) return { notes: [] };
	return { notes: [{ kind: "lost", column: 2, reason: "it is a comment: the form is “# CONFIG_X is not set”" }] };
}

function readSetting(bare: string, line: number): ReadLine {
	const lost = (column: number, reason: string): ReadLine => ({ notes: [{ kind: "lost", column, reason }] });
	if (!bare.startsWith("CONFIG_")) {
		const indented = /^\s+(?:#\s*)?CONFIG_/.test(bare);
		return lost(1, indented ? "a setting must start in the first column" : "it is no setting and no comment");
	}
	const equals = bare.indexOf("=");
	if (equals < 0) return lost(bare.length + 1, "there is no “=”");
	const symbol = bare.slice("CONFIG_".length, equals);
	if (/\s$/.test(symbol)) return lost(equals, "there is a blank before “=”");
	if (!/^[A-Za-z0-9_]+$/.test(symbol)) return lost("CONFIG_".length + 1, "no symbol can have this name");
	const raw = bare.slice(equals + 1);
	const value = readValue(raw);
	const column = equals + 2 + (value.at ?? 0);
	if (value.lost !== undefined) return lost(column, value.lost);
	const notes: Note[] = value.odd === undefined ? [] : [{ kind: "odd", column, reason: value.odd }];
	return { assignment: { symbol, raw, value: value.normalised, line }, notes };
}

function latin1(bytes: Uint8Array): string {
	return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/** Each line with its end; the last one may have none. */
function splitLines(text: string): string[] {
	return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}
