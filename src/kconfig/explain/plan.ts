/**
 * A set of lines under construction: what it sets, and what follows from that without a line.
 *
 * Owns: that a symbol is settled once. Pure.
 * Leaves to others: which lines are needed (search.ts).
 */

import {
	both,
	type Expression,
	evaluate,
	type Tristate,
	tristate,
	unknowns,
	type Values,
} from "../language/expression.ts";
import { isTristate, type KconfigTree, typeOf } from "../language/model.ts";

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

/**
 * The values that would be there. A symbol that the config says nothing about gets its default as soon as what it
 * depends on is met (MEDIA_SUPPORT=y brings MEDIA_SUPPORT_FILTER=y), or what a new line selects.
 */
export class PlannedValues implements Values {
	readonly #plan: Plan;
	readonly #values: Values;
	readonly #tree: KconfigTree;
	readonly #known = new Map<string, string | undefined>();

	constructor(plan: Plan, values: Values, tree: KconfigTree) {
		this.#plan = plan;
		this.#values = values;
		this.#tree = tree;
	}

	has(symbol: string): boolean {
		return isSettled(this.#plan, symbol) || this.#values.has(symbol);
	}

	text(symbol: string): string | undefined {
		const settled = this.#plan.lines.get(symbol) ?? this.#plan.derived.get(symbol);
		if (settled !== undefined) return settled;
		if (this.#plan.lines.size === 0 || this.#values.has(symbol)) return this.#values.text(symbol);
		if (!this.#known.has(symbol)) {
			// In a circle it is what it was.
			this.#known.set(symbol, this.#values.text(symbol));
			this.#known.set(symbol, this.#fresh(symbol));
		}
		return this.#known.get(symbol);
	}

	#fresh(symbol: string): string | undefined {
		const definitions = this.#tree.symbols.get(symbol);
		if (definitions === undefined || !isTristate(typeOf(definitions))) return this.#values.text(symbol);
		let value = 0;
		for (const definition of definitions) {
			const first = definition.defaults.find(({ condition }) => evaluate(condition, this) > 0);
			const all = first && (both(both(definition.depends, first.condition), first.value) as Expression);
			// What the compiler decides is as it was.
			if (all !== undefined && unknowns(all).length === 0) value = Math.max(value, evaluate(all, this));
		}
		for (const { by, condition } of this.#tree.selectedBy(symbol)) {
			const own = tristate(this.#plan.lines.get(by));
			if (own > value) value = Math.max(value, Math.min(own, evaluate(condition, this)));
		}
		return ["n", typeOf(definitions) === "bool" ? "y" : "m", "y"][value];
	}
}
