/**
 * The text of a .config or fragment as lines and symbols, and what `conf` would lose of it without a word.
 *
 * Owns: which line sets which symbol (anchored, as `conf` does it). Pure: bytes in, bytes untouched.
 * Leaves to others: merging (merge.ts) and everything that only Kconfig files know.
 */

import { readValue } from "./value.ts";

export interface Assignment {
	/** How the file is called in reports. */
	file: string;
	/** From 1. */
	line: number;
	symbol: string;
	/** As written after "="; "n" for "# CONFIG_X is not set". */
	raw: string;
	/** See Value.normalised. */
	value: string;
}

export interface ConfigLine {
	/** One character a byte (latin1), with the line end if there is one. */
	text: string;
	assignment: Assignment | undefined;
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
	const returns: number[] = [];
	for (let begin = 0, line = 1; begin < text.length; line++) {
		// Nearly all of a merge's time goes into this, in a process that ends before V8 has compiled much: one match a usual line.
		USUAL.lastIndex = begin;
		const match = USUAL.exec(text);
		if (match !== null) {
			const value = match[2] ?? "n";
			const assignment = { file: name, line, symbol: (match[1] ?? match[3]) as string, raw: value, value };
			config.lines.push({ text: match[0], assignment });
			assign(config, assignment);
			begin = USUAL.lastIndex;
			continue;
		}
		const end = endOfLine(text, begin);
		const whole = text.slice(begin, end);
		const setting = readOther(config, whole, line, returns);
		const assignment = setting && { file: name, line, ...setting };
		config.lines.push({ text: whole, assignment });
		if (assignment !== undefined) assign(config, assignment);
		begin = end;
	}
	if (returns.length > 0) config.findings.push(carriageReturns(config, returns));
	return config;
}

type Setting = Pick<Assignment, "symbol" | "raw" | "value">;

/** What nearly every line is. */
const USUAL = /(?:CONFIG_([A-Za-z0-9_]+)=([ymn])|# CONFIG_([A-Za-z0-9_]+) is not set)\n/y;

function readOther(config: Config, whole: string, line: number, returns: number[]): Setting | undefined {
	const text = withoutEnd(whole);
	if (whole.charCodeAt(text.length) === RETURN) returns.push(line);
	const { notes, setting } = readLine(text);
	for (const note of notes) config.findings.push({ ...note, file: config.name, line, text });
	return setting;
}

function assign({ symbols, duplicates }: Config, assignment: Assignment): void {
	const { symbol } = assignment;
	const first = symbols.get(symbol);
	if (first !== undefined) duplicates.push({ symbol, first, again: assignment });
	symbols.set(symbol, assignment);
}

function carriageReturns({ name, lines }: Config, returns: readonly number[]): Finding {
	const line = returns[0] as number;
	const text = (lines[line - 1] as ConfigLine).text.trimEnd();
	const what = returns.length === 1 ? "line ends" : "lines end";
	const reason = `${returns.length} ${what} with a carriage return (CRLF)`;
	return { kind: "odd", file: name, line, column: text.length + 1, reason, text };
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
	setting?: Setting;
	notes: Note[];
}

const BOM = "\u00ef\u00bb\u00bf";

function readLine(bare: string): ReadLine {
	const zero = bare.indexOf("\0");
	if (zero >= 0) {
		// `conf` reads C strings: the rest of the line is not there.
		const read = readLine(bare.slice(0, zero));
		const kind = read.setting === undefined ? "lost" : "odd";
		return { ...read, notes: [...read.notes, { kind, column: zero + 1, reason: "a NUL byte ends the line" }] };
	}
	if (bare.startsWith(BOM)) {
		const harmless = /^(?:#(?! CONFIG_\w+ is not set)|\s*$)/.test(bare.slice(BOM.length));
		return { notes: [{ kind: harmless ? "odd" : "lost", column: 1, reason: "a byte order mark starts the line" }] };
	}
	if (bare.startsWith("#")) return readComment(bare);
	return /^\s*$/.test(bare) ? { notes: [] } : readSetting(bare);
}

/** "# CONFIG_X is not set" is a setting; what only looks like it is reported. */
function readComment(bare: string): ReadLine {
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
		return { setting: { symbol, raw: "n", value: "n" }, notes };
	}
	const near = /^#\s*CONFIG_\w+\s+is\s+not\s+set/i.test(bare);
	return near ? lost(2, "it is a comment: the form is “# CONFIG_X is not set”") : { notes: [] };
}

function readSetting(bare: string): ReadLine {
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
	return { setting: { symbol, raw, value: value.normalised }, notes };
}

function lost(column: number, reason: string): ReadLine {
	return { notes: [{ kind: "lost", column, reason }] };
}

function latin1(bytes: Uint8Array): string {
	return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/** Behind the newline; the last line may have none. */
function endOfLine(text: string, begin: number): number {
	const newline = text.indexOf("\n", begin);
	return newline < 0 ? text.length : newline + 1;
}
