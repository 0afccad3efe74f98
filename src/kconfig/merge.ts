/**
 * Merging fragments into a base: the base without every line that a fragment sets, then each fragment's lines.
 *
 * Owns: the order of lines (a choice is decided by its last "=y", so nothing is edited in place) and the reports.
 * Leaves to others: the final values, which only the kernel's `conf` decides. Pure.
 */

import { type Assignment, type Config, type ConfigLine, type Finding, formatConfig, parseConfig } from "./config.ts";

export interface Fragment {
	/** How the file is called in reports. */
	name: string;
	text: Uint8Array;
}

export interface Place {
	file: string;
	line: number;
	raw: string;
}

/**
 * duplicate: twice in one file · redefinition: a later file sets another value · redundant: the same value ·
 * kept: keepBuiltin left a y that a fragment would have made m.
 */
export interface MergeReport {
	kind: "duplicate" | "redefinition" | "redundant" | "kept";
	symbol: string;
	previous: Place;
	next: Place;
}

/** What the fragments ask for, one entry a symbol: the last one counts. */
export interface Asked extends Place {
	symbol: string;
	value: string;
}

export interface MergeOptions {
	/** A symbol that is y stays y where a fragment says m (merge_config.sh -y). */
	keepBuiltin?: boolean;
}

export interface MergeResult {
	text: Uint8Array;
	reports: MergeReport[];
	/** Of all files, in their order. */
	findings: Finding[];
	asked: Asked[];
	/** Symbols that are m while MODULES is not y: `conf` makes each of them y. */
	promoted: string[];
}

/** A symbol's last assignment so far, and the file that it stands in. */
interface Holder {
	config: Config;
	assignment: Assignment;
}

interface Merging {
	lines: ConfigLine[];
	holders: Map<string, Holder>;
	reports: MergeReport[];
}

export function mergeConfigs(base: Fragment, fragments: readonly Fragment[], options: MergeOptions = {}): MergeResult {
	const files = [base, ...fragments].map(({ name, text }) => parseConfig(text, name));
	const merging: Merging = { lines: [], holders: new Map(), reports: [] };
	const asked = new Map<string, Holder>();
	for (const [index, config] of files.entries()) {
		for (const { symbol, first, again } of config.duplicates) {
			const [previous, next] = [place(config, first), place(config, again)];
			merging.reports.push({ kind: "duplicate", symbol, previous, next });
		}
		const kept = index === 0 ? NONE : compare(merging, config, options);
		append(merging, config, kept, index === 0);
		for (const assignment of config.symbols.values()) {
			if (kept.has(assignment.symbol)) continue;
			const holder = { config, assignment };
			merging.holders.set(assignment.symbol, holder);
			if (index > 0) asked.set(assignment.symbol, holder);
		}
	}
	return {
		text: formatConfig(merging.lines),
		reports: merging.reports,
		findings: files.flatMap((file) => file.findings),
		asked: [...asked.values()].map(toAsked),
		promoted: promoted(merging),
	};
}

const NONE: ReadonlySet<string> = new Set();

function toAsked({ config, assignment }: Holder): Asked {
	const { symbol, raw, value, line } = assignment;
	return { file: config.name, line, raw, symbol, value };
}

function promoted({ holders }: Merging): string[] {
	const symbols: string[] = [];
	if (holders.get("MODULES")?.assignment.value === "y") return symbols;
	for (const [symbol, { assignment }] of holders) if (assignment.value === "m") symbols.push(symbol);
	return symbols;
}

/** Reports what the fragment changes; returns the symbols whose y it must not touch. */
function compare(merging: Merging, config: Config, options: MergeOptions): Set<string> {
	const kept = new Set<string>();
	for (const assignment of config.symbols.values()) {
		const { symbol, value } = assignment;
		const holder = merging.holders.get(symbol);
		if (holder === undefined) continue;
		const before = holder.assignment.value;
		if (options.keepBuiltin && before === "y" && value === "m") kept.add(symbol);
		const kind = kept.has(symbol) ? "kept" : before === value ? "redundant" : "redefinition";
		const previous = place(holder.config, holder.assignment);
		merging.reports.push({ kind, symbol, previous, next: place(config, assignment) });
	}
	return kept;
}

/** The empty line before each fragment is what the kernel's script puts there: its output and ours can be compared. */
function append(merging: Merging, config: Config, kept: ReadonlySet<string>, isBase: boolean): void {
	if (isBase) {
		merging.lines = [...config.lines];
		return;
	}
	const stays = ({ assignment }: ConfigLine): boolean =>
		assignment === undefined || !config.symbols.has(assignment.symbol) || kept.has(assignment.symbol);
	const lines = merging.lines.filter(stays);
	const last = lines.at(-1);
	if (last === undefined || last.text.endsWith("\n")) lines.push({ text: "\n" });
	else lines[lines.length - 1] = { ...last, text: `${last.text}\n` };
	for (const line of config.lines) {
		if (line.assignment === undefined || !kept.has(line.assignment.symbol)) lines.push(line);
	}
	merging.lines = lines;
}

function place(config: Config, { line, raw }: Assignment): Place {
	return { file: config.name, line, raw };
}
