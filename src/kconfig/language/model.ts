/**
 * What Kconfig files say, as data: symbols with their definitions, choices, and who selects whom.
 *
 * Owns: the shape. Leaves to others: reading files (parser.ts, tree.ts) and what follows for a config.
 */

import type { Definition } from "./definition.ts";
import type { Expression, Term } from "./expression.ts";

export type SymbolType = "bool" | "tristate" | "int" | "hex" | "string";

export interface Location {
	/** From the top of the source. */
	file: string;
	/** From 1. */
	line: number;
}

/** `default`, `select`, `range`: a value or symbol under a condition. */
export interface Conditional<T> extends Location {
	value: T;
	condition: Expression | undefined;
}

export interface Range {
	low: Term;
	high: Term;
}

export interface Prompt {
	text: string;
	condition: Expression | undefined;
}

export interface Choice extends Location {
	prompt: Prompt | undefined;
	depends: Expression | undefined;
	members: string[];
	optional: boolean;
}

/** `by` gives the symbol at least its own value, where the condition holds. */
export interface Selection extends Location {
	by: string;
	condition: Expression | undefined;
}

export interface KconfigTree {
	/** In the order of the files; a symbol may have several definitions. */
	symbols: Map<string, Definition[]>;
	/** Who selects or implies the symbol. */
	selectedBy(symbol: string): Selection[];
	impliedBy(symbol: string): Selection[];
	/** How many files were read. */
	files: number;
	/** Lines that were taken as text, because no keyword of ours begins them. */
	skipped: Location[];
}

export function typeOf(definitions: readonly Definition[]): SymbolType | undefined {
	return definitions.find(({ type }) => type !== undefined)?.type;
}

export function isTristate(type: SymbolType | undefined): boolean {
	return type === "bool" || type === "tristate";
}
