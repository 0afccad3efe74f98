/**
 * What differs between two configs, and the fragment that turns one into the other.
 *
 * Owns: that an absent symbol equals n, and that values are compared as `conf` reads them. Pure.
 * Leaves to others: where the configs come from, and how a person is shown the difference.
 */

import type { Assignment, Config } from "./config.ts";
import { symbolValue } from "./config.ts";

export interface Change {
	symbol: string;
	/** As written after "="; "n" for "is not set"; undefined: the symbol is not there. */
	from: string | undefined;
	to: string | undefined;
}

/** What differs, by symbol name. */
export function diffConfigs(a: Config, b: Config): Change[] {
	const names = new Set([...a.symbols.keys(), ...b.symbols.keys()]);
	const changed = [...names].filter((symbol) => symbolValue(a, symbol) !== symbolValue(b, symbol));
	return changed.toSorted().map((symbol) => ({
		symbol,
		from: a.symbols.get(symbol)?.raw,
		to: b.symbols.get(symbol)?.raw,
	}));
}

/**
 * Merged into `a` and finished by `conf` it gives `b`: b's lines in b's order (the last =y of a choice counts), then
 * what b lacks as not set. A "not set" of b that a says nothing about belongs to it: the default may be y.
 *
 * A number or string that b lacks cannot be unset by a line: it goes when what it depends on goes, so it is a comment.
 */
export function fragmentBetween(a: Config, b: Config): Uint8Array {
	const changed = new Set(diffConfigs(a, b).map(({ symbol }) => symbol));
	const lines: string[] = [];
	for (const { assignment } of b.lines) {
		if (assignment === undefined) continue;
		if (!changed.has(assignment.symbol) && a.symbols.has(assignment.symbol)) continue;
		if (b.symbols.get(assignment.symbol) === assignment) lines.push(settingLine(assignment));
	}
	for (const symbol of changed) {
		if (b.symbols.has(symbol)) continue;
		const { raw, value } = a.symbols.get(symbol) as Assignment;
		const unset = ["y", "m", "n"].includes(value);
		lines.push(unset ? `# CONFIG_${symbol} is not set` : `# CONFIG_${symbol} (${raw}) is absent there`);
	}
	return Buffer.from(lines.map((line) => `${line}\n`).join(""), "latin1");
}

/** The line of a .config that sets this. */
export function settingLine({ symbol, raw }: { symbol: string; raw: string }): string {
	return raw === "n" ? `# CONFIG_${symbol} is not set` : `CONFIG_${symbol}=${raw}`;
}
