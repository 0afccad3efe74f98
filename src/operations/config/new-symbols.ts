/**
 * config new: the symbols of a release that its base knew nothing of, with what `conf` chose and their help.
 *
 * Owns: what is new: a person is asked for it, and the base has no line about it. `make helpnewconfig` without make.
 * Leaves to others: the Kconfig files (src/kconfig/language).
 */

import { KsquashError } from "../../errors.ts";
import { place } from "../../kconfig/explain/reasons.ts";
import { isChangeable } from "../../kconfig/explain/values.ts";
import type { Options } from "../../options/types.ts";
import { openContext } from "../../release/context.ts";
import { blank, option, text } from "../../text.ts";
import { type NamedConfig, openConfig } from "./named-config.ts";
import { type ConfiguredRelease, openRelease } from "./release.ts";

export type NewOptions = Options<"configNew">;

export interface NewSymbol {
	symbol: string;
	/** As written in the .config. */
	value: string;
	prompt: string;
	help: string;
	/** file:line. */
	at: string;
}

export interface ConfigNew {
	release: string;
	base: string;
	/** In the order of the Kconfig files. */
	symbols: NewSymbol[];
}

export async function configNew(release: string | undefined, options: NewOptions = {}): Promise<ConfigNew> {
	const context = await openContext("configNew", options, { release });
	const opened = await openRelease(context, release);
	const base = await openConfig(context, options.base ?? usualBase(opened));
	return { release: opened.release, base: base.name, symbols: newSymbols(opened, base) };
}

/** A defconfig is no text: every symbol of it was chosen by this very tree. */
function usualBase({ build, release }: ConfiguredRelease): string {
	const { kind, path } = build.stamp?.base ?? {};
	if (path !== undefined && kind !== "build-directory") return path;
	if (kind !== "defconfig") return "running";
	throw new KsquashError("ERR_KSQUASH_USAGE", `${build.path} began with the defconfig of ${release}: nothing is new`, {
		hint: text`compare with another config: ${option("base", "running")}, ${option("base", blank("FILE"))}`,
	});
}

function newSymbols({ tree, now, config }: ConfiguredRelease, base: NamedConfig): NewSymbol[] {
	const found: NewSymbol[] = [];
	for (const [symbol, definitions] of tree.symbols) {
		const there = config.symbols.get(symbol);
		if (there === undefined || base.config.symbols.has(symbol) || !isChangeable(tree, symbol, now)) continue;
		const asked = definitions.find(({ prompt }) => prompt !== undefined);
		if (asked === undefined) continue;
		const help = definitions.map((definition) => definition.help).find((text) => text !== "") ?? "";
		found.push({ symbol, value: there.raw, prompt: asked.prompt?.text ?? "", help, at: place(asked) });
	}
	return found;
}
