/**
 * One `config` block. Its lines are read when they are asked for: of 16,000 symbols a question touches a few.
 *
 * Owns: the properties of a symbol (type, prompt, depends, default, select, imply, range). Pure.
 * Leaves to others: what stands around the block (parser.ts).
 */

import { both, type Expression, parseExpression, parseTerm } from "./expression.ts";
import { helpText } from "./lines.ts";
import { expandMacros, type Variables } from "./macros.ts";
import type { Choice, Conditional, Prompt, Range, SymbolType } from "./model.ts";
import { type Token, tokenize } from "./tokens.ts";

export interface Around {
	depends: Expression | undefined;
	visible: Expression | undefined;
	choice: Choice | undefined;
}

const TYPES = new Set(["bool", "boolean", "tristate", "int", "hex", "string", "def_bool", "def_tristate"]);

export class Definition {
	readonly symbol: string;
	/** From the top of the source. */
	readonly file: string;
	/** From 1. */
	readonly line: number;
	readonly choice: Choice | undefined;
	readonly #around: Around;
	readonly #variables: Variables;
	readonly #lines: { text: string; line: number }[] = [];
	#help = "";
	#read: Properties | undefined;

	constructor(symbol: string, file: string, line: number, around: Around, variables: Variables) {
		this.symbol = symbol;
		this.file = file;
		this.line = line;
		this.choice = around.choice;
		this.#around = around;
		this.#variables = variables;
	}

	add(text: string, line: number): void {
		this.#lines.push({ text, line });
	}

	addHelp(raw: string): void {
		this.#help = raw;
	}

	get help(): string {
		return helpText(this.#help);
	}

	get type(): SymbolType | undefined {
		return this.#properties.type;
	}

	/** Its condition holds the `visible if` of the menus around it, too. */
	get prompt(): Prompt | undefined {
		return this.#properties.prompt;
	}

	/** `depends on` of this block and of all that stands around it. */
	get depends(): Expression | undefined {
		return this.#properties.depends;
	}

	get defaults(): readonly Conditional<Expression>[] {
		return this.#properties.defaults;
	}

	get ranges(): readonly Conditional<Range>[] {
		return this.#properties.ranges;
	}

	get selects(): readonly Conditional<string>[] {
		return this.#properties.selects;
	}

	get #properties(): Properties {
		this.#read ??= readProperties(this.file, this.#lines, this.#around, this.#variables);
		return this.#read;
	}
}

interface Properties {
	type: SymbolType | undefined;
	prompt: Prompt | undefined;
	depends: Expression | undefined;
	defaults: Conditional<Expression>[];
	ranges: Conditional<Range>[];
	selects: Conditional<string>[];
}

function readProperties(
	file: string,
	lines: readonly { text: string; line: number }[],
	around: Around,
	variables: Variables,
): Properties {
	const { depends } = around;
	const found: Properties = { type: undefined, prompt: undefined, depends, defaults: [], ranges: [], selects: [] };
	for (const { text, line } of lines) {
		const [first, ...rest] = tokenize(expandMacros(text, variables));
		const word = first?.text ?? "";
		const at = { file, line };
		if (TYPES.has(word)) {
			const bare = word.replace(/^def_/, "");
			found.type = (bare === "boolean" ? "bool" : bare) as SymbolType;
			if (word.startsWith("def_")) addDefault(found, rest, at);
			else found.prompt = readPrompt(rest, around.visible) ?? found.prompt;
		} else if (word === "prompt") found.prompt = readPrompt(rest, around.visible) ?? found.prompt;
		else if (word === "depends") found.depends = both(found.depends, readDepends(rest));
		else if (word === "default") addDefault(found, rest, at);
		else if (word === "select") {
			const value = rest.shift()?.text;
			if (value !== undefined) found.selects.push({ ...at, value, condition: readCondition(rest) });
		} else if (word === "range") {
			const [low, high] = [parseTerm(rest), parseTerm(rest)];
			if (low && high) found.ranges.push({ ...at, value: { low, high }, condition: readCondition(rest) });
		}
	}
	return found;
}

function addDefault(found: Properties, rest: Token[], at: { file: string; line: number }): void {
	const value = parseExpression(rest);
	if (value !== undefined) found.defaults.push({ ...at, value, condition: readCondition(rest) });
}

/** Of `bool "text" if X` and `prompt "text" if X`. */
export function readPrompt(rest: Token[], visible: Expression | undefined): Prompt | undefined {
	const [first] = rest;
	if (first === undefined || first.kind === "sign" || (first.kind === "word" && first.text === "if")) return undefined;
	rest.shift();
	return { text: first.text, condition: both(visible, readCondition(rest)) };
}

/** "depends on A if B" (7.0) holds only where B does. */
export function readDepends(rest: Token[]): Expression | undefined {
	if (rest[0]?.text === "on") rest.shift();
	const expression = parseExpression(rest);
	const condition = readCondition(rest);
	if (expression === undefined || condition === undefined) return expression;
	return { op: "or", left: { op: "not", of: condition }, right: expression };
}

/** What follows `if`. */
export function readCondition(rest: Token[]): Expression | undefined {
	if (rest[0]?.text !== "if") return undefined;
	rest.shift();
	return parseExpression(rest);
}
