// Adds up vitest's JSON reports in a directory: prints the ten slowest tests and the line "N passed, N failed, N skipped".
//   node scripts/count-tests.mjs DIRECTORY [FILE]      FILE: a table of the seconds that each test file took, for scripts/lanes.mjs
// KSQUASH_WHOLE=1: all parts ran, so a test that test/inventory.tsv has and that did not run is a failure.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { missing, read } from "./inventory.mjs";

const top = resolve(import.meta.dirname, "..");
const [directory, table] = process.argv.slice(2);
const sum = { passed: 0, failed: 0, skipped: 0 };
const tests = [];
const titles = [];
const seconds = new Map();
for (const name of readdirSync(directory).filter((file) => file.endsWith(".json"))) {
	const report = JSON.parse(readFileSync(join(directory, name), "utf8"));
	sum.passed += report.numPassedTests;
	sum.failed += report.numFailedTests;
	sum.skipped += report.numPendingTests + report.numTodoTests;
	for (const file of report.testResults) {
		// A file that could not be loaded has no tests that could fail.
		if (file.status === "failed" && file.assertionResults.length === 0) sum.failed += 1;
		const path = relative(top, file.name);
		for (const { ancestorTitles, title, fullName, duration } of file.assertionResults) {
			titles.push([...ancestorTitles, title].join(" > "));
			if (typeof duration === "number") tests.push({ duration, name: `${path}: ${fullName}` });
		}
		seconds.set(path, Math.max(1, Math.round((file.endTime - file.startTime) / 1000)));
	}
}
console.log("the ten slowest tests:");
for (const { duration, name } of tests.toSorted((a, b) => b.duration - a.duration).slice(0, 10)) {
	console.log(`${(duration / 1000).toFixed(1).padStart(7)} s  ${name}`);
}
if (table !== undefined) {
	// What did not run keeps its time: the other machines, what runs beside the tests.
	const known = readFileSync(join(top, "test/seconds.tsv"), "utf8").split("\n").filter(Boolean);
	const before = known.map((line) => line.split("\t")).map(([time, path]) => [path, Number(time)]);
	const kept = before.filter(([path]) => path.startsWith("run:") || existsSync(join(top, path)));
	const rows = [...new Map([...kept, ...seconds])].toSorted(([a, s], [b, t]) => t - s || (a < b ? -1 : 1));
	writeFileSync(table, rows.map(([path, time]) => `${time}\t${path}\n`).join(""));
}
if (process.env.KSQUASH_WHOLE === "1") {
	// Of the emulated machines only one runs.
	const gone = missing(read(), titles).filter(({ reason }) => !reason.startsWith("soak "));
	for (const { id, title } of gone) console.log(`test/inventory.tsv has a test that did not run: ${id} ${title}`);
	sum.failed += gone.length;
}
console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
process.exitCode = sum.failed > 0 || sum.passed === 0 ? 1 : 0;
