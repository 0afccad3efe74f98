/**
 * A verb's work as a list of steps: a dry run prints the list that the real run executes.
 */

import { KsquashError } from "../errors.ts";
import type { Context, StepName, Tick } from "./context.ts";

export interface Step {
	name: StepName;
	/** What it will do: its lines of a dry run. */
	say: readonly string[];
	/** Something of it stays when the work is interrupted in or after it. */
	lasts: boolean;
	/** What progress calls it; absent where `run` reports steps of its own. */
	label?: string;
	run(tick: Tick): Promise<void>;
	/** What came of it, for progress. */
	result?(): string;
}

/** Steps inside of something that ends with them, such as a temporary file. */
export interface Frame {
	steps: readonly Work[];
	within(work: () => Promise<void>): Promise<void>;
}

export type Work = Step | Frame;

/** `Known` is what is known of the result before the first step. */
export interface Plan<Known extends object, Done extends object> {
	known: Known;
	steps: readonly Work[];
	/** What a dry run says where no step says anything. */
	nothing: string;
	/** What only the real run finds out: to know it, it writes, or runs code of the tree. */
	unchecked: readonly string[];
	/** The result, after the last step. */
	done(): Promise<Done> | Done;
}

/** The result of a dry run. */
export interface PlannedResult {
	state: "planned";
	/** What the real run would do, in its order. */
	plan: string[];
	/** What this run could not check, for that would change something or run code of the tree. */
	unchecked: string[];
}

/** The result of a real run. */
export interface DoneResult {
	state: "done";
}

/** Options of a call that changes something. */
export type Real<Options> = Options & { dryRun?: false | undefined };
/** Options of a call that only plans. */
export type Dry<Options> = Options & { dryRun: true };

export interface Performance<Known extends object, Done extends object> {
	/** Steps before the locks are taken. */
	before: readonly Work[];
	plan(): Promise<Plan<Known, Done>>;
	/** Holds the locks of the real run, under which it plans, too. */
	within(work: () => Promise<Done & DoneResult>): Promise<Done & DoneResult>;
}

/** Plans and, unless this is a dry run, executes. */
export async function perform<Known extends object, Done extends object>(
	context: Context,
	{ before, plan, within }: Performance<Known, Done>,
): Promise<(Known & PlannedResult) | (Done & DoneResult)> {
	if (context.dryRun) {
		const planned = await plan();
		return describePlan({ ...planned, steps: [...before, ...planned.steps] });
	}
	await runSteps(context, before);
	return await within(async () => await execute(context, await plan()));
}

export async function execute<Done extends object>(
	context: Context,
	{ steps, done }: Pick<Plan<object, Done>, "steps" | "done">,
): Promise<Done & DoneResult> {
	await runSteps(context, steps);
	return { state: "done", ...(await done()) };
}

export function describePlan<Known extends object>({
	known,
	steps,
	nothing,
	unchecked,
}: Omit<Plan<Known, object>, "done">): Known & PlannedResult {
	const lines = linesOf(steps);
	return { state: "planned", ...known, plan: lines.length > 0 ? lines : [nothing], unchecked: [...unchecked] };
}

export async function runSteps(context: Context, works: readonly Work[]): Promise<void> {
	for (const work of works) {
		if ("within" in work) await work.within(async () => await runSteps(context, work.steps));
		else await runStep(context, work);
	}
}

async function runStep(context: Context, { name, label, lasts, run, result }: Step): Promise<void> {
	if (label === undefined) return await run(() => undefined);
	await context.step(name, label, run, { lasts, ...(result === undefined ? {} : { result }) });
}

function linesOf(works: readonly Work[]): string[] {
	return works.flatMap((work) => ("within" in work ? linesOf(work.steps) : work.say));
}

/**
 * Steps that the real run plans only when those before them are done, for they decide what is to do. A dry run plans them
 * at once, by what it sees.
 */
export async function planLater(
	context: Context,
	name: StepName,
	plan: () => Promise<readonly Work[]>,
	{ within = async (work) => await work(), unknown }: LaterOptions = {},
): Promise<readonly Work[]> {
	if (context.dryRun && unknown === undefined) return await plan();
	const run = async (): Promise<void> => await within(async () => await runSteps(context, await plan()));
	return [{ name, say: unknown ?? [], lasts: false, run }];
}

export interface LaterOptions {
	/** Holds the locks under which these steps are planned and executed. */
	within?(work: () => Promise<void>): Promise<void>;
	/** For a dry run that sees too little to plan them: what can be said of them all the same. */
	unknown?: readonly string[] | undefined;
}

/** What one step makes for later ones. */
export class Handover<T extends object> {
	#value: T | undefined;

	set(value: T): T {
		this.#value = value;
		return value;
	}

	get(): T {
		if (this.#value === undefined)
			throw new KsquashError("ERR_KSQUASH_INTERNAL", "a step before this one was left out");
		return this.#value;
	}
}
