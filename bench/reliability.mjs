#!/usr/bin/env node
/**
 * The same faults for ksquash and its peers, and docs/reliability.md from what was seen: npm run reliability. Exit status
 * 1 when ksquash loses, leaves or hangs. --only PATTERN runs the rows whose fault matches, and writes no page;
 * --linux DIR is a Linux 6.1 that stands unpacked already; --cli FILE is judged instead of ksquash; --list names the faults.
 *
 * Needs root, mount and process namespaces of its own, npm run build, strace, and Debian's linux-source-6.1.
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { configs } from "./reliability/configs.mjs";
import { meet } from "./reliability/contest.mjs";
import { mounting } from "./reliability/mounting.mjs";
import { packing } from "./reliability/packing.mjs";
import { findPlanted } from "./reliability/planted.mjs";
import { prepareShared } from "./reliability/shared.mjs";
import { cell, disgraced, escaped, page, summary } from "./reliability/table.mjs";

const { values } = parseArgs({
	options: { only: { type: "string" }, linux: { type: "string" }, cli: { type: "string" }, list: { type: "boolean" } },
});
const top = join(import.meta.dirname, "..");
delete process.env.NODE_EXTRA_CA_CERTS;

const wanted = ({ fault }) => values.only === undefined || new RegExp(values.only).test(fault);
const chosen = [packing, mounting, configs].map((contest) => ({ ...contest, rows: contest.rows.filter(wanted) }));
if (values.list) for (const { fault } of chosen.flatMap(({ rows }) => rows)) console.log(escaped(fault));
else await main();

async function main() {
	const work = mkdtempSync(join(tmpdir(), "ksquash-contest-"));
	try {
		const shared = prepareShared(work, { unpacked: values.linux, chosen: chosen.flatMap(({ rows }) => rows) });
		if (values.cli === undefined) console.log(`${await findPlanted(shared)} planted faults, all found`);
		else shared.ksquash = [process.execPath, values.cli];
		const contests = [];
		for (const contest of chosen) contests.push({ ...contest, results: await held(contest.rows, shared) });
		const results = contests.flatMap((contest) => contest.results);
		console.log(summary(results));
		if (values.only === undefined) writeFileSync(join(top, "docs/reliability.md"), page(contests, machine(shared)));
		if (disgraced(results)) process.exitCode = 1;
	} finally {
		rmSync(work, { recursive: true, force: true });
	}
}

async function held(rows, shared) {
	const results = [];
	for (const row of rows) {
		const result = { fault: row.fault, they: await meet(row, "they", shared), we: await meet(row, "we", shared) };
		results.push(result);
		console.log(`${row.fault}\n  they: ${cell(result.they)}\n  we:   ${cell(result.we)}`);
	}
	return results;
}

function machine({ tools }) {
	return `Linux ${release().split("-")[0]}, ${tools.join(", ")}`;
}
