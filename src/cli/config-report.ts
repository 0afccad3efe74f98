/**
 * What each config command says, for a person.
 *
 * Owns: these sentences and tables. Leaves to others: JSON (the results themselves), bytes on stdout (config-run.ts).
 */

import type { ConfigDiff, ConfigShow } from "../operations/config/diff.ts";
import type { ConfigMergeResult, MergeReport } from "../operations/config/merge.ts";
import type { ConfigSources } from "../operations/config/sources.ts";
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
