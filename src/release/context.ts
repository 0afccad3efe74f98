/**
 * What every operation starts from: layout, settings, progress and warnings.
 *
 * Leaves to others: locks (locks.ts), and what is one operation's own.
 */

import { release as kernelRelease } from "node:os";
import { join } from "node:path";
import { KsquashError } from "../errors.ts";
import { type Layout, openLayout } from "../layout.ts";
import { addonProblem, type Probe, probe } from "../native/verbs.ts";
import { assertArguments, assertOptions } from "../options/check.ts";
import type { StepName } from "../options/progress.ts";
import type { Options } from "../options/types.ts";
import type { Verb } from "../options/verbs.ts";
import { readSettings, type Settings } from "../settings.ts";
import { attempt, failure } from "../system/failure.ts";
import { inWords, type Text, type Words, wordsOf } from "../text.ts";

export type { ProgressEvent, StepName } from "../options/progress.ts";

/** What every verb takes. */
export type CommonOptions = Options<"status">;

export type Tick = (amount: { done: number; total?: number; unit?: "bytes" | "entries" }) => void;

export interface Context {
	layout: Layout;
	settings: Settings;
	probe: Probe;
	/** Why the add-on does not load; undefined where it does. Only a few operations can go on without it. */
	missingAddon: KsquashError | undefined;
	signal: AbortSignal | undefined;
	dryRun: boolean;
	warn(message: string | Text): void;
	/** A text of a result, in the words of whoever asked for it. */
	say(message: string | Text): string;
	/** Those words. */
	words: Words;
	/** Runs one step of the operation: reported, and named in the error that it ends with. */
	step<T>(step: StepName, label: string, work: (tick: Tick) => Promise<T>, about?: AboutStep<T>): Promise<T>;
}

export interface AboutStep<T> {
	/** Something stays when the work is interrupted in or after it; all else is undone. */
	lasts?: boolean;
	/** What came of it, for progress. */
	result?: (value: T) => string;
}

/** Throws ERR_KSQUASH_USAGE for options, or arguments before them, that the verb does not take. */
export async function openContext(
	verb: Verb,
	options: CommonOptions,
	given: Readonly<Record<string, unknown>> = {},
): Promise<Context> {
	assertArguments(verb, given);
	assertOptions(verb, options);
	options.signal?.throwIfAborted();
	const opened = await attempt(`use the root ${options.root ?? "/"}`, openLayout(options.root));
	const layout = options.userSpace ? { ...opened, lockDir: join(opened.root, "run/ksquash") } : opened;
	const words = wordsOf(options);
	const say = (message: string | Text): string => inWords(message, words);
	const report = options.onProgress ?? (() => undefined);
	return {
		layout,
		settings: await readSettings(layout.settingsFile),
		probe: options.userSpace ? inSandbox : await probe(),
		missingAddon: addonProblem(),
		signal: options.signal,
		dryRun: options.dryRun ?? false,
		warn: (message) => options.onWarning?.(say(message)),
		say,
		words,
		async step(step, label, work, { lasts = false, result } = {}) {
			options.signal?.throwIfAborted();
			const event = { step, label, lasts };
			report({ ...event, state: "start" });
			try {
				const value = await work((amount) => report({ ...event, state: "running", ...amount }));
				report({ ...event, state: "done", ...(result ? { result: result(value) } : {}) });
				return value;
			} catch (error) {
				report({ ...event, state: "failed" });
				throw named(failure(error, `do the step "${step}" (${label})`), step);
			}
		},
	};
}

/** What a sandbox lets a process do. To ask the kernel would be a violation already. */
const inSandbox: Probe = {
	kernel: kernelRelease(),
	loopControl: "not asked",
	squashfs: true,
	erofs: false,
	openat2: true,
	loopConfigure: false,
	mountApi: false,
	statmount: false,
	renameExchange: false,
	capabilities: { sysAdmin: false, dacReadSearch: false, dacOverride: false, chown: false },
	noNewPrivs: false,
	initialMountNamespace: false,
	inUserNamespace: false,
};

function named(error: unknown, step: string): unknown {
	if (error instanceof KsquashError && error.step === undefined) Object.assign(error, { step });
	return error;
}
