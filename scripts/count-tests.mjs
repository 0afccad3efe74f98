// Adds up vitest's JSON reports in a directory and prints the line "N passed, N failed, N skipped".
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const directory = process.argv[2];
const sum = { passed: 0, failed: 0, skipped: 0 };
for (const name of readdirSync(directory).filter((file) => file.endsWith(".json"))) {
	const report = JSON.parse(readFileSync(join(directory, name), "utf8"));
	sum.passed += report.numPassedTests;
	sum.failed += report.numFailedTests;
	sum.skipped += report.numPendingTests + report.numTodoTests;
	// A file that could not be loaded has no tests that could fail.
	sum.failed += report.testResults.filter(
		(file) => file.status === "failed" && file.assertionResults.length === 0,
	).length;
}
console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
process.exitCode = sum.failed > 0 || sum.passed === 0 ? 1 : 0;
