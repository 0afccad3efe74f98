/**
 * The one table of options, in the order in which help shows them, and what can be asked of it.
 */

import { common, placing } from "./common.ts";
import { configs } from "./configs.ts";
import { machine } from "./machine.ts";
import { pack } from "./pack.ts";
import type { OptionName, OptionSpec, Options } from "./types.ts";
import type { Verb } from "./verbs.ts";

export const table: typeof common & typeof pack & typeof configs & typeof placing & typeof machine = {
	...common,
	...pack,
	...configs,
	...placing,
	...machine,
};

const entries = Object.entries(table) as [OptionName, OptionSpec][];

export function specOf(name: OptionName): OptionSpec {
	return table[name];
}

export function isOptionName(name: string): name is OptionName {
	return Object.hasOwn(table, name);
}

/** What a call of this verb takes. */
export function optionsOf(verb: Verb): OptionName[] {
	return entries.filter(([, { verbs }]) => verbs.includes(verb)).map(([name]) => name);
}

/** What stands on the command line of this verb: as flags, or behind "--". */
export function flagged(verb: string): [OptionName, OptionSpec][] {
	return entries.filter(([, { verbs, commands }]) => (commands ?? verbs).some((one) => one === verb));
}

/** Those of `options` that `verb` takes: a verb that is made of others has the options of them all. */
export function pickOptions<V extends Verb>(verb: V, options: object): Options<V> {
	const own = new Set<string>(optionsOf(verb));
	// Inherited ones count, as in assertOptions; and what stands under a symbol goes with them.
	const picked: Record<string | symbol, unknown> = {};
	for (const name in options) if (own.has(name)) picked[name] = options[name as keyof typeof options];
	for (const symbol of Object.getOwnPropertySymbols(options)) picked[symbol] = Reflect.get(options, symbol);
	return picked as Options<V>;
}

const NOT_GIVEN_AGAIN = new Set(["dryRun", "root", "signal", "onProgress", "onWarning"]);

/** Those of `options` that are to be given to the verb again, so that it does the same. */
export function givenOptions(verb: Verb, options: object): Record<string, unknown> {
	const given = options as Readonly<Record<string, unknown>>;
	const own = optionsOf(verb).filter((name) => !NOT_GIVEN_AGAIN.has(name));
	const set = [...own, "root"].filter((name) => given[name] !== undefined && given[name] !== false);
	return Object.fromEntries(set.map((name) => [name, given[name]]));
}
