/**
 * The flags of a command, made from the table of options, and what was typed as options of the library.
 */

import type { Aliases, FlagParametersForType } from "@stricli/core";
import { KsquashError } from "../errors.ts";
import { flagged } from "../options/table.ts";
import type { Flags, OptionSpec, Options } from "../options/types.ts";
import { type CommandVerb, commandVerbs, verbs } from "../options/verbs.ts";
import { flagNames, kebab } from "../options/words.ts";
import { nearestName } from "../system/nearest.ts";
import type { CliContext } from "./context.ts";

/** The flags that every command has. */
export type CommonFlags = Flags<"status">;

interface Parameters<V extends CommandVerb> {
	flags: FlagParametersForType<Flags<V>, CliContext>;
	aliases: Aliases<keyof Flags<V> & string>;
}

/** For buildCommand: `parameters: { ...flagsOf("mount"), positional }`. */
export function flagsOf<V extends CommandVerb>(verb: V): Parameters<V> {
	const own = flagged(verb).filter(([, { behindDashes }]) => !behindDashes);
	const flags = own.flatMap(([name, spec]) => {
		const said = { ...spec, ...spec.per?.[verb] };
		if (spec.valueFlags !== undefined)
			return Object.entries(spec.valueFlags).map(([flag, brief]) => [flag, bool(brief)]);
		return [[spec.flag ?? name, parameter(said)]];
	});
	const letters = own.flatMap(([name, { letter, flag }]) => (letter === undefined ? [] : [[letter, flag ?? name]]));
	// The type follows from the same table, in a way that the compiler cannot see.
	return { flags: Object.fromEntries(flags), aliases: Object.fromEntries(letters) };
}

const bool = (brief: string): object => ({ kind: "boolean", optional: true, withNegated: false, brief });

const parsers: Readonly<Partial<Record<OptionSpec["kind"], (input: string) => number>>> = {
	count: parseCount,
	size: parseSize,
};

function parameter({ kind, values, brief = "", placeholder, default: usual }: OptionSpec): object {
	const line = usual === undefined ? brief : `${brief} (default: ${usual})`;
	if (kind === "flag") return bool(line);
	if (kind === "enum") return { kind, values, optional: true, brief: line };
	// Help shows a flag's placeholder in its usage line only, where optional flags have none: here it begins the brief.
	const text = { kind: "parsed", optional: true, brief: `<${placeholder}>  ${line}`, placeholder };
	return { ...text, parse: parsers[kind] ?? String, ...(kind === "texts" ? { variadic: true } : {}) };
}

/** Those of the flags that the library has, by its names. */
export function optionsFrom<V extends CommandVerb>(verb: V, flags: Flags<V>): Options<V> {
	const typed: Readonly<Record<string, unknown>> = flags;
	const own = flagged(verb).filter(([, { verbs }]) => verbs.includes(verb));
	const options = own.map(([name, { flag, valueFlags }]) => {
		if (valueFlags === undefined) return [name, typed[flag ?? name]];
		return [name, Object.keys(valueFlags).findLast((value) => typed[value])];
	});
	return Object.fromEntries(options.filter(([, value]) => value !== undefined));
}

/** What is wrong with a flag that the command does not have; both as they are typed, the flag without its dashes. */
export function unknownFlag(command: string, typed: string): string {
	const flag = kebab(typed);
	const own = commandVerbs.find((verb) => verbs[verb].command === command);
	const near = own && nearestName(flag, flagNames(own));
	if (near !== undefined) return `unknown option --${flag}; did you mean --${near}?`;
	const others = commandVerbs.filter((verb) => flagNames(verb).includes(flag)).map((verb) => verbs[verb].command);
	const named = others.filter((words) => !words.includes("--")).map((words) => `ksquash ${words}`);
	return `unknown option --${flag}${named.length === 0 ? "" : `; it is an option of ${named.join(", ")}`}`;
}

/** 256K, 1M, 512MiB, 65536: bytes. */
export function parseSize(input: string): number {
	const match = /^(\d{1,12})\s*([KMG]?)(?:i?B)?$/i.exec(input);
	if (!match?.[1]) throw new KsquashError("ERR_KSQUASH_USAGE", `${input} is no size (4096, 256K, 1M)`);
	const power = ["", "K", "M", "G"].indexOf((match[2] ?? "").toUpperCase());
	return Number(match[1]) * 1024 ** power;
}

export function parseCount(input: string): number {
	if (!/^[1-9]\d{0,5}$/.test(input)) throw new KsquashError("ERR_KSQUASH_USAGE", `${input} is no number above 0`);
	return Number(input);
}
