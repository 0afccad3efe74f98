/**
 * The search behind solve.ts: every plan of at most so many lines that makes an expression true, or false.
 *
 * Owns: how a symbol is raised (its prompt, its defaults, who selects it) and lowered. Pure.
 */

import type { Definition } from "../language/definition.ts";
import {
	both,
	type Expression,
	evaluate,
	type Term,
	type Tristate,
	tristate,
	unknowns,
	type Values,
	valueThatFits,
} from "../language/expression.ts";
import { isTristate, type KconfigTree, type SymbolType, typeOf } from "../language/model.ts";
import { quote } from "../value.ts";
import { derive, EMPTY, isSettled, type Plan, PlannedValues, withLine } from "./plan.ts";
import { defaultConditions, promptCondition } from "./values.ts";

type Plans = Generator<Plan, void, void>;

const STEPS = 60_000;
const MODULES: Term = { op: "symbol", name: "MODULES" };

export class Search {
	steps = STEPS;
	readonly #tree: KconfigTree;
	readonly #values: Values;
	readonly #most: number;
	readonly #detours: boolean;
	readonly #planned = new WeakMap<Plan, PlannedValues>();
	/** Symbols that are being raised: a circle leads nowhere. */
	readonly #open = new Set<string>();

	constructor(tree: KconfigTree, values: Values, most: number, detours: boolean) {
		this.#tree = tree;
		this.#values = values;
		this.#most = most;
		this.#detours = detours;
	}

	first(plans: Plans): Plan | undefined {
		for (const plan of plans) return plan;
		return undefined;
	}

	/** Of a number or string: that it can be set. */
	visible(definitions: readonly Definition[]): Plan | undefined {
		for (const definition of definitions) {
			const condition = promptCondition(definition);
			if (condition === false) continue;
			const plan = this.first(this.satisfy(condition, 1, EMPTY));
			if (plan !== undefined) return plan;
		}
		return undefined;
	}

	/** Plans in which the expression is at least `level`. */
	*satisfy(expression: Expression | undefined, level: Tristate, plan: Plan): Plans {
		if (this.steps-- <= 0) return;
		if (expression === undefined || this.#evaluate(expression, plan) >= level) {
			yield plan;
			return;
		}
		switch (expression.op) {
			case "and":
				for (const half of this.satisfy(expression.left, level, plan)) {
					for (const whole of this.satisfy(expression.right, level, half)) {
						if (this.#evaluate(expression, whole) >= level) yield whole;
					}
				}
				return;
			case "or":
				yield* this.satisfy(expression.left, level, plan);
				yield* this.satisfy(expression.right, level, plan);
				return;
			case "not":
				yield* this.#lower(expression.of, (2 - level) as Tristate, plan);
				return;
			case "symbol":
				yield* this.raise(expression.name, level, plan);
				return;
			case "compare":
				yield* this.#equate(expression, plan);
		}
	}

	*raise(symbol: string, level: Tristate, plan: Plan): Plans {
		const definitions = this.#tree.symbols.get(symbol);
		if (definitions === undefined || this.#open.has(symbol) || isSettled(plan, symbol)) return;
		if (this.#evaluate({ op: "symbol", name: symbol }, plan) >= level) return yield plan;
		this.#open.add(symbol);
		try {
			const type = typeOf(definitions);
			const prompts = definitions.filter(({ prompt }) => prompt !== undefined);
			for (const definition of prompts) yield* this.#ask(definition, type, level, plan);
			yield* this.#byDefault(definitions, prompts, level, plan);
			if (prompts.length === 0 || this.#detours) yield* this.#bySelection(symbol, level, plan);
		} finally {
			this.#open.delete(symbol);
		}
	}

	/** A line of its own, where the prompt can be seen. */
	*#ask(definition: Definition, type: SymbolType | undefined, level: Tristate, plan: Plan): Plans {
		const modules = this.#evaluate(MODULES, plan) === 2;
		const value = type === "bool" || level === 2 || !modules ? "y" : "m";
		// A bool becomes y where what it depends on is only m; without modules everything does.
		const needed = type === "bool" || !modules ? 1 : level;
		const losers = definition.choice?.members.filter((member) => member !== definition.symbol) ?? [];
		const condition = both(promptCondition(definition) || undefined, definition.choice?.prompt?.condition);
		if (!this.#values.has(definition.symbol) && this.#isRefuted(condition, needed)) return;
		for (const ready of this.satisfy(condition, needed, plan)) {
			if (losers.some((loser) => ready.lines.get(loser) === "y")) continue;
			const next = this.#withLine(ready, definition.symbol, value, losers);
			if (next !== undefined) yield next;
		}
	}

	/** It would hold already, and the symbol is not there: then a macro in it is n. */
	#isRefuted(condition: Expression | undefined, level: Tristate): boolean {
		return evaluate(condition, this.#values) >= level && unknowns(condition).length > 0;
	}

	/** What nobody is asked for gets its default. */
	*#byDefault(definitions: readonly Definition[], prompts: readonly Definition[], level: Tristate, plan: Plan): Plans {
		for (const definition of definitions) {
			for (const { value, condition } of definition.defaults) {
				const all = both(both(definition.depends, condition), value) as Expression;
				if (this.#isRefuted(all, level)) continue;
				for (const ready of this.satisfy(all, level, plan)) {
					const asked = prompts.some((one) => this.#evaluate(promptCondition(one) || undefined, ready) > 0);
					if (!asked) yield derive(ready, definition.symbol, level);
				}
			}
		}
	}

	*#bySelection(symbol: string, level: Tristate, plan: Plan): Plans {
		for (const { by, condition } of this.#tree.selectedBy(symbol)) {
			for (const ready of this.satisfy(condition, level, plan)) {
				const all: Expression = { op: "symbol", name: by };
				for (const on of this.satisfy(all, level, ready)) yield derive(on, symbol, level);
			}
		}
	}

	/** Plans in which the expression is at most `most`. */
	*#lower(expression: Expression, most: Tristate, plan: Plan): Plans {
		if (this.steps-- <= 0) return;
		if (this.#evaluate(expression, plan) <= most) return yield plan;
		switch (expression.op) {
			case "or":
				for (const half of this.#lower(expression.left, most, plan)) yield* this.#lower(expression.right, most, half);
				return;
			case "and":
				yield* this.#lower(expression.left, most, plan);
				yield* this.#lower(expression.right, most, plan);
				return;
			case "not":
				yield* this.satisfy(expression.of, (2 - most) as Tristate, plan);
				return;
			case "symbol":
				yield* this.#lowerSymbol(expression.name, most, plan);
		}
	}

	*#lowerSymbol(symbol: string, wanted: Tristate, plan: Plan): Plans {
		const definitions = this.#tree.symbols.get(symbol) ?? [];
		const most = typeOf(definitions) === "bool" ? 0 : wanted;
		if (this.#open.has(symbol) || isSettled(plan, symbol)) return;
		const prompt = definitions.find(({ prompt: asked }) => asked !== undefined);
		this.#open.add(symbol);
		try {
			const rival = prompt?.choice?.members.filter((member) => member !== symbol) ?? [];
			if (prompt?.choice !== undefined && !prompt.choice.optional) {
				for (const member of rival) yield* this.raise(member, 2, plan);
				return;
			}
			// Who selects it must let go first; what has no prompt goes with what its defaults need.
			const holders = this.#tree
				.selectedBy(symbol)
				.map(({ by, condition }) => both({ op: "symbol", name: by }, condition));
			const reasons = prompt !== undefined ? holders : [...holders, ...definitions.flatMap(defaultConditions)];
			for (const free of this.#lowerAll(reasons as Expression[], most, plan)) {
				if (prompt === undefined) yield derive(free, symbol, most);
				else {
					const next = this.#withLine(free, symbol, most === 1 ? "m" : "n", []);
					if (next !== undefined) yield next;
				}
			}
		} finally {
			this.#open.delete(symbol);
		}
	}

	*#lowerAll(expressions: readonly Expression[], most: Tristate, plan: Plan): Plans {
		const [first, ...rest] = expressions;
		if (first === undefined) return yield plan;
		for (const half of this.#lower(first, most, plan)) yield* this.#lowerAll(rest, most, half);
	}

	/** A comparison of a symbol with a constant: the symbol gets a value that fits. */
	*#equate({ how, left, right }: Extract<Expression, { op: "compare" }>, plan: Plan): Plans {
		if (left.op !== "symbol" || right.op === "unknown") return;
		const definitions = this.#tree.symbols.get(left.name);
		const wanted = right.op === "constant" ? right.value : right.name;
		if (definitions === undefined || isSettled(plan, left.name)) return;
		if (isTristate(typeOf(definitions))) {
			const symbol: Term = { op: "symbol", name: left.name };
			const level = tristate(wanted);
			if (how === "=" && level > 0) yield* this.raise(left.name, level, plan);
			else if (how === "=") yield* this.#lower(symbol, 0, plan);
			else if (how === "!=" && level === 0) yield* this.raise(left.name, 1, plan);
			else if (how === "!=") yield* this.#lower(symbol, (level - 1) as Tristate, plan);
			return;
		}
		const value = valueThatFits(how, wanted);
		if (value === undefined) return;
		for (const definition of definitions) {
			const condition = promptCondition(definition);
			if (condition === false) continue;
			const raw = definition.type === "string" ? quote(value) : value;
			for (const ready of this.satisfy(condition, 1, plan)) {
				const next = this.#withLine(ready, left.name, raw, []);
				if (next !== undefined) yield next;
			}
		}
	}

	#withLine(plan: Plan, symbol: string, value: string, losers: readonly string[]): Plan | undefined {
		return plan.lines.size < this.#most ? withLine(plan, symbol, value, losers) : undefined;
	}

	#evaluate(expression: Expression | undefined, plan: Plan): Tristate {
		let values = this.#planned.get(plan);
		if (values === undefined) {
			values = new PlannedValues(plan, this.#values, this.#tree);
			this.#planned.set(plan, values);
		}
		return evaluate(expression, values);
	}
}
