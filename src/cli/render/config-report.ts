/**
 * What each config command says, for a person.
 *
 * Owns: these sentences and tables. Leaves to others: JSON (the results themselves), bytes on stdout (config-run.ts).
 */

import type { ConfigCheck } from "../../operations/config/check.ts";
import type { ConfigDiff, ConfigShow } from "../../operations/config/diff.ts";
import type { ConfigExplanation } from "../../operations/config/explain.ts";
import type { ConfigMergeResult, MergeReport } from "../../operations/config/merge.ts";
import type { ConfigNew } from "../../operations/config/new-symbols.ts";
import type { ConfigSources } from "../../operations/config/sources.ts";
import { count, plural, table } from "./text.ts";

const columns = [
	{ title: "" },
	{ title: "CONFIG" },
	{ title: "VERSION" },
	{ title: "ARCH" },
	{ title: "SYMBOLS", right: true },
	{ title: "AGE", right: true },
	{ title: "RUNNING" },
];

export function sourcesReport({ sources, why, chosen, passedOver }: ConfigSources): string[] {
	const rows = sources.map(({ path, release = "?", arch = "?", symbols, modified, running }) => [
		path === chosen ? "→" : "",
		path,
		release,
		arch,
		symbols === undefined ? "?" : count(symbols),
		modified === undefined ? "-" : age(modified),
		running ? "yes" : "no",
	]);
	const problems = sources.flatMap(({ problem }) => (problem === undefined ? [] : [problem]));
	const known = new Set(problems);
	return [
		...(rows.length > 0 ? [...table(columns, rows), ""] : []),
		why,
		...problems,
		...passedOver.filter((line) => !known.has(line)),
	];
}

function age(modified: Date): string {
	const hours = Math.max(0, (Date.now() - modified.getTime()) / 3_600_000);
	if (hours < 1) return "< 1 h";
	return hours < 48 ? `${Math.floor(hours)} h` : plural(Math.floor(hours / 24), "day");
}

export function showReport({ symbols }: ConfigShow): string[] {
	return symbols.map(({ symbol, raw }) => {
		if (raw === undefined) return `# CONFIG_${symbol} is absent`;
		return raw === "n" ? `# CONFIG_${symbol} is not set` : `CONFIG_${symbol}=${raw}`;
	});
}

/** As the kernel's diffconfig prints it: "-" only in the first, "+" only in the second, else both values. */
export function diffReport({ changes }: ConfigDiff): string[] {
	return changes.map(({ symbol, from, to }) => {
		if (from === undefined) return `+${symbol} ${to}`;
		return to === undefined ? `-${symbol} ${from}` : ` ${symbol} ${from} -> ${to}`;
	});
}

export function mergeReport(result: ConfigMergeResult, redundant: boolean): string[] {
	const { reports, findings, promoted, output, asked, already, plan } = result;
	const shown = reports.filter(({ kind }) => redundant || kind !== "redundant");
	const notes = findings.filter(({ kind }) => kind === "odd");
	const repeated = reports.filter(({ kind }) => kind === "redundant").length;
	const lines = [
		...shown.map(reportLine),
		...notes.map(({ file, line, column, reason }) => `${file}:${line}:${column}: ${reason}`),
	];
	if (promoted.length > 0) {
		lines.push(
			`MODULES is not set: conf makes ${plural(promoted.length, "module")} built-in (${promoted.slice(0, 5).join(", ")}${promoted.length > 5 ? ", …" : ""})`,
		);
	}
	const sum = `${plural(asked, "symbol")} asked for${repeated > 0 ? `, ${count(repeated)} as they were` : ""}`;
	if (plan !== undefined) return [...lines, sum, "would:", ...plan.map((line) => `  ${line}`)];
	if (output === undefined) return [...lines, sum];
	return [...lines, `${output}: ${already ? "has this content already" : "written"}: ${sum}; conf is to finish it`];
}

const what: Readonly<Record<MergeReport["kind"], string>> = {
	duplicate: "is there twice in this file; it was",
	redefinition: "is redefined; it was",
	redundant: "is as it was:",
	kept: "stays built-in:",
};

function reportLine({ kind, symbol, previous, next }: MergeReport): string {
	return `${next.file}:${next.line}: CONFIG_${symbol}=${next.raw} ${what[kind]} ${previous.raw} (${previous.file}:${previous.line})`;
}

export function checkReport({ release, config, asked, missed, promoted, ownSource }: ConfigCheck): string[] {
	const got = asked - missed.length;
	const lines = missed.map(({ text }) => text);
	if (promoted.length > 0) lines.push(`built-in instead of a module: ${promoted.join(", ")}`);
	if (ownSource?.unreadable) lines.push("no mainline kernel reads the compression of this release's image");
	else if (ownSource?.ok === false) {
		const symbols = ownSource.missing.map((symbol) => `CONFIG_${symbol}`).join(", ");
		lines.push(`a kernel built with this config could not mount its own source: it lacks ${symbols}`);
	}
	const sum = asked === 0 ? "nothing was asked for" : `${count(got)} of ${plural(asked, "symbol")} as asked for`;
	return [...lines, `${release}: ${sum} (${config})`];
}

/** `configure` is the command without its first word, ready for more flags. */
export type Explained = Omit<ConfigExplanation, "configure"> & { configure: string };

export function explainReport(result: Explained, command: (words: string) => string): string[] {
	const { symbol, type, value, definitions, choice, range, selectedBy, impliedBy, config } = result;
	const lines = [`${symbol} (${type}) is ${value === "" ? "empty" : value} in ${config}`];
	for (const { at, prompt, depends, promptIf, defaults, selects } of definitions) {
		lines.push(`  ${at}: ${prompt === undefined ? "no prompt: nobody is asked for it" : `"${prompt}"`}`);
		if (depends !== undefined) lines.push(`    depends on: ${depends}`);
		if (promptIf !== undefined) lines.push(`    asked if: ${promptIf}`);
		for (const text of defaults) lines.push(`    default: ${text}`);
		if (selects.length > 0) lines.push(`    selects: ${selects.join(", ")}`);
	}
	if (choice !== undefined) {
		const members = choice.members.map((member) => `${member.symbol} [=${member.value}]`);
		lines.push(`  one of the choice "${choice.prompt}" (${choice.at}): ${members.join(", ")}`);
	}
	if (range !== undefined) lines.push(`  from ${range.low} to ${range.high} (${range.at})`);
	lines.push(...selectionLines("selected", selectedBy), ...selectionLines("implied", impliedBy));
	return [...lines, "", ...wayLines(result, command)];
}

/** Who holds it up is named one by one; of the rest, a few. */
function selectionLines(how: string, all: ConfigExplanation["selectedBy"]): string[] {
	const active = all.filter((one) => one.active);
	const rest = all.filter((one) => !one.active);
	const lines = active.map(({ symbol, value, condition, at }) => {
		const only = condition === undefined ? "" : ` if ${condition}`;
		return `  ${how} by ${symbol} [=${value}]${only} (${at})`;
	});
	if (rest.length === 0) return lines;
	const names = rest.slice(0, 8).map(({ symbol }) => symbol);
	const more = rest.length > names.length ? ` and ${count(rest.length - names.length)} more` : "";
	return [...lines, `  ${how} by, were they on: ${names.join(", ")}${more}`];
}

function wayLines(result: Explained, command: (words: string) => string): string[] {
	const { lines, unmet, assumed, value, type, proof, changeable, configure, symbol } = result;
	if (lines === undefined) {
		return [
			`no lines turn it on: ${unmet.length === 0 ? "only the compiler or other symbols decide it" : `${unmet.join(" and ")} is not met`}`,
		];
	}
	const number = type !== "bool" && type !== "tristate";
	if (lines.length === 0) {
		return [changeable ? "it is on" : "it is on, and no line of yours changes that"];
	}
	if (number && lines.length === 1) return [`it can be set now${value === "" ? "" : `; it is ${value}`}`];
	const set = lines.map((line) => {
		const [, off, name, text] = /^(?:# CONFIG_(\w+) is not set|CONFIG_(\w+)=(.*))$/.exec(line) ?? [];
		return `--set ${off === undefined ? `${name}=${shell(text ?? "")}` : `${off}=n`}`;
	});
	const outcome = proof === undefined ? [] : [`conf tried them: ${symbol} is ${proof.value}`];
	return [
		`what would ${number ? "let it be set" : "turn it on"}:`,
		...lines.map((line) => `  ${line}`),
		...assumed.map((macro) => `  as long as the compiler agrees: ${macro}`),
		`  ${command(`${configure} ${set.join(" ")}`)}`,
		...outcome,
	];
}

function shell(text: string): string {
	return /^[\w.+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

export function newReport({ release, base, symbols }: ConfigNew, brief: boolean): string[] {
	const lines = symbols.flatMap(({ symbol, value, prompt, help, at }) => {
		const head = `CONFIG_${symbol}=${value}  ${prompt} (${at})`;
		const text = brief || help === "" ? [] : [...help.split("\n").map((line) => `    ${line}`.trimEnd()), ""];
		return [head, ...text];
	});
	return [...lines, `${release}: ${plural(symbols.length, "new symbol")} against ${base}`];
}
