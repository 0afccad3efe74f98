/**
 * Options of the library as a person types them behind a command.
 */

import { flagged, flagOf } from "./table.ts";
import type { OptionSpec } from "./types.ts";
import type { CommandVerb } from "./verbs.ts";

/**
 * The words of the command line that say the same as these options of the library, not quoted for a shell: root and dryRun,
 * too, where they are given. What the command has no flag for is left out, so the options of install will do for each of its
 * steps. Tool options come last, behind "--".
 */
export function optionWords(verb: CommandVerb, options: object): string[] {
	const given = options as Readonly<Record<string, unknown>>;
	const flags: string[] = [];
	const behind: string[] = [];
	for (const [name, spec] of flagged(verb)) {
		const value = given[name];
		if (value === undefined || value === false) continue;
		if (spec.behindDashes) behind.push(...(value as readonly string[]));
		else flags.push(...wordsOf(kebab(flagOf(name)), spec, value));
	}
	return behind.length === 0 ? flags : [...flags, "--", ...behind];
}

function wordsOf(flag: string, { kind, valueFlags }: OptionSpec, value: unknown): string[] {
	if (kind === "flag") return [`--${flag}`];
	if (valueFlags !== undefined) return Object.hasOwn(valueFlags, String(value)) ? [`--${kebab(String(value))}`] : [];
	const values = kind === "texts" ? (value as readonly string[]) : [String(value)];
	// A value like -mine would be read as a flag.
	return values.flatMap((one) => (one.startsWith("-") ? [`--${flag}=${one}`] : [`--${flag}`, one]));
}

/** As the command line writes it: buildDir → build-dir. */
export function kebab(name: string): string {
	return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
