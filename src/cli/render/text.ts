/**
 * How values look to a person: sizes, counts, tables, errors, colour.
 *
 * Owns: plain text. Leaves to others: what is said (src/cli/render/report.ts) and where it goes (src/cli/terminal.ts).
 */

import { KsquashError } from "../../errors.ts";
import { visible } from "../../system/names.ts";
import { cliWords } from "./words.ts";

/** 1.2 GB, 172 MB, 4 kB: decimal, as disks are sold and as ls -h --si says. */
export function size(bytes: number): string {
	const units = ["B", "kB", "MB", "GB", "TB"];
	let value = Math.abs(bytes);
	let unit = 0;
	while (value >= 999.5 && unit < units.length - 1) {
		value /= 1000;
		unit++;
	}
	const digits = unit > 0 && value < 9.95 ? value.toFixed(1) : value.toFixed(0);
	return `${bytes < 0 ? "-" : ""}${digits} ${units[unit]}`;
}

/** 83,731: of a whole number. toLocaleString would load ICU's data first: 16 ms of every short run. */
export function count(number: number): string {
	return String(number).replace(/\B(?=(?:\d{3})+$)/g, ",");
}

/** "1 entry", "2 entries". */
export function plural(number: number, one: string, many: string = `${one}s`): string {
	return `${count(number)} ${number === 1 ? one : many}`;
}

/** Seconds as 4 s, 1 min 20 s. */
export function duration(seconds: number): string {
	if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
	const whole = Math.round(seconds);
	return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

export interface Column {
	title: string;
	right?: boolean;
}

/**
 * Columns two blanks apart; the last one is not padded. Where a terminal of `width` characters is too narrow for it, each row
 * is a block of its own, one line a cell.
 */
export function table(
	columns: readonly Column[],
	rows: readonly (readonly string[])[],
	width = Number.POSITIVE_INFINITY,
): string[] {
	const widths = columns.map(({ title }, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
	const line = (cells: readonly string[]): string =>
		columns
			.map(({ right }, i) => {
				const cell = cells[i] ?? "";
				return right ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0);
			})
			.join("  ")
			.trimEnd();
	const lines = [line(columns.map(({ title }) => title)), ...rows.map(line)];
	return lines.every(({ length }) => length <= width) ? lines : rows.flatMap((row) => block(columns, row));
}

/** The first cell as a heading, the others with their titles below it. */
function block(columns: readonly Column[], [first = "", ...cells]: readonly string[]): string[] {
	const named = columns.slice(1).map(({ title }, i) => [title.toLowerCase(), cells[i] ?? ""] as const);
	return [first, ...named.filter(([, cell]) => cell !== "").map(([title, cell]) => `  ${title}: ${cell}`)];
}

/** Names of files and words of programs are others' text: whatever stands in them, a line is one line and no command. */
export function asText(lines: readonly string[]): string {
	return lines.map((line) => `${visible(line)}\n`).join("");
}

/** What, where, why, what to do. */
export function errorLines(error: unknown): string[] {
	if (!(error instanceof KsquashError)) {
		const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
		return [...`ksquash: ${text}`.split("\n"), "  this is a bug of ksquash: please report it with this text"];
	}
	const { message, notes, hint } = error.inWords(cliWords);
	const lines = [`ksquash: ${message}`, ...notes.map((note) => `  ${note}`)];
	if (error.kernelLog) lines.push(`  the kernel says: ${error.kernelLog}`);
	if (hint) lines.push(`  → ${hint}`);
	return lines;
}

/** An error as one JSON object. */
export function errorJson(error: unknown): object {
	if (!(error instanceof KsquashError)) return { code: "ERR_KSQUASH_INTERNAL", message: String(error) };
	return { ...error.toJSON(), ...error.inWords(cliWords) };
}
