/**
 * Kernel configs as text: merge settings into one, see what changes, and make a fragment of the difference. Pure functions:
 * nothing is read but the files named here, nothing is run.
 *
 *     node examples/configs.mjs BASE.config FRAGMENT.config
 */

import { readFile } from "node:fs/promises";
import { diffConfigs, fragmentBetween, mergeConfigs, parseConfig } from "ksquash";

const [base = "", fragment = ""] = process.argv.slice(2);
const read = async (name) => ({ name, text: await readFile(name) });
const [before, wanted] = [await read(base), await read(fragment)];

const { text, reports, findings } = mergeConfigs(before, [wanted]);
// A line that the kernel's conf would lose without a word ("CONFIG_X = y") is a finding, with its place.
for (const { file, line, column, reason } of findings) console.log(`${file}:${line}:${column}: ${reason}`);
for (const { kind, symbol, previous, next } of reports)
	console.log(`${symbol}: ${kind}, ${previous.raw} → ${next.raw}`);

const [old, merged] = [parseConfig(before.text, base), parseConfig(text, "merged")];
for (const { symbol, from = "absent", to = "absent" } of diffConfigs(old, merged))
	console.log(`${symbol} ${from} → ${to}`);

// What turns the one into the other, as a fragment: merged into the base it gives the same values again.
const again = mergeConfigs(before, [{ name: "difference", text: fragmentBetween(old, merged) }]);
console.log(`left over: ${diffConfigs(merged, parseConfig(again.text, "again")).length}`);
