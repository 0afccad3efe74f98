#!/usr/bin/env node
/**
 * config merge beside the kernel's merge_config.sh, alternating in one run: node bench/kconfig.mjs [--rounds N]
 * [--symbols 50,500,5000] [--peer FILE].
 *
 * The peer of every run is the script of Debian's linux-source-6.1; --peer adds any other one (7.0's, say). Both get the
 * same files, both outputs are compared first. Ours is measured in memory, as a library call with its
 * files, and as a process of its own, which is what the scripts are. Nothing is left behind. Needs: npm run build.
 */

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { largeBase } from "./inputs.mjs";

const { values } = parseArgs({
	options: { rounds: { type: "string" }, symbols: { type: "string" }, peer: { type: "string" } },
});
const rounds = Number(values.rounds ?? 15);
const sizes = (values.symbols ?? "50,500,5000").split(",").map(Number);
/** ms. 6.1's script needs a minute for 5,000 symbols: one round shows it. */
const TOO_SLOW = 2000;
const top = join(import.meta.dirname, "..");
const cli = join(top, "dist/cli/ksquash.cjs");
if (!existsSync(cli)) throw new Error("build first: npm run build");
const { configMerge, mergeConfigs } = await import(join(top, "dist/index.js"));
// A certificate file in the environment is read at every start of Node: it is no part of ours.
delete process.env.NODE_EXTRA_CA_CERTS;

const work = mkdtempSync(join(tmpdir(), "ksquash-bench-"));
try {
	await main();
} finally {
	rmSync(work, { recursive: true, force: true });
}

async function main() {
	const base = join(work, "base.config");
	writeFileSync(base, largeBase());
	const lines = readFileSync(base, "latin1").split("\n").length - 1;
	console.log(`${cpus()[0]?.model}, Node ${process.version}; base: ${lines} lines; best of ${rounds} rounds`);
	const peers = [...debianScript(), ...(values.peer ? [["the peer", values.peer]] : [])];
	if (values.peer === undefined) console.log("no other script was named (--peer FILE): only Debian's 6.1 is compared");
	for (const size of sizes) await compare(base, fragmentOf(base, size), size, peers);
}

async function compare(base, fragment, size, peers) {
	const [first, second] = [base, fragment].map((name) => ({ name, text: readFileSync(name) }));
	const texts = [first, [second]];
	const contestants = [
		["ksquash, in memory", async () => mergeConfigs(...texts).text],
		["ksquash, library", async () => (await configMerge(base, [fragment])).text],
		["ksquash, process", async () => ours(base, fragment)],
		...peers.map(([name, script]) => [name, async () => theirs(script, base, fragment)]),
	];
	const best = new Map(contestants.map(([name]) => [name, Number.POSITIVE_INFINITY]));
	// V8 compiles what runs often: a library's first call is slower than its tenth, and both happen.
	const initial = new Map();
	const outputs = new Map();
	for (let round = 0; round < rounds; round++) {
		for (const [name, work_] of contestants) {
			if (round > 0 && best.get(name) > TOO_SLOW) continue;
			const begun = performance.now();
			const output = await work_();
			const took = performance.now() - begun;
			if (round === 0) initial.set(name, took);
			best.set(name, Math.min(best.get(name), took));
			outputs.set(name, Buffer.from(output));
		}
	}
	console.log(`\n${size} symbols`);
	const memory = best.get("ksquash, in memory");
	const process_ = best.get("ksquash, process");
	for (const [name, ms] of best) {
		const peer = !name.startsWith("ksquash");
		const ratio = peer ? `  ${(ms / memory).toFixed(1)}× in memory, ${(ms / process_).toFixed(1)}× the process` : "";
		const same = peer && !outputs.get(name).equals(outputs.get("ksquash, library")) ? "  (other output)" : "";
		const once = `(first ${initial.get(name).toFixed(1)})`;
		console.log(`  ${name.padEnd(22)}${ms.toFixed(1).padStart(10)} ms  ${once.padEnd(16)}${ratio}${same}`);
	}
}

function ours(base, fragment) {
	const { stdout, status } = spawnSync(process.execPath, [cli, "config", "merge", base, fragment], {
		stdio: ["ignore", "pipe", "ignore"],
		maxBuffer: 1 << 26,
	});
	if (status !== 0) throw new Error(`ksquash ended with ${status}`);
	return stdout;
}

/** -m: only merge. It writes its temporary files into the working directory. */
function theirs(script, base, fragment) {
	const out = join(work, "out");
	mkdirSync(out, { recursive: true });
	execFileSync("sh", [script, "-m", "-O", out, base, fragment], { cwd: work, stdio: ["ignore", "ignore", "pipe"] });
	return readFileSync(join(out, ".config"));
}

/** y becomes m, m and values go to n: every symbol changes, as a fragment of a person's does. */
function fragmentOf(base, size) {
	const symbols = readFileSync(base, "latin1").match(/^CONFIG_\w+=[ym]$/gm) ?? [];
	const step = Math.max(1, Math.floor(symbols.length / size));
	const chosen = symbols.filter((_, index) => index % step === 0).slice(0, size);
	const lines = chosen.map((line) =>
		line.endsWith("y") ? line.replace(/y$/, "m") : `# ${line.slice(0, -2)} is not set`,
	);
	const path = join(work, `${size}.config`);
	writeFileSync(path, `${lines.join("\n")}\n`);
	return path;
}

function debianScript() {
	const sources = join("/usr", "src");
	const tarball = readdirSync(sources).find((name) => name === "linux-source-6.1.tar.xz");
	if (tarball === undefined) {
		console.log("Debian's linux-source-6.1 is not installed: its script is left out");
		return [];
	}
	const path = "scripts/kconfig/merge_config.sh";
	execFileSync("tar", ["-xf", join(sources, tarball), "-C", work, "--strip-components=1", `linux-source-6.1/${path}`]);
	return [["merge_config.sh 6.1", join(work, path)]];
}
