/**
 * Why the user did not get what was asked for: one reason each, with its place in the Kconfig files.
 *
 * Owns: the classes and the order in which they are tried. Pure.
 * Leaves to others: what was missed (../audit.ts).
 */

import { nearestName } from "../../system/nearest.ts";
import { text as said, type Text } from "../../text.ts";
import type { AuditEntry } from "../audit.ts";
import type { Definition } from "../language/definition.ts";
import {
	type Expression,
	evaluate,
	format,
	type Tristate,
	termText,
	tristate,
	type Values,
} from "../language/expression.ts";
import { isTristate, type KconfigTree, type Location, type SymbolType, typeOf } from "../language/model.ts";
import { fragmentName } from "../set-option.ts";
import { promptCondition, visibility } from "./values.ts";

/**
 * unknown: no Kconfig file defines it · type: no value of its type · selected: another symbol holds it higher ·
 * no prompt: nobody is asked · choice: another member has it · dependency: what it depends on is not met ·
 * range: the number is out of it · other: none of these.
 */
export type ReasonKind = "unknown" | "type" | "selected" | "no prompt" | "choice" | "dependency" | "range" | "other";

export interface Reason {
	kind: ReasonKind;
	/** The rest of a sentence. */
	text: string;
	/** file:line in the source. */
	at?: string;
}

const values: Readonly<Record<SymbolType, readonly [RegExp, string]>> = {
	bool: [/^[yn]$/, "y or n"],
	tristate: [/^[ymn]$/, "y, m or n"],
	int: [/^-?(?:0|[1-9]\d*)$/, "a decimal number"],
	hex: [/^(?:0[xX])?[0-9a-fA-F]+$/, "a hexadecimal number"],
	string: [/^"/, "a text in quotes"],
};

export interface Missed extends AuditEntry {
	reason: Reason;
	/** "my.config:3: CONFIG_X=y is n: dependency: it depends on NET [=n] (net/Kconfig:4)" */
	text: Text;
}

/** `now` are the values of the final .config. */
export function whyMissed(entry: AuditEntry, tree: KconfigTree, now: Values): Missed {
	const { file, line, symbol, raw, got } = entry;
	const reason = reasonFor(entry, tree, now);
	const at = reason.at === undefined ? "" : ` (${reason.at})`;
	const text = said`${fragmentName(file)}:${line}: CONFIG_${symbol}=${raw} is ${got ?? "absent"}: ${reason.kind}: ${reason.text}${at}`;
	return { ...entry, reason, text };
}

function reasonFor(entry: AuditEntry, tree: KconfigTree, now: Values): Reason {
	const { symbol } = entry;
	const definitions = tree.symbols.get(symbol);
	const first = definitions?.[0];
	if (definitions === undefined || first === undefined) {
		const near = nearestName(symbol, tree.symbols.keys());
		const text = near === undefined ? "" : `; is ${near} meant?`;
		return { kind: "unknown", text: `this kernel has no symbol of this name${text}` };
	}
	const type = typeOf(definitions);
	const fits = type === undefined ? undefined : values[type];
	if (fits !== undefined && !fits[0].test(entry.value)) {
		return { kind: "type", text: `it is ${type}: it takes ${fits[1]}`, at: place(first) };
	}
	return (
		heldBySelect(entry, tree, now) ??
		withoutPrompt(definitions) ??
		choiceLost(entry, definitions, now) ??
		unmetDependency(entry, definitions, now) ??
		outOfRange(entry, definitions, now) ?? { kind: "other", text: "conf decided otherwise", at: place(first) }
	);
}

export function place({ file, line }: Location): string {
	return `${file}:${line}`;
}

function heldBySelect({ symbol, value, got }: AuditEntry, tree: KconfigTree, now: Values): Reason | undefined {
	if (tristate(got) <= tristate(value)) return undefined;
	for (const selection of tree.selectedBy(symbol)) {
		const own = evaluate({ op: "symbol", name: selection.by }, now);
		if (Math.min(own, evaluate(selection.condition, now)) <= tristate(value)) continue;
		const text = `${selection.by} [=${now.text(selection.by)}] selects it`;
		return { kind: "selected", text, at: place(selection) };
	}
	return undefined;
}

function withoutPrompt(definitions: readonly Definition[]): Reason | undefined {
	const [first] = definitions;
	if (first === undefined || definitions.some(({ prompt }) => prompt !== undefined)) return undefined;
	return { kind: "no prompt", text: "nobody is asked for it: other symbols decide its value", at: place(first) };
}

function choiceLost({ value }: AuditEntry, definitions: readonly Definition[], now: Values): Reason | undefined {
	if (visibility(definitions, now) === 0) return undefined;
	for (const definition of definitions) {
		const { choice, symbol } = definition;
		if (choice === undefined) continue;
		const winner = choice.members.find((member) => member !== symbol && now.text(member) === "y");
		const name = choice.prompt === undefined ? "a choice" : `the choice "${choice.prompt.text}"`;
		if (value === "y" && winner !== undefined) {
			return { kind: "choice", text: `it is one of ${name}, which is ${winner}`, at: place(choice) };
		}
		if (value === "n" && winner === undefined) {
			return { kind: "choice", text: `one of ${name} must be y: set another one to y`, at: place(choice) };
		}
	}
	return undefined;
}

function unmetDependency(entry: AuditEntry, definitions: readonly Definition[], now: Values): Reason | undefined {
	const [first] = definitions;
	const seen = visibility(definitions, now);
	const bool = typeOf(definitions) === "bool";
	const needed: Tristate = !bool && isTristate(typeOf(definitions)) ? tristate(entry.value) : 1;
	// Without a line in the .config nobody was asked, whatever the text says: a macro in it was n.
	const asked = seen > 0 && (entry.got !== undefined || now.has(entry.symbol));
	if (first === undefined || (asked && seen >= needed)) return undefined;
	const condition = definitions.map(promptCondition).find((one) => one !== false);
	const unmet = unmetParts(condition || undefined, (needed || 1) as Tristate, now);
	if (unmet.length === 0 && seen > 0)
		return {
			kind: "dependency",
			text: `the compiler decides: ${unknownParts(condition || undefined)}`,
			at: place(first),
		};
	const limited = seen === 1 && needed === 2;
	const text = limited
		? `it can only be m, for it depends on ${unmet.join(" and ")}`
		: `it depends on ${unmet.join(" and ")}`;
	return { kind: "dependency", text, at: place(definitions.find(({ prompt }) => prompt !== undefined) ?? first) };
}

/** The parts of a condition that are not met, with the values of now. */
export function unmetParts(condition: Expression | undefined, needed: Tristate, now: Values): string[] {
	return [
		...new Set(
			conjuncts(condition)
				.filter((part) => evaluate(part, now) < needed)
				.map((part) => formatPart(part, now)),
		),
	];
}

function unknownParts(condition: Expression | undefined): string {
	return conjuncts(condition)
		.filter((part) => /\$\(/.test(format(part)))
		.map((part) => format(part))
		.join(" and ");
}

function formatPart(part: Expression, now: Values): string {
	return part.op === "or" ? `(${format(part, now)})` : format(part, now);
}

function conjuncts(expression: Expression | undefined): Expression[] {
	if (expression === undefined) return [];
	return expression.op === "and" ? [...conjuncts(expression.left), ...conjuncts(expression.right)] : [expression];
}

function outOfRange({ value }: AuditEntry, definitions: readonly Definition[], now: Values): Reason | undefined {
	const range = activeRange(definitions, now);
	if (range === undefined || !/^-?\d|^0x/.test(value)) return undefined;
	const asHex = typeOf(definitions) === "hex" && !value.startsWith("0x");
	const number = Number(asHex ? `0x${value}` : value);
	if (number >= Number(range.low) && number <= Number(range.high)) return undefined;
	return { kind: "range", text: `it must be from ${range.low} to ${range.high}`, at: place(range) };
}

/** The range that holds now. */
export function activeRange(
	definitions: readonly Definition[],
	now: Values,
): (Location & { low: string; high: string }) | undefined {
	for (const { ranges } of definitions) {
		const range = ranges.find(({ condition }) => evaluate(condition, now) > 0);
		if (range === undefined) continue;
		const { file, line, value } = range;
		return { file, line, low: termText(value.low, now), high: termText(value.high, now) };
	}
	return undefined;
}
