/**
 * Kconfig's expressions: text → tree, the tree's value in a config, and as text with the values of now.
 *
 * Owns: the grammar of `depends on` and `if` (Documentation/kbuild/kconfig-language.rst) and tristate arithmetic.
 * Leaves to others: words (tokens.ts), statements (parser.ts), macros (macros.ts). Pure.
 */

import type { Token } from "./tokens.ts";

/** n, m, y. */
export type Tristate = 0 | 1 | 2;

export type Comparison = "=" | "!=" | "<" | "<=" | ">" | ">=";

/** A symbol, a text in quotes, or a macro whose result only `conf` knows. */
export type Term = { op: "symbol"; name: string } | { op: "constant"; value: string } | { op: "unknown"; text: string };

export type Expression =
	| Term
	| { op: "not"; of: Expression }
	| { op: "and" | "or"; left: Expression; right: Expression }
	| { op: "compare"; how: Comparison; left: Term; right: Term };

/** What an evaluation asks. */
export interface Values {
	/** The symbol's value as text: "y", "15", "0x1f" or a string; undefined: there is no such symbol. */
	text(symbol: string): string | undefined;
	/** The config has a line about it: it could be set, or has a value all the same. */
	has(symbol: string): boolean;
}

/** Reads an expression from `tokens` (which it shortens) as far as it goes; undefined where there is none. */
export function parseExpression(tokens: Token[]): Expression | undefined {
	return parseChain(tokens, "or");
}

function parseChain(tokens: Token[], op: "or" | "and"): Expression | undefined {
	const sign = op === "or" ? "||" : "&&";
	const operand = (): Expression | undefined => (op === "or" ? parseChain(tokens, "and") : parseUnary(tokens));
	let left = operand();
	while (left !== undefined && isSign(tokens[0], sign)) {
		tokens.shift();
		const right = operand();
		if (right === undefined) break;
		left = { op, left, right };
	}
	return left;
}

function parseUnary(tokens: Token[]): Expression | undefined {
	const [first] = tokens;
	if (isSign(first, "!")) {
		tokens.shift();
		const of = parseUnary(tokens);
		return of === undefined ? undefined : { op: "not", of };
	}
	if (isSign(first, "(")) {
		tokens.shift();
		const inner = parseExpression(tokens);
		if (isSign(tokens[0], ")")) tokens.shift();
		return inner;
	}
	const left = parseTerm(tokens);
	if (left === undefined || tokens[0]?.kind !== "sign" || !/^(?:!?=|[<>]=?)$/.test(tokens[0].text)) return left;
	const how = (tokens.shift() as Token).text as Comparison;
	const right = parseTerm(tokens);
	return right === undefined ? left : { op: "compare", how, left, right };
}

export function parseTerm(tokens: Token[]): Term | undefined {
	const [first] = tokens;
	if (first === undefined || first.kind === "sign" || (first.kind === "word" && first.text === "if")) return undefined;
	tokens.shift();
	if (first.kind === "macro" || first.text.includes("$(")) return { op: "unknown", text: first.text };
	if (first.kind === "string") return { op: "constant", value: first.text };
	return ["y", "m", "n"].includes(first.text)
		? { op: "constant", value: first.text }
		: { op: "symbol", name: first.text };
}

function isSign(token: Token | undefined, text: string): boolean {
	return token?.kind === "sign" && token.text === text;
}

/** The macros in it whose result only `conf` knows. */
export function unknowns(expression: Expression | undefined): string[] {
	switch (expression?.op) {
		case "unknown":
			return [expression.text];
		case "not":
			return unknowns(expression.of);
		case "and":
		case "or":
		case "compare":
			return [...unknowns(expression.left), ...unknowns(expression.right)];
		default:
			return [];
	}
}

/** Both; what is absent is true. */
export function both(left: Expression | undefined, right: Expression | undefined): Expression | undefined {
	if (left === undefined) return right;
	return right === undefined ? left : { op: "and", left, right };
}

/** undefined (no condition) is y. What only `conf` knows counts as y: it is named where it matters. */
export function evaluate(expression: Expression | undefined, values: Values): Tristate {
	if (expression === undefined) return 2;
	switch (expression.op) {
		case "symbol":
			return tristate(values.text(expression.name));
		case "constant":
			// scripts/kconfig/menu.c, rewrite_m: "m" stands for "m && MODULES".
			if (expression.value === "m" && tristate(values.text("MODULES")) === 0) return 0;
			return tristate(expression.value);
		case "unknown":
			return 2;
		case "not":
			return (2 - evaluate(expression.of, values)) as Tristate;
		case "and":
			return Math.min(evaluate(expression.left, values), evaluate(expression.right, values)) as Tristate;
		case "or":
			return Math.max(evaluate(expression.left, values), evaluate(expression.right, values)) as Tristate;
		case "compare":
			return compare(expression.how, expression.left, expression.right, values) ? 2 : 0;
	}
}

export function tristate(text: string | undefined): Tristate {
	return text === "y" ? 2 : text === "m" ? 1 : 0;
}

/** A name that nothing defines stands for itself: that is how 64 in "= 64" is a number. */
export function termText(term: Term, values: Values): string {
	if (term.op === "constant") return term.value;
	return term.op === "symbol" ? (values.text(term.name) ?? term.name) : term.text;
}

function compare(how: Comparison, left: Term, right: Term, values: Values): boolean {
	if (left.op === "unknown" || right.op === "unknown") return true;
	const [a, b] = [termText(left, values), termText(right, values)];
	const [x, y] = [numberOf(a), numberOf(b)];
	const order = x !== undefined && y !== undefined ? x - y : a < b ? -1 : a > b ? 1 : 0;
	switch (how) {
		case "=":
			return order === 0;
		case "!=":
			return order !== 0;
		case "<":
			return order < 0;
		case "<=":
			return order <= 0;
		case ">":
			return order > 0;
		case ">=":
			return order >= 0;
	}
}

/** A text for which "text HOW wanted" holds; undefined for != and for what is no number. */
export function valueThatFits(how: Comparison, wanted: string): string | undefined {
	if (how === "=") return wanted;
	const number = Number(wanted);
	if (how === "!=" || Number.isNaN(number)) return undefined;
	return String(how === ">" ? number + 1 : how === "<" ? number - 1 : number);
}

/** Decimal or 0x; y, m and n are ordered, too. */
function numberOf(text: string): number | undefined {
	if (/^-?\d+$|^0[xX][0-9a-fA-F]+$/.test(text)) return Number(text);
	const at = ["n", "m", "y"].indexOf(text);
	return at < 0 ? undefined : at;
}

/** As in a Kconfig file; with `values`, each symbol with its value: "NET [=y] && !BT [=n]". */
export function format(expression: Expression, values?: Values): string {
	switch (expression.op) {
		case "symbol": {
			const value = values?.text(expression.name);
			if (values === undefined || /^\d+$/.test(expression.name)) return expression.name;
			return `${expression.name} [${value === undefined ? "unknown" : `=${value}`}]`;
		}
		case "constant":
			return /^[ymn]$/.test(expression.value) ? expression.value : JSON.stringify(expression.value);
		case "unknown":
			return expression.text;
		case "not":
			return `!${wrapped(expression.of, "not", values)}`;
		case "compare":
			return `${format(expression.left, values)} ${expression.how} ${format(expression.right, values)}`;
		default: {
			const sign = expression.op === "and" ? "&&" : "||";
			const [left, right] = [expression.left, expression.right].map((part) => wrapped(part, expression.op, values));
			return `${left} ${sign} ${right}`;
		}
	}
}

function wrapped(part: Expression, around: "and" | "or" | "not", values: Values | undefined): string {
	const text = format(part, values);
	const inside = part.op === "and" || part.op === "or" || (part.op === "compare" && around === "not");
	return inside && part.op !== around ? `(${text})` : text;
}
