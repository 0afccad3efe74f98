/**
 * What the benchmarks share: medians, lines of a table, programs that print microseconds.
 *
 * Owns: the arithmetic and the look. Leaves to others: what is measured.
 */

import { execFileSync } from "node:child_process";

export function median(values: readonly number[]): number {
	const sorted = [...values].sort((a, b) => a - b);
	return ((sorted[(sorted.length - 1) >> 1] ?? 0) + (sorted[sorted.length >> 1] ?? 0)) / 2;
}

/** The value that a tenth is below: what other work on the machine has least to do with. */
export function lowDecile(values: readonly number[]): number {
	return [...values].sort((a, b) => a - b)[Math.floor(values.length / 10)] ?? 0;
}

/** Runs a program that prints a line of numbers for each cycle; the columns. */
export function columns(file: string, ...args: string[]): number[][] {
	const lines = execFileSync(file, args, { encoding: "utf8", maxBuffer: 1 << 28 })
		.trim()
		.split("\n");
	const rows = lines.map((line) => line.split(" ").map(Number));
	return (rows[0] ?? []).map((_, i) => rows.map((row) => row[i] ?? Number.NaN));
}

/** Microseconds of one piece of work. */
export async function micros(work: () => Promise<unknown>): Promise<number> {
	const began = process.hrtime.bigint();
	await work();
	return Number(process.hrtime.bigint() - began) / 1000;
}

/** Samples of several contestants, taken in turn. */
export class Contest {
	readonly #samples = new Map<string, number[]>();

	add(name: string, ...values: readonly number[]): void {
		const all = this.#samples.get(name) ?? [];
		all.push(...values);
		this.#samples.set(name, all);
	}

	median(name: string): number {
		return median(this.#samples.get(name) ?? []);
	}

	low(name: string): number {
		return lowDecile(this.#samples.get(name) ?? []);
	}

	/** Each contestant's median and lowest tenth, and how often that of `ours` goes into it. */
	print(title: string, ours: string): void {
		console.log(`\n${title.padEnd(46)}       median                lowest 10 %`);
		for (const [name, values] of this.#samples) {
			const middle = `${text(this.median(name)).padStart(12)} ${factor(this.median(name) / this.median(ours))}`;
			const low = `${text(this.low(name)).padStart(12)} ${factor(this.low(name) / this.low(ours))}`;
			console.log(`  ${name.padEnd(44)} ${middle}   ${low}   n=${values.length}`);
		}
	}
}

const text = (value: number) => (value >= 10_000 ? `${(value / 1000).toFixed(1)} ms` : `${value.toFixed(1)} us`);
const factor = (value: number) => `${value.toFixed(value < 10 ? 2 : 0)}x`.padStart(8);

/** One stated goal: met or not. */
export function goal(what: string, value: number, limit: number, atLeast: boolean): void {
	const met = atLeast ? value >= limit : value <= limit;
	console.log(
		`  ${met ? "met   " : "MISSED"} ${what}: ${value.toFixed(2)} (${atLeast ? "at least" : "at most"} ${limit})`,
	);
}
