/**
 * The smallest set of lines that would turn a symbol on, found in the text of the Kconfig files.
 *
 * Owns: the order of the search: fewer lines first, selecting only where nothing else helps. It is a proposal: what the
 * compiler decides counts as given and is listed, and only `conf` knows the final values. Pure.
 */

import { type Tristate, unknowns, type Values } from "../language/expression.ts";
import { isTristate, type KconfigTree, typeOf } from "../language/model.ts";
import { EMPTY, type Plan } from "./plan.ts";
import { Search } from "./search.ts";
import { defaultConditions, promptCondition } from "./values.ts";

export interface Solution {
	/** In the order in which they depend on each other: symbol → y, m, n or a number. */
	lines: Map<string, string>;
	/** Macros that were taken to be y: only `conf` runs them. */
	assumed: string[];
}

const MOST_LINES = 12;

/** undefined: no way was found. `level` 2 asks for y, 1 for m or y. */
export function solve(
	tree: KconfigTree,
	values: Values,
	symbol: string,
	levels: readonly Tristate[],
): Solution | undefined {
	const definitions = tree.symbols.get(symbol) ?? [];
	const settable = isTristate(typeOf(definitions));
	// Selecting a symbol that has a prompt is a detour: only where nothing else helps.
	for (const detours of [false, true]) {
		for (let most = 0; most <= MOST_LINES; most++) {
			for (const level of levels) {
				const search = new Search(tree, values, most, detours);
				const plan = settable ? search.first(search.raise(symbol, level, EMPTY)) : search.visible(definitions);
				if (plan !== undefined) return { lines: new Map(plan.lines), assumed: assumptions(tree, plan, symbol) };
				if (search.steps <= 0) break;
			}
		}
	}
	return undefined;
}

/** Macros in the conditions of what the plan sets or what follows from it. */
function assumptions(tree: KconfigTree, { lines, derived }: Plan, symbol: string): string[] {
	const found = [...new Set([symbol, ...lines.keys()])].flatMap((name) =>
		(tree.symbols.get(name) ?? []).flatMap((definition) => unknowns(promptCondition(definition) || undefined)),
	);
	const raised = [...derived].filter(([, value]) => value !== "n").flatMap(([name]) => tree.symbols.get(name) ?? []);
	return [...new Set([...found, ...raised.flatMap(defaultConditions).flatMap(unknowns)])];
}
