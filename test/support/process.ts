/** The one way in which tests start a program and wait for it. One that still runs when its test ends is killed, by its own id. */

import { type ChildProcess, spawn } from "node:child_process";
import { onTestFinished, TestRunner } from "vitest";

export interface Ran {
	status: number | null;
	signal: NodeJS.Signals | null;
	stdout: string;
	stderr: string;
}

export interface RunOptions {
	/** All of it; PATH only by default. */
	env?: NodeJS.ProcessEnv;
	/** "/" by default: a relative path in a test is a mistake. */
	cwd?: string | undefined;
	/** It is killed then. */
	timeoutMs?: number | undefined;
	/** Called as soon as it runs. */
	onStart?: (child: ChildProcess) => void;
}

/** Runs a program to its end; throws only where it cannot be started. */
export async function run(words: readonly string[], options: RunOptions = {}): Promise<Ran> {
	const [file = "", ...rest] = words;
	const child = spawn(file, rest, {
		stdio: ["ignore", "pipe", "pipe"],
		cwd: options.cwd ?? "/",
		env: options.env ?? { PATH: process.env.PATH },
		timeout: options.timeoutMs,
		killSignal: "SIGKILL",
	});
	if (TestRunner.getCurrentTest() !== undefined) {
		onTestFinished(() => {
			if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
		});
	}
	let [stdout, stderr] = ["", ""];
	child.stdout.setEncoding("utf8").on("data", (text: string) => {
		stdout += text;
	});
	child.stderr.setEncoding("utf8").on("data", (text: string) => {
		stderr += text;
	});
	if (child.pid !== undefined) options.onStart?.(child);
	return await new Promise((resolve, reject) => {
		child.once("error", reject);
		child.once("close", (status, signal) => resolve({ status, signal, stdout, stderr }));
	});
}
