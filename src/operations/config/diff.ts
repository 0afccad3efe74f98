/**
 * config diff and config show: two configs, or one, of any source.
 *
 * Owns: nothing but the composition. Leaves to others: what differs (src/kconfig/diff.ts), sources (source.ts).
 */

import { type Change, diffConfigs, fragmentBetween } from "../../kconfig/diff.ts";
import type { Options } from "../../options/types.ts";
import { reportLost } from "../../release/config-inputs.ts";
import { type CommonOptions, openContext } from "../../release/context.ts";
import { openConfig } from "./named-config.ts";

export type { Change } from "../../kconfig/diff.ts";

export interface ConfigDiff {
	/** The paths of both. */
	from: string;
	to: string;
	/** By symbol name; an absent symbol equals n. */
	changes: Change[];
	/** A fragment that turns the first into the second. */
	fragment: Uint8Array;
}

/** Each is a file (also compressed, or a kernel image), "running", or "build:REL". */
export async function configDiff(a: string, b: string, options: CommonOptions = {}): Promise<ConfigDiff> {
	const context = await openContext("configDiff", options, { from: a, to: b });
	const [from, to] = [await openConfig(context, a), await openConfig(context, b)];
	reportLost(context, [...from.config.findings, ...to.config.findings]);
	return {
		from: from.name,
		to: to.name,
		changes: diffConfigs(from.config, to.config),
		fragment: fragmentBetween(from.config, to.config),
	};
}

export type ShowOptions = Options<"configShow">;

export interface ConfigShow {
	from: string;
	/** The whole text, when no symbol was named. */
	text?: Uint8Array;
	/** In the order asked for; `raw` is undefined where the symbol is not there, which equals n. */
	symbols: { symbol: string; raw: string | undefined; line?: number }[];
}

/** Symbols with or without CONFIG_; * and ? stand for any letters. */
export async function configShow(symbols: readonly string[], options: ShowOptions = {}): Promise<ConfigShow> {
	const context = await openContext("configShow", options, { symbols });
	const { name, text, config } = await openConfig(context, options.from ?? "running");
	reportLost(context, config.findings);
	if (symbols.length === 0) return { from: name, text, symbols: [] };
	const shown = symbols.flatMap((wanted) => {
		const bare = wanted.replace(/^CONFIG_/, "");
		const pattern = new RegExp(
			`^${bare
				.replace(/[^\w*?]/g, "\\$&")
				.replace(/\*/g, ".*")
				.replace(/\?/g, ".")}$`,
		);
		const found = /[*?]/.test(bare) ? [...config.symbols.keys()].filter((symbol) => pattern.test(symbol)) : [bare];
		return found.map((symbol) => {
			const there = config.symbols.get(symbol);
			return { symbol, raw: there?.raw, ...(there === undefined ? {} : { line: there.line }) };
		});
	});
	return { from: name, symbols: shown };
}
