/**
 * What a command's function gets: the streams, the signal, and one way to end.
 *
 * Owns: printing of results and errors, and the exit status. The only place that prints an error.
 */

import type { CommandContext } from "@stricli/core";
import { Exit, KsquashError } from "../errors.ts";
import type { CommonOptions, Failed } from "../index.ts";
import { ksquashCommand } from "../system/command-line.ts";
import { failure } from "../system/failure.ts";
import { withWords } from "../text.ts";
import type { CommonFlags } from "./flags.ts";
import { asText, errorJson, errorLines } from "./render/text.ts";
import { cliWords } from "./render/words.ts";
import { Terminal } from "./terminal.ts";

export interface CliContext extends CommandContext {
	readonly process: NodeJS.Process;
	readonly signal: AbortSignal;
	/** What stood behind "--". */
	readonly passThrough: readonly string[];
	/** Set by a command; main ends with it. */
	status: number;
}

/** What an operation is given, with progress on stderr, and what was seen of the work. */
export interface Watched {
	options: CommonOptions;
	warnings: string[];
	/** Steps that were begun and leave something behind. */
	lasting: string[];
	close(): void;
}

function watched(context: CliContext, flags: CommonFlags & { dryRun?: boolean }): Watched {
	const terminal = new Terminal(context.process.stderr, context.process.env);
	const warnings: string[] = [];
	const lasting: string[] = [];
	const options: CommonOptions = {
		root: flags.root,
		dryRun: flags.dryRun,
		signal: context.signal,
		onProgress: (event) => {
			if (event.state === "start" && event.lasts) lasting.push(event.step);
			terminal.onProgress(event);
		},
		onWarning: (message) => {
			warnings.push(message);
			terminal.onWarning(message);
		},
	};
	return {
		options: withWords(options, cliWords),
		warnings,
		lasting,
		close: () => terminal.close(),
	};
}

/**
 * What a command says of its result. `command` makes "ksquash WORDS" for the root that was worked below; `width` is the
 * terminal's, in characters, where stdout is one.
 */
export type Report<T> = (result: T, command: (words: string) => string, width?: number) => string[];

function told({ root }: CommonFlags): (words: string) => string {
	return (words) => ksquashCommand(words, root);
}

function widthOf({ process: { stdout } }: CliContext): number | undefined {
	return stdout.isTTY && stdout.columns > 0 ? stdout.columns : undefined;
}

/** Runs one operation and prints what came of it. */
export async function one<T extends object>(
	context: CliContext,
	flags: CommonFlags & { dryRun?: boolean },
	work: (options: CommonOptions) => Promise<T>,
	report: Report<T>,
): Promise<T | undefined> {
	const watch = watched(context, flags);
	try {
		const result = await work(watch.options);
		if (flags.json) printJson(context, { ...result, warnings: watch.warnings });
		else print(context, report(result, told(flags), widthOf(context)));
		return result;
	} catch (error) {
		watch.close();
		fail(context, flags, error, watch);
		return undefined;
	}
}

/** Runs an operation for each release; one that fails does not stop the others, and the first failure is the status. */
export async function each<T>(
	context: CliContext,
	flags: CommonFlags & { dryRun?: boolean },
	releases: readonly string[],
	work: (release: string, options: CommonOptions) => Promise<T>,
	report: Report<T>,
): Promise<void> {
	const watch = watched(context, flags);
	if (releases.length === 0) {
		return fail(context, flags, new KsquashError("ERR_KSQUASH_USAGE", "name a release"), watch);
	}
	const done: T[] = [];
	const failed: Failed[] = [];
	for (const release of releases) {
		try {
			const result = await work(release, watch.options);
			done.push(result);
			if (!flags.json) print(context, report(result, told(flags)));
		} catch (error) {
			watch.close();
			failed.push({ release, error: explained(error) });
			if (context.signal.aborted) break;
		}
	}
	finish(context, flags, { done, failed }, watch);
}

/** Runs one operation on every release there is. */
export async function every<T>(
	context: CliContext,
	flags: CommonFlags & { dryRun?: boolean },
	named: readonly string[],
	work: (options: CommonOptions) => Promise<{ done: T[]; failed: Failed[] }>,
	report: Report<T>,
): Promise<void> {
	const watch = watched(context, flags);
	try {
		if (named.length > 0) throw new KsquashError("ERR_KSQUASH_USAGE", "name releases, or give --all: not both");
		const result = await work(watch.options);
		if (!flags.json) for (const outcome of result.done) print(context, report(outcome, told(flags)));
		finish(context, flags, result, watch);
	} catch (error) {
		watch.close();
		fail(context, flags, error, watch);
	}
}

/** Prints failures (and, with --json, everything) of work on many releases. */
function finish<T>(
	context: CliContext,
	flags: CommonFlags,
	{ done, failed }: { done: readonly T[]; failed: readonly Failed[] },
	watch: Watched,
): void {
	if (flags.json) {
		const failures = failed.map(({ release, error }) => ({ release, error: errorOf(context, error, watch) }));
		printJson(context, { results: done, failed: failures, warnings: watch.warnings });
	} else {
		for (const { error } of failed) printErr(context, linesOf(context, error, watch));
	}
	const [first] = failed;
	if (first !== undefined) context.status = statusOf(first.error);
}

function print(context: CliContext, lines: readonly string[]): void {
	context.process.stdout.write(asText(lines));
}

function printErr(context: CliContext, lines: readonly string[]): void {
	context.process.stderr.write(asText(lines));
}

function printJson(context: CliContext, value: unknown): void {
	context.process.stdout.write(`${JSON.stringify(value)}\n`);
}

function fail(context: CliContext, flags: CommonFlags, thrown: unknown, watch: Watched): void {
	const { warnings } = watch;
	const error = explained(thrown);
	if (flags.json) printJson(context, { error: errorOf(context, error, watch), warnings });
	else printErr(context, linesOf(context, error, watch));
	context.status = statusOf(error);
}

/** A disk that answers EIO is no bug of ours, wherever it was read. */
function explained(error: unknown): unknown {
	return failure(error, "go on");
}

function isInterruption({ signal }: CliContext, error: unknown): boolean {
	return signal.aborted && !(error instanceof KsquashError);
}

/** The truth about what an interrupted command leaves: every command can be run again, and goes on from there. */
function interruption({ lasting }: Watched): string {
	if (lasting.length === 0) return "interrupted; what was begun is undone";
	return `interrupted in or after: ${lasting.join(", ")}; the same command, run again, goes on from there`;
}

function linesOf(context: CliContext, error: unknown, watch: Watched): string[] {
	return isInterruption(context, error) ? [`ksquash: ${interruption(watch)}`] : errorLines(error);
}

function errorOf(context: CliContext, error: unknown, watch: Watched): object {
	if (!isInterruption(context, error)) return errorJson(error);
	return { code: "ABORT_ERR", message: interruption(watch), steps: watch.lasting };
}

export function statusOf(error: unknown): number {
	return error instanceof KsquashError ? error.exitStatus : Exit.software;
}
