/**
 * The steps of a configure: directory → base → fragments → one make → stamp, and when none of it is needed.
 *
 * Leaves to others: the place (place.ts), the steps' work (fill.ts), and one config's text (merge.ts).
 */

import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type ConfigBackup, NO_CONFIG, readConfigBackup } from "../../build/config-backup.ts";
import type { BuildDirectory } from "../../build/directory.ts";
import { toolchainLine } from "../../build/kbuild.ts";
import { inputsHash, type Stamp, sha256 } from "../../build/stamp.ts";
import { findBase, type GivenConfig, type Origin } from "../../kconfig/base-config.ts";
import type { Fragment } from "../../kconfig/merge.ts";
import { releasePaths } from "../../layout.ts";
import { buildConfigs, namedBase } from "../../release/config-inputs.ts";
import type { Context } from "../../release/context.ts";
import { Handover, type Plan, type PlannedResult, type Step } from "../../release/plan.ts";
import { configureDirectory, makeDirectory, prepareModules, record } from "./fill.ts";
import { type Made, warnIfUnmountable } from "./merge.ts";
import type { ConfigureOptions, ConfigurePlan, ConfigureResult } from "./options.ts";
import { findPlace, type Place } from "./place.ts";

export type Known = Omit<ConfigurePlan, keyof PlannedResult>;
export type Done = Omit<ConfigureResult, "state">;

export interface Wishes {
	fragments: readonly Fragment[];
	options: ConfigureOptions;
	/** For an install: the .config that will be there by then. */
	coming?: GivenConfig | undefined;
}

/** All that a configure goes by, found without a change and without the tree's code. */
export interface Inputs {
	release: string;
	place: Place;
	/** Of the directory as it is; what a make that broke off left counts for nothing. */
	stamp: Partial<Stamp>;
	memory: ConfigBackup;
	origin: Origin;
	toolchain: string;
	/** See Stamp. */
	hash: string;
	/** The directory is as the last configure left it, and would be made of the same inputs. */
	upToDate: boolean;
}

export async function planConfigure(context: Context, release: string, wishes: Wishes): Promise<Plan<Known, Done>> {
	const unchecked: string[] = [];
	const inputs = await findInputs(context, release, wishes, unchecked);
	const { place, origin, upToDate, toolchain, stamp, memory } = inputs;
	const { options, fragments } = wishes;
	const own = join(place.path, ".config");
	const base = upToDate ? `${own} is as the last configure left it` : origin.why;
	const known = { release, buildDir: place.path, already: upToDate, base };
	const directory = new Handover<BuildDirectory>();
	const made = new Handover<Made & { stamp: Stamp }>();
	const steps = [directoryStep(context, inputs, directory)];
	if (!upToDate) {
		if (stamp.toolchain !== undefined && stamp.toolchain !== toolchain) {
			context.warn(`${place.path} was configured for "${stamp.toolchain}"; the compiler is now "${toolchain}"`);
		}
		for (const other of origin.passedOver) context.warn(other);
		steps.push(configStep(context, inputs, fragments, options, { directory, made }));
		unchecked.push("what conf makes of this config, and what it drops: to know that is to run the tree's code");
	}
	const prepared = upToDate && stamp.prepared !== undefined && stamp.prepared === stamp.config;
	if (options.modulesPrepare && !prepared) {
		const run = async (): Promise<void> => {
			const done = directory.get();
			const config = upToDate ? (memory.config as Buffer) : made.get().config;
			await prepareModules(context, done, upToDate ? done.stamp : made.get().stamp, config, options);
		};
		const say = [`run make modules_prepare in ${place.path}`];
		steps.push({ name: "modules_prepare", say, lasts: true, run });
		unchecked.push("whether make modules_prepare works, which runs the tree's code");
	}
	const done = async (): Promise<Done> => {
		if (upToDate) return { ...known, scrubbed: [], missed: [] };
		const { config, scrubbed, missed } = made.get();
		await warnIfUnmountable(context, config, release);
		return { ...known, scrubbed, missed };
	};
	return { known, steps, nothing: "", unchecked, done };
}

function directoryStep(context: Context, inputs: Inputs, directory: Handover<BuildDirectory>): Step {
	const { place, release, upToDate } = inputs;
	const { path, link, owner, found } = place;
	const how = upToDate ? "keep" : found.kind === "absent" ? "make" : "refresh";
	return {
		name: "build directory",
		say: [
			`${how} the build directory ${path} as ${owner.name}${upToDate ? ", which is as the last configure left it" : ""}`,
			...(link === undefined ? [] : [`point ${link} to it`]),
		],
		lasts: true,
		label: `${release} in ${path}`,
		run: async () => {
			directory.set(await makeDirectory(context, inputs));
		},
	};
}

function configStep(
	context: Context,
	inputs: Inputs,
	fragments: readonly Fragment[],
	options: ConfigureOptions,
	{ directory, made }: { directory: Handover<BuildDirectory>; made: Handover<Made & { stamp: Stamp }> },
): Step {
	const { origin, place, release } = inputs;
	const { mountPoint } = releasePaths(context.layout, release);
	const target = origin.text === undefined && fragments.length === 0 ? origin.target : "olddefconfig";
	return {
		name: "configure",
		say: [
			`begin with ${origin.path ?? origin.target}: ${origin.why}`,
			...fragments.map(({ name }) => `merge ${name}`),
			`run make ${target} of ${mountPoint} in ${place.path}`,
		],
		lasts: true,
		label: origin.why,
		run: async () => {
			made.set(await configureDirectory(context, directory.get(), inputs, fragments, options));
		},
	};
}

async function findInputs(
	context: Context,
	release: string,
	{ fragments, options, coming }: Wishes,
	unchecked: string[],
): Promise<Inputs> {
	const place = await findPlace(context, release, options);
	const { path, owner, found } = place;
	const stamp: Partial<Stamp> = found.stamp ?? {};
	const here = found.kind === "absent" ? NO_CONFIG : await readConfigBackup(path, owner, stamp.config !== undefined);
	const memory = coming === undefined ? here : { ...here, config: Buffer.from(coming.text) };
	const { arch, cross, makeArgs } = options;
	const make = { owner, arch, cross, makeArgs };
	const toolchain = await toolchainLine(make);
	const hash = inputsHash({ ...make, release, toolchain, base: "", fragments });
	const existing = memory.config;
	const own = join(path, ".config");
	const origin = await findBase({
		explicit: await namedBase(context, options.base),
		existing: existing && { path: own, text: existing },
		others: (await buildConfigs(context.layout)).filter((other) => other.path !== own),
		arch,
		owner: owner.uid,
		signal: context.signal,
		...(context.dryRun ? { sources: withoutModule(unchecked) } : {}),
	});
	const untouched = existing !== undefined && stamp.config === sha256(existing);
	const sameBase = options.base === undefined || isDeepStrictEqual(stamp.base, record(origin, []).base);
	const upToDate = !memory.interrupted && untouched && sameBase && stamp.inputs === hash;
	return { release, place, stamp, memory, origin, toolchain, hash, upToDate };
}

/** To load a module is a change. */
function withoutModule(unchecked: string[]): { loadConfigs: () => Promise<void> } {
	const loadConfigs = async (): Promise<void> => {
		unchecked.push("whether the kernel's module configs has its config: it is loaded by the real run only");
	};
	return { loadConfigs };
}
