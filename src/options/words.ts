/**
 * Options of the library as a person types them behind a command.
 */

import { flagged, isOptionName, specOf } from "./table.ts";
import type { OptionSpec } from "./types.ts";

/**
 * The words of the command line that say the same as these options of the library, not quoted for a shell: root and dryRun,
 * too, where they are given. What the command has no flag for is left out, so the options of install will do for each of its
 * steps. Tool options come last, behind "--".
 */
export function optionWords(verb: string, options: object): string[] {
	const given = options as Readonly<Record<string, unknown>>;
	const flags: string[] = [];
	const behind: string[] = [];
	for (const [name, spec] of flagged(verb)) {
		const value = given[name];
		if (value === undefined || value === false) continue;
		if (spec.behindDashes) behind.push(...(value as readonly string[]));
		else flags.push(...wordsOf(flagOf(name), spec, value));
	}
	return behind.length === 0 ? flags : [...flags, "--", ...behind];
}

function wordsOf(flag: string, { kind, valueFlags }: OptionSpec, value: unknown): string[] {
	if (kind === "flag") return [flag];
	if (valueFlags !== undefined) return Object.hasOwn(valueFlags, String(value)) ? [`--${kebab(String(value))}`] : [];
	const values = kind === "texts" ? (value as readonly string[]) : [String(value)];
	// A value like -mine would be read as a flag.
	return values.flatMap((one) => (one.startsWith("-") ? [`${flag}=${one}`] : [flag, one]));
}

/** The flag of an option of the library, as it is typed: compressor → --comp. */
export function flagOf(name: string): string {
	return `--${kebab(isOptionName(name) ? (specOf(name).flag ?? name) : name)}`;
}

/** The flags of a verb's command, as they are typed, without their dashes. */
export function flagNames(verb: string): string[] {
	return flagged(verb)
		.filter(([, { behindDashes }]) => !behindDashes)
		.flatMap(([name, { flag, valueFlags }]) => (valueFlags === undefined ? [flag ?? name] : Object.keys(valueFlags)))
		.map(kebab);
}

/** As the command line writes it: buildDir → build-dir. */
export function kebab(name: string): string {
	return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
