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

interface Merging {
	lines: ConfigLine[];
	places: Map<string, Place & { value: string }>;
	reports: MergeReport[];
}

export function mergeConfigs(base: Fragment, fragments: readonly Fragment[], options: MergeOptions = {}): MergeResult {
	const files = [base, ...fragments].map(({ name, text }) => parseConfig(text, name));
	const merging: Merging = { lines: [], places: new Map(), reports: [] };
	const asked = new Map<string, Asked>();
	for (const [index, config] of files.entries()) {
		for (const { symbol, first, again } of config.duplicates) {
			const [previous, next] = [place(config, first), place(config, again)];
			merging.reports.push({ kind: "duplicate", symbol, previous, next });
		}
		const kept = index === 0 ? new Set<string>() : compare(merging, config, options);
		append(merging, config, kept, index === 0);
		for (const assignment of config.symbols.values()) {
			const entry = { ...place(config, assignment), symbol: assignment.symbol, value: assignment.value };
			if (!kept.has(assignment.symbol)) merging.places.set(assignment.symbol, entry);
			if (index > 0 && !kept.has(assignment.symbol)) asked.set(assignment.symbol, entry);
		}
	}
	const modules = merging.places.get("MODULES")?.value === "y";
	const promoted = modules
		? []
		: [...merging.places].filter(([, { value }]) => value === "m").map(([symbol]) => symbol);
	return {
		text: formatConfig(merging.lines),
		reports: merging.reports,
		findings: files.flatMap((file) => file.findings),
		asked: [...asked.values()],
		promoted,
	};
}

/** Reports what the fragment changes; returns the symbols whose y it must not touch. */
function compare(merging: Merging, config: Config, options: MergeOptions): Set<string> {
	const kept = new Set<string>();
	for (const assignment of config.symbols.values()) {
		const { symbol } = assignment;
		const previous = merging.places.get(symbol);
		if (previous === undefined) continue;
		const next = place(config, assignment);
		const demotes = previous.value === "y" && assignment.value === "m";
		if (options.keepBuiltin && demotes) kept.add(symbol);
		const kind = kept.has(symbol) ? "kept" : previous.value === assignment.value ? "redundant" : "redefinition";
		const { file, line, raw } = previous;
		merging.reports.push({ kind, symbol, previous: { file, line, raw }, next });
	}
	return kept;
}

/** The empty line before each fragment is what the kernel's script puts there: its output and ours can be compared. */
function append(merging: Merging, config: Config, kept: ReadonlySet<string>, isBase: boolean): void {
	const replaced = (line: ConfigLine): boolean =>
		line.assignment !== undefined && config.symbols.has(line.assignment.symbol) && !kept.has(line.assignment.symbol);
	if (!isBase) {
		merging.lines = merging.lines.filter((line) => !replaced(line));
		const last = merging.lines.at(-1);
		if (last !== undefined && !last.text.endsWith("\n")) last.text += "\n";
		else merging.lines.push({ text: "\n" });
	}
	for (const line of config.lines) {
		if (line.assignment === undefined || !kept.has(line.assignment.symbol)) merging.lines.push({ ...line });
	}
}

function place(config: Config, { line, raw }: Assignment): Place {
	return { file: config.name, line, raw };
}
