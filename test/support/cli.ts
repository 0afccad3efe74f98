/** The built CLI as a process: what a person gets. */

import { join } from "node:path";
import { type Ran, run } from "./process.ts";

export const cliPath: string = join(import.meta.dirname, "../../dist/cli/ksquash.cjs");

export interface CliResult extends Ran {
	/** stdout as the one JSON object that --json promises. */
	json(): Record<string, unknown>;
}

export interface CliOptions {
	env?: Record<string, string>;
	cwd?: string;
	/** One that hangs is ended then: it must not outlive its test. */
	patienceMs?: number;
	/** Called with the pid as soon as it runs. */
	onStart?: (pid: number) => void;
}

/** What scripts/sanitize.sh loads into every process: the add-on that it built needs it. */
const preloaded = ["LD_PRELOAD", "ASAN_OPTIONS", "UBSAN_OPTIONS"].flatMap((name) => {
	const value = process.env[name];
	return value === undefined ? [] : [[name, value]];
});

export async function cli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
	const ran = await run([process.execPath, cliPath, ...args], {
		cwd: options.cwd,
		timeoutMs: options.patienceMs,
		env: { PATH: process.env.PATH, ...Object.fromEntries(preloaded), ...options.env },
		onStart: ({ pid }) => options.onStart?.(pid as number),
	});
	return { ...ran, json: () => JSON.parse(ran.stdout) };
}
