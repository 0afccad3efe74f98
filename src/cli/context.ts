/**
 * What a command's function gets: the streams, the signal, and one way to end.
 *
 * Owns: printing of results and errors, and the exit status. The only place that prints an error.
 */

import type { CommandContext } from "@stricli/core";
import { Exit, KsquashError } from "../errors.ts";
import type { CommonOptions } from "../operations/context.ts";
import type { Common } from "./flags.ts";
import { Terminal } from "./terminal.ts";
import { errorJson, errorLines } from "./text.ts";

export interface CliContext extends CommandContext {
	readonly process: NodeJS.Process;
	readonly signal: AbortSignal;
	/** What stood behind "--". */
	readonly passThrough: readonly string[];
	/** Set by a command; main ends with it. */
	status: number;
}

/** The options that every operation takes, with progress on stderr. */
export function optionsOf(
	context: CliContext,
	flags: Common & { dryRun?: boolean },
): CommonOptions & { close(): void } {
	const terminal = new Terminal(context.process.stderr, context.process.env);
	return {
		...(flags.root === undefined ? {} : { root: flags.root }),
		...(flags.dryRun === undefined ? {} : { dryRun: flags.dryRun }),
		signal: context.signal,
		onProgress: terminal.onProgress,
		onWarning: terminal.onWarning,
		close: () => terminal.close(),
	};
}

/** Runs one operation and prints what came of it. */
export async function one<T>(
	context: CliContext,
	flags: Common & { dryRun?: boolean },
	work: (options: CommonOptions) => Promise<T>,
	report: (result: T) => string[],
): Promise<T | undefined> {
	const options = optionsOf(context, flags);
	try {
		const result = await work(options);
		if (flags.json) printJson(context, result);
		else print(context, report(result));
		return result;
	} catch (error) {
		options.close();
		fail(context, flags, error);
		return undefined;
	}
}

/** Runs an operation for each release; one that fails does not stop the others, and the first failure is the status. */
export async function each<T>(
	context: CliContext,
	flags: Common & { dryRun?: boolean },
	releases: readonly string[],
	work: (release: string, options: CommonOptions) => Promise<T>,
	report: (result: T) => string[],
): Promise<void> {
	if (releases.length === 0) return fail(context, flags, new KsquashError("ERR_KSQUASH_USAGE", "name a release"));
	const options = optionsOf(context, flags);
	const done: T[] = [];
	const failed: { release: string; error: unknown }[] = [];
	for (const release of releases) {
		try {
			const result = await work(release, options);
			done.push(result);
			if (!flags.json) print(context, report(result));
		} catch (error) {
			options.close();
			if (context.signal.aborted) return fail(context, flags, error);
			failed.push({ release, error });
		}
	}
	finish(context, flags, done, failed);
}

/** Prints failures (and, with --json, everything) of work on many releases. */
export function finish<T>(
	context: CliContext,
	flags: Common,
	results: readonly T[],
	failures: readonly { release: string; error: unknown }[],
): void {
	if (flags.json) {
		const failed = failures.map(({ release, error }) => ({ release, error: errorJson(error) }));
		printJson(context, { results, failed });
	} else {
		for (const { error } of failures) printErr(context, errorLines(error));
	}
	const [first] = failures;
	if (first !== undefined) context.status = statusOf(first.error);
}

export function print(context: CliContext, lines: readonly string[]): void {
	context.process.stdout.write(lines.map((line) => `${line}\n`).join(""));
}

function printErr(context: CliContext, lines: readonly string[]): void {
	context.process.stderr.write(lines.map((line) => `${line}\n`).join(""));
}

export function printJson(context: CliContext, value: unknown): void {
	context.process.stdout.write(`${JSON.stringify(value)}\n`);
}

function fail(context: CliContext, flags: Common, error: unknown): void {
	if (context.signal.aborted && !(error instanceof KsquashError)) {
		printErr(context, ["ksquash: interrupted; what was begun is undone"]);
		return;
	}
	if (flags.json) printJson(context, { error: errorJson(error) });
	else printErr(context, errorLines(error));
	context.status = statusOf(error);
}

export function statusOf(error: unknown): number {
	return error instanceof KsquashError ? error.exitStatus : Exit.software;
}
