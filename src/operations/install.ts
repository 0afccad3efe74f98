/**
 * install: the whole chain: pack → mount → configure → select. The only operation made of others.
 *
 * Owns: that what can be found out is said before the long work, and what to do when a later step fails.
 */

import { join } from "node:path";
import { KsquashError } from "../errors.ts";
import { findBase } from "../kconfig/base-config.ts";
import type { Fragment } from "../kconfig/merge.ts";
import { readConfigFile } from "../kconfig/read.ts";
import { releasePaths } from "../layout.ts";
import { fstabLine } from "../mount/boot.ts";
import { chooseMounter } from "../mount/mounter.ts";
import { inspectImage, statTarget } from "../native/verbs.ts";
import { givenOptions } from "../options/table.ts";
import type { Options } from "../options/types.ts";
import { type BootLookup, readBootService } from "../release/boot-service.ts";
import { type Context, openContext } from "../release/context.ts";
import { assertUnused, mounterFor } from "../release/mount-guards.ts";
import {
	type DoneResult,
	type Dry,
	describePlan,
	execute,
	Handover,
	type PlannedResult,
	type Real,
} from "../release/plan.ts";
import { lstatIfExists } from "../system/files.ts";
import { type Call, call, calls, text } from "../text.ts";
import type { ConfigureResult } from "./configure/index.ts";
import { checkOptions } from "./configure/options.ts";
import { checkPlace, findPlace } from "./configure/place.ts";
import { packOptions, planInstall, type Results, type Wanted } from "./install/steps.ts";
import type { MountOutcome } from "./mount.ts";
import { type PackPlan, type PackResult, pack } from "./pack/index.ts";
import { openSource, type Source } from "./pack/source.ts";
import type { SelectResult } from "./select.ts";

export type InstallOptions = Options<"install">;

export interface InstallResult extends DoneResult {
	release: string;
	pack: PackResult;
	/** Absent where the tree stays in its place: it is the source then, and nothing is mounted over it. */
	mount?: MountOutcome;
	configure: ConfigureResult;
	select: SelectResult;
	/** What mounts it after a boot. */
	boot: ReturnType<BootLookup>;
	/** The fstab line that would. */
	fstabLine: string;
}

/** With dryRun. */
export interface InstallPlan extends PlannedResult {
	/** Absent where only the patched source tells it. */
	release?: string;
	/** The part of the plan that is pack's. */
	pack: PackPlan;
}

/**
 * From a kernel tree or tarball to a build directory in which `make` works. Done twice is done once.
 *
 * Throws KsquashError; where the image was made already its hint is the command that goes on from there.
 */
export async function install(source: string, options?: Real<InstallOptions>): Promise<InstallResult>;
export async function install(source: string, options: Dry<InstallOptions>): Promise<InstallPlan>;
export async function install(source: string, options?: InstallOptions): Promise<InstallResult | InstallPlan>;
export async function install(source: string, options: InstallOptions = {}): Promise<InstallResult | InstallPlan> {
	const context = await openContext("install", options, { source });
	const opened = await openSource(context.layout, source, options);
	const fragments = await checkFirst(context, opened, options);
	const stays = staysInPlace(context, opened);
	const results: Results = { pack: new Handover(), configure: new Handover(), select: new Handover() };
	const wanted: Wanted = { source, opened, stays, fragments, options, results };
	if (!context.dryRun) {
		const steps = await planInstall(context, wanted);
		return await execute(context, { steps, done: async () => await resultOf(context, results) });
	}
	const told = await pack(source, { ...packOptions(wanted), dryRun: true });
	const { release } = told;
	const unchecked = [...told.unchecked];
	const steps = await planInstall(context, wanted, { pack: told, unchecked });
	const known = { ...(release === undefined ? {} : { release }), pack: told };
	return describePlan({ known, steps, nothing: "nothing: all of it is done already", unchecked });
}

async function resultOf({ layout }: Context, results: Results): Promise<Omit<InstallResult, "state">> {
	const packed = results.pack.get();
	const { release, image, mountPoint } = packed;
	const bootOf = await readBootService(layout);
	return {
		release,
		pack: packed,
		...(results.mount === undefined ? {} : { mount: results.mount }),
		configure: results.configure.get(),
		select: results.select.get(),
		boot: bootOf(mountPoint),
		// The image may have been there before, of the other format.
		fstabLine: fstabLine(image, mountPoint, (await inspectImage(image)).format),
	};
}

/** All that can fail is tried before the minutes of packing, and before the tree goes. */
async function checkFirst(context: Context, source: Source, options: InstallOptions): Promise<Fragment[]> {
	// A patch may change it.
	const unknown = source.kind === "tarball" || !!options.patches?.length;
	const release = unknown ? options.release : source.release;
	const tree = source.kind === "tree" ? source.tree.path : undefined;
	const fragments = await checkOptions(context, options, { release, source: tree });
	if (tree !== undefined && options.adopt && options.base === undefined) await assertOwnArch(tree, options);
	// Where the tree gives way to its image, that is mounted between two renames: by this process itself.
	if (source.kind === "tree" && source.fate === "replace") await chooseMounter(context.probe);
	else if (!staysInPlace(context, source)) await mounterFor(context, options);
	// A tarball says its release only when it is read, a patched tree when it is patched.
	if (release === undefined) await checkPlace(context, options);
	else await findPlace(context, release, options);
	if (release === undefined || !options.replace) return fragments;
	const { mountPoint, image } = releasePaths(context.layout, release);
	const { state } = await statTarget(mountPoint, image);
	if (state === "mounted" || state === "stale") await assertUnused(mountPoint);
	return fragments;
}

/** An adopted .config becomes the base: one for another architecture would stop configure when the tree is gone. */
async function assertOwnArch(tree: string, { arch, signal }: InstallOptions): Promise<void> {
	const path = join(tree, ".config");
	if ((await lstatIfExists(path)) === undefined) return;
	await findBase({ tree: { path, text: await readConfigFile(path, { signal }) }, arch });
}

/** The tree stands where its image would be mounted, and nobody asked for its removal. */
function staysInPlace({ layout }: Context, source: Source): boolean {
	if (source.kind !== "tree" || source.fate !== "keep") return false;
	return source.tree.path === releasePaths(layout, source.release).mountPoint;
}

/** What was done before stays: the error says how to go on from there. */
export async function goOn<T>(
	release: string,
	next: "mount" | "configure" | "select",
	options: InstallOptions,
	work: Promise<T>,
): Promise<T> {
	try {
		return await work;
	} catch (error) {
		if (!(error instanceof KsquashError)) throw error;
		const done = { mount: "packed", configure: "packed and mounted", select: "packed, mounted and configured" };
		const resume = remaining(release, next, options);
		throw error.with({ notes: [text`${release} is ${done[next]}; what is left: ${calls(resume)}`], resume });
	}
}

/** With the options of each verb: without them configure would make another build directory. */
function remaining(release: string, next: "mount" | "configure" | "select", options: InstallOptions): Call[] {
	const steps = ["mount", "configure", "select"] as const;
	// As install itself: a link that leads to what is not ours stays.
	const selection = options.select ? options : { ...options, onlyOwn: true };
	return steps.slice(steps.indexOf(next)).map((verb) => {
		return call(verb, release, givenOptions(verb, verb === "select" ? selection : options));
	});
}
