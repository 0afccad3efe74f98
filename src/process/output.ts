/**
 * What a child prints: as lines, as bytes, or left to the caller, and when it is at its end.
 *
 * Owns: splitting into lines, the limit of what is kept, waiting for streams that a grandchild holds open.
 * Leaves to others: starting and ending the child (src/process/run.ts).
 */

import type { ChildProcess } from "node:child_process";
import { StringDecoder } from "node:string_decoder";
import { KsquashError } from "../errors.ts";
import type { RunResult } from "./run.ts";

export type LineSink = (line: string, stream: "stdout" | "stderr") => void;

const LIMIT = 64 << 20;
const LIMIT_LINES = 1 << 20;
const LONGEST_LINE = 64 << 10;
const LAST_LINES = 20;
/** How long a silent stream may stay open after the child's end: a daemon that it left behind holds it. */
const LINGER_MS = 3000;

export class Output {
	readonly lastLines: string[] = [];
	readonly #mode: "collect" | "lines" | "pipe";
	readonly #onLine: LineSink | undefined;
	readonly #chunks: Buffer[] = [];
	readonly #lines: string[] = [];
	/** Of stderr: what went wrong first. The last lines may be a page of usage. */
	#first: string | undefined;
	#size = 0;
	#heard = 0;

	constructor(mode: "collect" | "lines" | "pipe", onLine: LineSink | undefined) {
		this.#mode = mode;
		this.#onLine = onLine;
	}

	/** Starts reading. `fail` is called when the child prints too much or onLine throws. */
	read(child: ChildProcess, fail: (error: unknown) => void): void {
		for (const name of ["stdout", "stderr"] as const) {
			const stream = child[name];
			stream?.on("error", () => undefined);
			if (stream === null || (name === "stdout" && this.#mode === "pipe")) continue;
			const splitter = new LineSplitter((line) => this.#line(line, name));
			const guard = (work: () => void): void => {
				try {
					work();
				} catch (error) {
					fail(error);
				}
			};
			stream.on("data", (chunk: Buffer) => guard(() => this.#data(chunk, name, splitter)));
			stream.on("end", () => guard(() => splitter.end()));
		}
	}

	/** Calls back once, after the child's end and the end of every stream that is read here. */
	whenDone(child: ChildProcess, done: (status: number | null, signal: NodeJS.Signals | null) => void): void {
		const read = this.#mode === "pipe" ? [child.stderr] : [child.stdout, child.stderr];
		let open = read.length;
		let exit: [number | null, NodeJS.Signals | null] | undefined;
		let timer: NodeJS.Timeout | undefined;
		const check = (): void => {
			if (exit === undefined || open > 0) return;
			clearTimeout(timer);
			done(...exit);
		};
		const linger = (heard: number): void => {
			timer = setTimeout(() => (this.#heard === heard ? this.abandon(child) : linger(this.#heard)), LINGER_MS);
		};
		for (const stream of read) {
			stream?.once("close", () => {
				open -= 1;
				check();
			});
		}
		child.once("exit", (status, signal) => {
			exit = [status, signal];
			if (open > 0) linger(this.#heard);
			check();
		});
	}

	/** Stops reading: nothing that is still printed matters. */
	abandon(child: ChildProcess): void {
		child.stdout?.destroy();
		child.stderr?.destroy();
	}

	/** For a person: the last lines, and the first of stderr where it is not among them. */
	said(): string[] {
		if (this.#first === undefined || this.lastLines.includes(this.#first)) return this.lastLines;
		return [this.#first, "…", ...this.lastLines];
	}

	result(status: number): RunResult {
		return { status, stdout: Buffer.concat(this.#chunks), lines: this.#lines, lastLines: [...this.lastLines] };
	}

	#data(chunk: Buffer, name: "stdout" | "stderr", splitter: LineSplitter): void {
		this.#heard += 1;
		if (this.#mode === "collect") {
			this.#size += chunk.length;
			if (this.#size > LIMIT) throw tooMuch(`${LIMIT >> 20} MiB`);
			if (name === "stdout") this.#chunks.push(chunk);
		}
		splitter.push(chunk);
	}

	#line(line: string, name: "stdout" | "stderr"): void {
		if (name === "stderr") this.#first ??= line;
		this.lastLines.push(line);
		if (this.lastLines.length > LAST_LINES) this.lastLines.shift();
		if (this.#mode === "collect") {
			if (this.#lines.length >= LIMIT_LINES) throw tooMuch(`${LIMIT_LINES} lines`);
			this.#lines.push(line);
		}
		this.#onLine?.(line, name);
	}
}

function tooMuch(limit: string): KsquashError {
	return new KsquashError("ERR_KSQUASH_TOOL_FAILED", `the program printed more than ${limit}`);
}

/** Lines end with \n, \r\n or \r (progress bars). A line without end is given out in pieces. */
class LineSplitter {
	readonly #decoder = new StringDecoder("utf8");
	readonly #emit: (line: string) => void;
	#rest = "";

	constructor(emit: (line: string) => void) {
		this.#emit = emit;
	}

	push(chunk: Buffer): void {
		this.#take(this.#decoder.write(chunk));
	}

	end(): void {
		this.#take(this.#decoder.end());
		const last = this.#rest.replace(/\r$/, "");
		this.#rest = "";
		if (last !== "") this.#emit(last);
	}

	#take(text: string): void {
		// A \r at the very end may be half of a \r\n: it waits.
		const parts = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
		this.#rest = parts.pop() ?? "";
		for (const part of parts) this.#emit(part);
		while (this.#rest.length > LONGEST_LINE) {
			this.#emit(this.#rest.slice(0, LONGEST_LINE));
			this.#rest = this.#rest.slice(LONGEST_LINE);
		}
	}
}
