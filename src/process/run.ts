/**
 * Child processes: the only place that starts one.
 *
 * Owns: a clean environment, a process group of its own that is ended as a whole, stdin that never waits for a person,
 * and one error for every way a program can fail. Leaves to others: what the programs are told and what it means.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { userInfo } from "node:os";
import { Readable, type Writable } from "node:stream";
import { type ErrorDetails, KsquashError } from "../errors.ts";
import { type Identity, wrap } from "./launch.ts";
import { type LineSink, Output } from "./output.ts";
import { missingProgram, searchPath, which } from "./programs.ts";

export type { Identity } from "./launch.ts";
export { installLine, missingProgram, packageHint, which } from "./programs.ts";

export interface RunOptions {
	cwd?: string | undefined;
	/** The complete environment; cleanEnvironment() when absent. */
	env?: Readonly<Record<string, string>> | undefined;
	/** What the child reads; without it stdin is /dev/null, so nothing ever waits for an answer. */
	input?: AsyncIterable<Uint8Array | string> | Uint8Array | string | undefined;
	/** start() only: the caller writes to `stdin` itself. */
	stdin?: "pipe" | undefined;
	/** collect: keep it (64 MiB at most) · lines: only onLine and the last lines · pipe: the caller reads `stdout`. */
	stdout?: "collect" | "lines" | "pipe" | undefined;
	onLine?: LineSink | undefined;
	signal?: AbortSignal | undefined;
	timeoutMs?: number | undefined;
	/** Between SIGTERM and SIGKILL; 2000 when absent. */
	graceMs?: number | undefined;
	/** Exit statuses that are no failure; [0] when absent. */
	okStatus?: readonly number[] | undefined;
	/** Root only: run as this user. */
	as?: Identity | undefined;
	/** Nobody but the user may write what it makes, whatever our umask is. */
	ownWrites?: boolean | undefined;
	/** Whatever else runs comes first: the lowest priority, and the idle class for its disk work. */
	nice?: boolean | undefined;
}

export interface RunResult {
	status: number;
	/** With stdout "collect": the bytes of stdout, and the lines of both streams as they came. */
	stdout: Buffer;
	lines: string[];
	/** The last 20 lines of what was read as lines. */
	lastLines: string[];
}

export interface Started {
	readonly pid: number;
	/** Only with stdin "pipe". Writing after the child's end is no crash: `finished` tells. */
	readonly stdin: Writable;
	/** Only with stdout "pipe", which is start()'s default. */
	readonly stdout: Readable;
	/** Rejects with TOOL_FAILED, the signal's reason, or the error of `input`. Handled already, so it may be ignored. */
	readonly finished: Promise<RunResult>;
}

/** Nothing of ours is inherited: LD_PRELOAD, MAKEFLAGS, GZIP, locale and the like change what programs do. */
export function cleanEnvironment(home = ownHome()): Record<string, string> {
	return { PATH: searchPath().join(":"), LC_ALL: "C", HOME: home };
}

/** Runs a program to its end. Throws ERR_KSQUASH_TOOL_MISSING, ERR_KSQUASH_TOOL_FAILED, or the signal's reason. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
	return await start(command, args, { stdout: "collect", ...options }).finished;
}

/** Starts a program and returns at once. Throws ERR_KSQUASH_TOOL_MISSING or the signal's reason. */
export function start(command: string, args: readonly string[], options: RunOptions = {}): Started {
	options.signal?.throwIfAborted();
	const program = which(command);
	if (program === undefined) throw missingProgram(command);
	const [file, argv] = wrap([program, ...args], options);
	const fed = options.input !== undefined || options.stdin === "pipe";
	const child = spawn(file, argv, {
		cwd: options.cwd,
		env: { ...(options.env ?? cleanEnvironment()) },
		// A session of its own: no controlling terminal to inject keystrokes into, and one group to end.
		detached: true,
		stdio: [fed ? "pipe" : "ignore", "pipe", "pipe"],
	});
	const output = new Output(options.stdout ?? "pipe", options.onLine);
	const finished = supervise(command, child, output, options);
	finished.catch(() => undefined);
	return {
		pid: child.pid ?? -1,
		finished,
		get stdin() {
			return present(options.stdin === "pipe" ? child.stdin : null, 'stdin: "pipe"');
		},
		get stdout() {
			return present((options.stdout ?? "pipe") === "pipe" ? child.stdout : null, 'stdout: "pipe"');
		},
	};
}

/** Follows the child until it and its output are at their end. */
function supervise(command: string, child: ChildProcess, output: Output, options: RunOptions): Promise<RunResult> {
	return new Promise((resolve, reject) => {
		const { signal, timeoutMs, okStatus = [0] } = options;
		const group = new Group(child, options.graceMs ?? 2000, output);
		const onAbort = (): void => group.stop(signal?.reason);
		const timer =
			timeoutMs === undefined
				? undefined
				: setTimeout(() => group.stop(failed(command, `did not end within ${timeoutMs / 1000} s`, output)), timeoutMs);
		let ended = false;
		const settle = (act: () => void): void => {
			if (ended) return;
			ended = true;
			clearTimeout(timer);
			group.forget();
			signal?.removeEventListener("abort", onAbort);
			act();
		};
		signal?.addEventListener("abort", onAbort, { once: true });
		if (signal?.aborted) onAbort();
		child.once("error", (error) =>
			settle(() => reject(failed(command, `cannot be started: ${error.message}`, output, { cause: error }))),
		);
		feed(child, options.input, (error) => group.stop(error));
		output.read(child, (error) => group.stop(error));
		output.whenDone(child, (status, killedBy) =>
			settle(() => {
				if (group.stopped !== undefined) reject(group.stopped.reason);
				else if (killedBy !== null) reject(failed(command, `was ended by ${killedBy}`, output, { signal: killedBy }));
				else if (!okStatus.includes(status ?? -1)) reject(failed(command, `ended with exit status ${status}`, output));
				else resolve(output.result(status ?? 0));
			}),
		);
	});
}

/** The child's process group. Whatever asks it to end first is the reason that the caller sees. */
class Group {
	stopped: { reason: unknown } | undefined;
	readonly #child: ChildProcess;
	readonly #graceMs: number;
	#timer: NodeJS.Timeout | undefined;

	constructor(child: ChildProcess, graceMs: number, output: Output) {
		this.#child = child;
		this.#graceMs = graceMs;
		child.once("exit", () => {
			if (this.stopped === undefined) return;
			// The group's number is free for reuse once its last member is gone: kill the rest now or never.
			this.#kill("SIGKILL");
			output.abandon(child);
		});
	}

	stop(reason: unknown): void {
		if (this.stopped !== undefined) return;
		this.stopped = { reason };
		if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
		this.#kill("SIGTERM");
		this.#timer = setTimeout(() => this.#kill("SIGKILL"), this.#graceMs);
	}

	forget(): void {
		clearTimeout(this.#timer);
	}

	#kill(signal: NodeJS.Signals): void {
		try {
			if (this.#child.pid !== undefined) process.kill(-this.#child.pid, signal);
		} catch {
			// The group is gone.
		}
	}
}

/** Pipes `input` to stdin. A child that stops reading is no error of the input: the rest stays with its owner. */
function feed(child: ChildProcess, input: RunOptions["input"], fail: (error: unknown) => void): void {
	const stdin = child.stdin;
	if (stdin === null) return;
	stdin.on("error", () => undefined);
	if (input === undefined) return;
	if (typeof input === "string" || input instanceof Uint8Array) {
		stdin.end(input);
		return;
	}
	const source = input instanceof Readable ? input : Readable.from(input);
	source.once("error", fail);
	source.once("close", () => {
		if (!source.readableEnded && source.errored === null && !stdin.destroyed) fail(new Error("the input was cut off"));
	});
	source.pipe(stdin);
}

function failed(
	command: string,
	what: string,
	output: Output,
	details: Pick<ErrorDetails, "cause" | "signal"> = {},
): KsquashError {
	const notes = output.said();
	return new KsquashError("ERR_KSQUASH_TOOL_FAILED", `${command} ${what}`, {
		notes,
		...(notes.length === 0 ? { hint: "it printed nothing" } : {}),
		...details,
	});
}

function present<T>(stream: T | null, option: string): T {
	if (stream === null) throw new KsquashError("ERR_KSQUASH_INTERNAL", `start() was not called with ${option}`);
	return stream;
}

function ownHome(): string {
	try {
		return userInfo().homedir;
	} catch {
		return "/";
	}
}
