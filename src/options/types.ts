/**
 * The shape of an entry of the table of options, and the types that follow from the table.
 */

import type { ProgressEvent } from "./progress.ts";
import type { table } from "./table.ts";
import type { CommandVerb, Verb } from "./verbs.ts";

/** The type of an option's value, by its kind. A size is in bytes. */
export interface Values {
	text: string;
	path: string;
	texts: readonly string[];
	flag: boolean;
	count: number;
	size: number;
	owner: string | number;
	signal: AbortSignal;
	progress: (event: ProgressEvent) => void;
	warning: (message: string) => void;
}

export interface OptionSpec {
	readonly kind: keyof Values | "enum";
	/** Of an enum. */
	readonly values?: readonly string[];
	/** The functions of the library that take it; none for what only commands have. */
	readonly verbs: readonly Verb[];
	/** The commands that have its flag: those of `verbs` when absent. */
	readonly commands?: readonly CommandVerb[];
	/** The flag's name where it differs, in camel case. */
	readonly flag?: string;
	/** Its one letter. */
	readonly letter?: string;
	/** Instead of a flag with a value: a flag of its own for each of these values, with its line of help. */
	readonly valueFlags?: Readonly<Record<string, string>>;
	/** Its words stand behind "--". */
	readonly behindDashes?: true;
	/** The line of help. */
	readonly brief?: string;
	readonly placeholder?: string;
	/** What holds without it, as help says it. */
	readonly default?: string;
	/** Where it means something else. */
	readonly per?: Readonly<Partial<Record<Verb, { brief: string; placeholder?: string; default?: string }>>>;
}

export type Table = typeof table;
export type OptionName = keyof Table;

type ValueOf<S> = S extends { kind: "enum"; values: readonly (infer T)[] }
	? T
	: S extends { kind: infer K extends keyof Values }
		? Values[K]
		: never;

/** The options of one verb of the library. */
export type Options<V extends Verb> = {
	[K in OptionName as V extends Table[K]["verbs"][number] ? K : never]?: ValueOf<Table[K]> | undefined;
};

type CommandsOf<S> = S extends { commands: readonly (infer C)[] }
	? C
	: S extends { verbs: readonly (infer C)[] }
		? C
		: never;
type FlagNames<K, S> = S extends { valueFlags: infer F }
	? keyof F
	: S extends { flag: infer F extends string }
		? F
		: S extends { brief: string } | { per: object }
			? K
			: never;

/** The flags of one command, as they are parsed. */
export type Flags<V extends CommandVerb> = {
	[K in OptionName as V extends CommandsOf<Table[K]> ? FlagNames<K, Table[K]> : never]?: Table[K] extends {
		valueFlags: object;
	}
		? boolean
		: ValueOf<Table[K]>;
};
