/**
 * The values that symbols have in a final .config, as Kconfig's expressions see them.
 *
 * Owns: what an absent symbol is worth, and whether a symbol can be set at all. Pure.
 * Leaves to others: what would have to change (solve.ts).
 */

import type { Config } from "../config.ts";
import type { Definition } from "../language/definition.ts";
import { both, type Expression, evaluate, type Tristate, tristate, type Values } from "../language/expression.ts";
import { isTristate, type KconfigTree, typeOf } from "../language/model.ts";
import { unquote } from "../value.ts";

/** A symbol that the tree defines and the config lacks is n, or an empty text; one that nothing defines is unknown. */
export function configValues(tree: KconfigTree, config: Config): Values {
	return {
		text(symbol) {
			const there = config.symbols.get(symbol);
			if (there !== undefined) return unquote(there.raw) ?? (/^[ymn]$/.test(there.value) ? there.value : there.raw);
			const definitions = tree.symbols.get(symbol);
			if (definitions === undefined) return undefined;
			return isTristate(typeOf(definitions)) ? "n" : "";
		},
		has: (symbol) => config.symbols.has(symbol),
	};
}

/** What must hold for a definition's prompt to be asked; undefined where nothing must, false where it has no prompt. */
export function promptCondition(definition: Definition): Expression | undefined | false {
	return definition.prompt === undefined ? false : both(definition.depends, definition.prompt.condition);
}

/** How far a person can raise the symbol: 0 not at all, 1 to m (y for a bool), 2 to y. */
export function visibility(definitions: readonly Definition[], values: Values): Tristate {
	let highest: Tristate = 0;
	for (const definition of definitions) {
		const condition = promptCondition(definition);
		if (condition === false) continue;
		highest = Math.max(highest, evaluate(condition, values)) as Tristate;
	}
	return highest;
}

/** How far others hold the symbol up, whatever a person sets. */
export function heldAt(tree: KconfigTree, symbol: string, values: Values): Tristate {
	let held: Tristate = 0;
	for (const { by, condition } of tree.selectedBy(symbol)) {
		const own = tristate(values.text(by));
		if (own > held) held = Math.max(held, Math.min(own, evaluate(condition, values))) as Tristate;
	}
	return held;
}

/** Can a person change it? Its prompt can be seen, and nobody holds it as high as it goes (sym_is_changeable). */
export function isChangeable(tree: KconfigTree, symbol: string, values: Values): boolean {
	const definitions = tree.symbols.get(symbol) ?? [];
	const seen = visibility(definitions, values);
	const type = typeOf(definitions);
	if (!isTristate(type)) return seen > 0;
	const full = (level: Tristate): Tristate => (level === 1 && type === "bool" ? 2 : level);
	return full(seen) > full(heldAt(tree, symbol, values));
}

/** What must hold for each default to make the symbol what it says. */
export function defaultConditions({ depends, defaults }: Definition): Expression[] {
	return defaults.map(({ value, condition }) => both(both(depends, condition), value) as Expression);
}
