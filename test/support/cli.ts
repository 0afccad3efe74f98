/** The built CLI as a process: what a person gets. */

import { spawn } from "node:child_process";
import { join } from "node:path";

export const cliPath: string = join(import.meta.dirname, "../../dist/cli/ksquash.cjs");

export interface CliResult {
	status: number | null;
	signal: NodeJS.Signals | null;
	stdout: string;
	stderr: string;
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
	const child = spawn(process.execPath, [cliPath, ...args], {
		stdio: ["ignore", "pipe", "pipe"],
		cwd: options.cwd ?? "/",
		timeout: options.patienceMs,
		killSignal: "SIGKILL",
		env: { PATH: process.env.PATH, ...Object.fromEntries(preloaded), ...options.env },
	});
	let stdout = "";
	let stderr = "";
	child.stdout.setEncoding("utf8").on("data", (text: string) => {
		stdout += text;
	});
	child.stderr.setEncoding("utf8").on("data", (text: string) => {
		stderr += text;
	});
	if (child.pid !== undefined) options.onStart?.(child.pid);
	return await new Promise((resolve, reject) => {
		child.once("error", reject);
		child.once("close", (status, signal) => {
			resolve({ status, signal, stdout, stderr, json: () => JSON.parse(stdout) });
		});
	});
}
