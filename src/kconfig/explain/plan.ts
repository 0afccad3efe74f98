/**
 * A set of lines under construction: what it sets, and what follows from that without a line.
 *
 * Owns: that a symbol is settled once. Pure.
 * Leaves to others: which lines are needed (search.ts).
 */

import type { Tristate, Values } from "../language/expression.ts";

export interface Plan {
	/** Symbol → y, m, n, a number or a quoted text; in the order in which they depend on each other. */
	readonly lines: ReadonlyMap<string, string>;
	/** What follows: selected, by default, or the losers of a choice. */
	readonly derived: ReadonlyMap<string, string>;
}

export const EMPTY: Plan = { lines: new Map(), derived: new Map() };

/** undefined: the plan says something about the symbol already. */
export function withLine(plan: Plan, symbol: string, value: string, losers: readonly string[]): Plan | undefined {
	if (isSettled(plan, symbol)) return undefined;
	const derived = new Map(plan.derived);
	for (const loser of losers) derived.set(loser, "n");
	return { lines: new Map(plan.lines).set(symbol, value), derived };
}

export function derive(plan: Plan, symbol: string, level: Tristate): Plan {
	return { ...plan, derived: new Map(plan.derived).set(symbol, ["n", "m", "y"][level] as string) };
}

export function isSettled(plan: Plan, symbol: string): boolean {
	return plan.lines.has(symbol) || plan.derived.has(symbol);
}

/** The values that would be there. */
export function planned(plan: Plan, values: Values): Values {
	return {
		text: (symbol) => plan.lines.get(symbol) ?? plan.derived.get(symbol) ?? values.text(symbol),
		has: (symbol) => isSettled(plan, symbol) || values.has(symbol),
	};
}
