/**
 * All that the Kconfig files say about one symbol, with the values of a config.
 *
 * Owns: which facts are worth saying. Pure. Leaves to others: how a person is shown them; running `conf`.
 */

import { KsquashError } from "../../errors.ts";
import { nearestName } from "../../system/nearest.ts";
import type { Definition } from "../language/definition.ts";
import { evaluate, format, tristate, type Values } from "../language/expression.ts";
import { isTristate, type KconfigTree, type Selection, type SymbolType, typeOf } from "../language/model.ts";
import { activeRange, place, unmetParts } from "./reasons.ts";
import { solve } from "./solve.ts";
import { isChangeable, promptCondition } from "./values.ts";

export interface ExplainedDefinition {
	/** file:line. */
	at: string;
	prompt?: string;
	/** As in the file, each symbol with its value: "NET [=y] && !BT [=n]". */
	depends?: string;
	/** Of the prompt alone. */
	promptIf?: string;
	defaults: string[];
	selects: string[];
}

export interface ExplainedSelection {
	symbol: string;
	/** Its value now. */
	value: string;
	condition?: string;
	at: string;
	/** It holds the symbol up now. */
	active: boolean;
}

export interface Explanation {
	symbol: string;
	type: SymbolType | "unknown";
	/** As in a .config; "n" for a bool that is not there, "" for a number or text. */
	value: string;
	/** A person can change it now. */
	changeable: boolean;
	definitions: ExplainedDefinition[];
	selectedBy: ExplainedSelection[];
	impliedBy: ExplainedSelection[];
	choice?: { prompt: string; at: string; members: { symbol: string; value: string }[] };
	range?: { low: string; high: string; at: string };
	help: string;
	/** The smallest set of lines that would turn it on; [] where it is on; absent where none was found. */
	lines?: string[];
	/** Only for a symbol that no lines turn on: what is not met. */
	unmet: string[];
	/** Macros that the lines take to be y: only `conf` runs them. */
	assumed: string[];
}

/** Throws ERR_KSQUASH_NO_INPUT for a symbol that no file defines, with the nearest name. */
export function explainSymbol(tree: KconfigTree, now: Values, symbol: string): Explanation {
	const definitions = tree.symbols.get(symbol);
	const [first] = definitions ?? [];
	if (definitions === undefined || first === undefined) {
		const near = nearestName(symbol, tree.symbols.keys());
		throw new KsquashError("ERR_KSQUASH_NO_INPUT", `this kernel has no symbol ${symbol}`, {
			hint: near === undefined ? "check its name" : `is ${near} meant?`,
		});
	}
	const type = typeOf(definitions);
	const value = now.text(symbol) ?? "";
	const range = activeRange(definitions, now);
	const choice = definitions.find((definition) => definition.choice !== undefined)?.choice;
	const found = solve(tree, now, symbol, type === "tristate" ? [2, 1] : [2]);
	const condition = definitions.map(promptCondition).find((one) => one !== false);
	const quoted = (text: string): string => (type === "string" ? JSON.stringify(text) : text);
	const lines = [...(found?.lines ?? [])].map(([name, text]) => line(name, text));
	if (found !== undefined && !isTristate(type)) lines.push(`CONFIG_${symbol}=${quoted(value)}`);
	return {
		symbol,
		type: type ?? "unknown",
		value,
		changeable: isChangeable(tree, symbol, now),
		definitions: definitions.map((definition) => explainDefinition(definition, now)),
		selectedBy: tree.selectedBy(symbol).map((one) => selection(one, now)),
		impliedBy: tree.impliedBy(symbol).map((one) => selection(one, now)),
		...(choice === undefined ? {} : { choice: describeChoice(choice, now) }),
		...(range === undefined ? {} : { range: { low: range.low, high: range.high, at: place(range) } }),
		help: definitions.map(({ help }) => help).find((text) => text !== "") ?? "",
		...(found === undefined ? {} : { lines }),
		unmet: found === undefined ? unmetParts(condition || first.depends, 1, now) : [],
		assumed: found?.assumed ?? [],
	};
}

function line(symbol: string, value: string): string {
	return value === "n" ? `# CONFIG_${symbol} is not set` : `CONFIG_${symbol}=${value}`;
}

function explainDefinition(definition: Definition, now: Values): ExplainedDefinition {
	const { prompt, depends } = definition;
	const condition = (one: { condition: Parameters<typeof evaluate>[0] }): string =>
		one.condition === undefined ? "" : ` if ${format(one.condition, now)}`;
	return {
		at: place(definition),
		...(prompt === undefined ? {} : { prompt: prompt.text }),
		...(depends === undefined ? {} : { depends: format(depends, now) }),
		...(prompt?.condition === undefined ? {} : { promptIf: format(prompt.condition, now) }),
		defaults: definition.defaults.map((one) => `${format(one.value, now)}${condition(one)}`),
		selects: definition.selects.map((one) => `${one.value}${condition(one)}`),
	};
}

function selection({ by, condition, ...at }: Selection, now: Values): ExplainedSelection {
	const value = now.text(by) ?? "n";
	return {
		symbol: by,
		value,
		...(condition === undefined ? {} : { condition: format(condition, now) }),
		at: place(at),
		active: tristate(value) > 0 && evaluate(condition, now) > 0,
	};
}

function describeChoice(choice: NonNullable<Definition["choice"]>, now: Values): NonNullable<Explanation["choice"]> {
	const members = choice.members.map((symbol) => ({ symbol, value: now.text(symbol) ?? "n" }));
	return { prompt: choice.prompt?.text ?? "", at: place(choice), members };
}
