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

/**
 * duplicate: twice in one file · redefinition: a later file sets another value · redundant: the same value ·
 * kept: keepBuiltin left a y that a fragment would have made m.
 */
export interface MergeReport {
	kind: "duplicate" | "redefinition" | "redundant" | "kept";
	symbol: string;
	previous: Assignment;
	next: Assignment;
}

/** What the fragments ask for. */
export type Asked = Assignment;

export interface MergeRules {
	/** A symbol that is y stays y where a fragment says m (merge_config.sh -y). */
	keepBuiltin?: boolean | undefined;
}

export interface MergeResult {
	text: Uint8Array;
	reports: MergeReport[];
	/** Of all files, in their order. */
	findings: Finding[];
	/** One entry a symbol: the last one counts. */
	asked: Asked[];
	/** Symbols that are m while MODULES is not y: `conf` makes each of them y. */
	promoted: string[];
}

interface Merging {
	lines: ConfigLine[];
	/** The last assignment of each symbol so far. */
	symbols: Map<string, Assignment>;
	reports: MergeReport[];
}

export function mergeConfigs(base: Fragment, fragments: readonly Fragment[], rules: MergeRules = {}): MergeResult {
	const first = parseConfig(base.text, base.name);
	const others = fragments.map(({ name, text }) => parseConfig(text, name));
	const merging: Merging = { lines: first.lines, symbols: first.symbols, reports: [] };
	const asked = new Map<string, Asked>();
	reportDuplicates(merging, first);
	for (const config of others) {
		reportDuplicates(merging, config);
		const kept = compare(merging, config, rules);
		merging.lines = append(merging.lines, config, kept);
		for (const [symbol, assignment] of config.symbols) {
			if (kept.has(symbol)) continue;
			merging.symbols.set(symbol, assignment);
			asked.set(symbol, assignment);
		}
	}
	return {
		text: formatConfig(merging.lines),
		reports: merging.reports,
		findings: [first, ...others].flatMap((file) => file.findings),
		asked: [...asked.values()],
		promoted: promoted(merging),
	};
}

function reportDuplicates({ reports }: Merging, { duplicates }: Config): void {
	for (const { symbol, first, again } of duplicates) {
		reports.push({ kind: "duplicate", symbol, previous: first, next: again });
	}
}

function promoted({ symbols }: Merging): string[] {
	if (symbols.get("MODULES")?.value === "y") return [];
	return [...symbols.values()].filter(({ value }) => value === "m").map(({ symbol }) => symbol);
}

/** Reports what the fragment changes; returns the symbols whose y it must not touch. */
function compare({ symbols, reports }: Merging, config: Config, rules: MergeRules): Set<string> {
	const kept = new Set<string>();
	for (const [symbol, next] of config.symbols) {
		const previous = symbols.get(symbol);
		if (previous === undefined) continue;
		const keep = rules.keepBuiltin && previous.value === "y" && next.value === "m";
		if (keep) kept.add(symbol);
		const changed = previous.value === next.value ? "redundant" : "redefinition";
		reports.push({ kind: keep ? "kept" : changed, symbol, previous, next });
	}
	return kept;
}

/** The empty line before each fragment is what the kernel's script puts there: its output and ours can be compared. */
function append(before: readonly ConfigLine[], config: Config, kept: ReadonlySet<string>): ConfigLine[] {
	const stays = ({ assignment }: ConfigLine): boolean =>
		assignment === undefined || !config.symbols.has(assignment.symbol) || kept.has(assignment.symbol);
	const lines = before.filter(stays);
	const last = lines.at(-1);
	if (last === undefined || last.text.endsWith("\n")) lines.push({ text: "\n", assignment: undefined });
	else lines[lines.length - 1] = { ...last, text: `${last.text}\n` };
	for (const line of config.lines) {
		if (line.assignment === undefined || !kept.has(line.assignment.symbol)) lines.push(line);
	}
	return lines;
}
