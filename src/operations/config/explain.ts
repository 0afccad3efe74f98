/**
 * config explain: why a symbol is as it is, what would turn it on, and the kernel's own `conf` as the proof.
 *
 * Owns: the question. Leaves to others: the answer (src/kconfig/explain), running make in a scratch directory (src/build).
 */

import { tryConfig } from "../../build/scratch.ts";
import { parseConfig, symbolValue } from "../../kconfig/config.ts";
import { type Explanation, explainSymbol } from "../../kconfig/explain/explain.ts";
import { configValues } from "../../kconfig/explain/values.ts";
import { mergeConfigs } from "../../kconfig/merge.ts";
import { buildName } from "../../layout.ts";
import type { Options } from "../../options/types.ts";
import { reportLost } from "../../release/config-inputs.ts";
import { openContext } from "../../release/context.ts";
import { type Call, call } from "../../text.ts";
import { openConfig } from "./named-config.ts";
import { type ConfiguredRelease, openRelease } from "./release.ts";

export type { Explanation } from "../../kconfig/explain/explain.ts";

export type ExplainOptions = Options<"configExplain">;

export interface ConfigExplanation extends Explanation {
	release: string;
	/** The config whose values are shown. */
	config: string;
	/** The call that configures this build directory again, ready for more of `set`. */
	configure: Call;
	/** What `conf` made of the symbol with these lines. */
	proof?: { value: string; on: boolean };
}

/** Throws ERR_KSQUASH_NO_INPUT for an unknown symbol, and with `prove` what make fails with. */
export async function configExplain(symbol: string, options: ExplainOptions = {}): Promise<ConfigExplanation> {
	const context = await openContext("configExplain", options, { symbol });
	const opened = await openRelease(context, options.release);
	const other = options.config === undefined ? undefined : await openConfig(context, options.config);
	reportLost(context, other?.config.findings ?? []);
	const now = other === undefined ? opened.now : configValues(opened.tree, other.config);
	const explanation = explainSymbol(opened.tree, now, symbol.replace(/^CONFIG_/, ""));
	const result = {
		...explanation,
		release: opened.release,
		config: other?.name ?? opened.configPath,
		configure: configureAgain(opened),
	};
	if (!options.prove || !explanation.lines?.length) return result;
	const lines = explanation.lines;
	const base = { name: result.config, text: other?.text ?? opened.text };
	const proof = await context.step(
		"prove",
		`let conf of ${opened.release} try ${lines.length === 1 ? "the line" : `${lines.length} lines`}`,
		async () => {
			return await prove(opened, base, explanation.symbol, lines, options.signal);
		},
	);
	return { ...result, proof };
}

/** As the last configure was asked, for it remembers neither variant nor architecture by itself. */
function configureAgain({ release, build: { name, stamp } }: ConfiguredRelease): Call {
	const usual = buildName(release, "");
	const { arch, cross, makeArgs } = stamp?.make ?? {};
	const variant = name.startsWith(usual) ? name.slice(usual.length) : undefined;
	return call("configure", release, { variant, arch, cross, makeArgs: makeArgs?.length ? makeArgs : undefined });
}

async function prove(
	{ source, build }: ConfiguredRelease,
	base: { name: string; text: Uint8Array },
	symbol: string,
	lines: readonly string[],
	signal: AbortSignal | undefined,
): Promise<{ value: string; on: boolean }> {
	const fragment = { name: "explain", text: Buffer.from(lines.map((line) => `${line}\n`).join("")) };
	const { text } = mergeConfigs(base, [fragment]);
	const { owner, path, stamp } = build;
	const final = parseConfig(await tryConfig({ source, owner, like: path, text, ...stamp?.make, signal }), ".config");
	const value = final.symbols.get(symbol)?.raw ?? symbolValue(final, symbol);
	return { value, on: value !== "n" };
}
