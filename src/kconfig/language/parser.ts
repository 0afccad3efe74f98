/**
 * Kconfig's statements: the lines of a file into blocks and symbols.
 *
 * Owns: the keywords of all kernels from 4.x to 7.0. A line that none begins is text, never an error.
 * Leaves to others: which files there are (tree.ts), the properties of a symbol (definition.ts).
 */

import { type Around, Definition, readCondition, readDepends, readPrompt } from "./definition.ts";
import { both, parseExpression } from "./expression.ts";
import { logicalLines } from "./lines.ts";
import { assignVariable, expandMacros, type Variables } from "./macros.ts";
import type { Location } from "./model.ts";
import { type Token, tokenize } from "./tokens.ts";

interface Block extends Around {
	kind: "file" | "if" | "menu" | "choice";
}

/** A line `select X if …` or `imply X if …`, read when it is asked for. */
export interface SelectionLine extends Location {
	by: string;
	text: string;
}

export interface ParserContext {
	readonly symbols: Map<string, Definition[]>;
	readonly selects: Map<string, SelectionLine[]>;
	readonly implies: Map<string, SelectionLine[]>;
	readonly skipped: Location[];
	readonly variables: Variables;
	/** Reads what `source` names, inside the blocks around it. */
	source(pattern: string, relative: boolean, from: Parser): void;
}

const BLOCKS = new Set(["if", "menu", "choice", "endif", "endmenu", "endchoice"]);
const SOURCES = new Set(["source", "rsource", "osource", "orsource"]);
/** Of a symbol; a choice has some of them, too. */
const PROPERTIES = new Set([
	...["bool", "boolean", "tristate", "int", "hex", "string", "def_bool", "def_tristate"],
	...["prompt", "depends", "visible", "default", "select", "imply", "range", "optional"],
]);
/** They change nothing of what is asked here. */
const IGNORED = new Set(["mainmenu", "modules", "option", "transitional"]);

/** One file. */
export class Parser {
	readonly file: string;
	readonly #context: ParserContext;
	readonly #blocks: Block[];
	/** What the next properties belong to, besides the innermost block. */
	#current: Definition | "comment" | undefined;

	constructor(file: string, context: ParserContext, around?: Around) {
		this.file = file;
		this.#context = context;
		const { depends, visible, choice } = around ?? { depends: undefined, visible: undefined, choice: undefined };
		this.#blocks = [{ kind: "file", depends, visible, choice }];
	}

	/** The innermost block. */
	get around(): Around {
		return this.#block;
	}

	get #block(): Block {
		return this.#blocks.at(-1) as Block;
	}

	parse(text: string): void {
		for (const { text: line, line: number, help } of logicalLines(text)) {
			if (help !== undefined) {
				if (this.#current instanceof Definition) this.#current.addHelp(help);
			} else if (!this.#statement(line, number) && !assignVariable(line, this.#context.variables)) {
				if (!line.startsWith("$(")) this.#context.skipped.push({ file: this.file, line: number });
			}
		}
	}

	/** False: the line is no statement. */
	#statement(line: string, number: number): boolean {
		const word = /^[a-z_]+(?![A-Za-z0-9_-]|\s*[:+]?=)/.exec(line)?.[0];
		if (word === undefined) return false;
		if (PROPERTIES.has(word)) {
			if (this.#current instanceof Definition) this.#property(this.#current, word, line, number);
			else this.#blockProperty(word, line);
		} else if (word === "config" || word === "menuconfig") this.#begin(line.slice(word.length), number);
		else if (BLOCKS.has(word)) this.#bound(word, this.#tokens(line.slice(word.length)), number);
		else if (SOURCES.has(word)) {
			this.#current = undefined;
			const [pattern] = this.#tokens(line.slice(word.length));
			this.#context.source(pattern?.text ?? "", word.includes("rs"), this);
		} else if (word === "comment") this.#current = "comment";
		else return IGNORED.has(word);
		return true;
	}

	#tokens(text: string): Token[] {
		return tokenize(expandMacros(text, this.#context.variables));
	}

	#begin(rest: string, line: number): void {
		const symbol = /^\s*([A-Za-z0-9_-]+)/.exec(rest)?.[1];
		if (symbol === undefined) return;
		const { choice, depends, visible } = this.#block;
		const { symbols, variables } = this.#context;
		this.#current = new Definition(symbol, this.file, line, { choice, depends, visible }, variables);
		if (choice !== undefined && !choice.members.includes(symbol)) choice.members.push(symbol);
		push(symbols, symbol, this.#current);
	}

	#property(definition: Definition, word: string, text: string, line: number): void {
		definition.add(text, line);
		if (word !== "select" && word !== "imply") return;
		const symbol = /^\w+\s+([A-Za-z0-9_-]+)/.exec(text)?.[1];
		const map = word === "select" ? this.#context.selects : this.#context.implies;
		if (symbol !== undefined) push(map, symbol, { by: definition.symbol, text, file: this.file, line });
	}

	#bound(word: string, rest: Token[], line: number): void {
		const block = this.#block;
		this.#current = undefined;
		if (word === "if") {
			this.#blocks.push({ ...block, kind: "if", depends: both(block.depends, parseExpression(rest)) });
		} else if (word === "menu") this.#blocks.push({ ...block, kind: "menu" });
		else if (word === "choice") {
			const { depends } = block;
			const choice = { file: this.file, line, prompt: undefined, depends, members: [], optional: false };
			this.#blocks.push({ ...block, kind: "choice", choice });
		} else {
			// A stray end closes nothing: the file goes on.
			const at = this.#blocks.findLastIndex(({ kind }) => kind === word.slice("end".length));
			if (at > 0) this.#blocks.length = at;
		}
	}

	/** Of a menu or choice; what belongs to a comment concerns nobody. */
	#blockProperty(word: string, line: string): void {
		if (this.#current === "comment") return;
		const block = this.#block;
		const { choice } = block;
		const rest = this.#tokens(line.slice(word.length));
		if (word === "visible") block.visible = both(block.visible, readCondition(rest));
		else if (word === "depends") {
			block.depends = both(block.depends, readDepends(rest));
			if (block.kind === "choice" && choice !== undefined) choice.depends = block.depends;
		} else if (block.kind !== "choice" || choice === undefined) return;
		else if (word === "optional") choice.optional = true;
		else if (word === "prompt" || word === "bool" || word === "tristate") {
			choice.prompt = readPrompt(rest, block.visible) ?? choice.prompt;
		}
	}
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
	const known = map.get(key);
	if (known === undefined) map.set(key, [value]);
	else known.push(value);
}
