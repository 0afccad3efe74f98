/**
 * remove: everything of a release that is ours goes; what is of value is saved first, what is not ours stays.
 *
 * Owns: the locks, what an interrupted pack left, and the refusals. Leaves to others: what is ours (survey.ts), and the steps
 * that take it away (steps.ts).
 */

import { KsquashError } from "../../errors.ts";
import { buildKey, buildName, type ReleasePaths, releasePaths } from "../../layout.ts";
import type { Options } from "../../options/types.ts";
import { findBuilds } from "../../release/builds.ts";
import { type Context, openContext } from "../../release/context.ts";
import { assertNotNeeded, finishReplacement, type Replaced } from "../../release/displaced-tree.ts";
import { leftoverStep, withLock } from "../../release/locks.ts";
import { LOCK_WAIT_MS } from "../../release/mount-guards.ts";
import {
	type DoneResult,
	type Dry,
	type Plan,
	type PlannedResult,
	perform,
	planLater,
	type Real,
	type Step,
} from "../../release/plan.ts";
import { planSteps } from "./steps.ts";
import { type Survey, survey } from "./survey.ts";

export type RemoveOptions = Options<"remove">;

export interface RemoveResult extends DoneResult {
	release: string;
	/** Paths that are gone. */
	removed: string[];
	/** Where .config, signing keys and fragments were saved; absent when there were none. */
	kept?: string;
	/** What stays because it is not ours, or changed meanwhile, with the reason. */
	stays: string[];
	/** What the link /usr/src/linux was moved to. */
	link?: string;
}

/** With dryRun. */
export interface RemovePlan extends PlannedResult {
	release: string;
	/** What would stay because it is not ours, with the reason. */
	stays: string[];
}

/**
 * Throws before anything is touched: ERR_KSQUASH_BUSY with the holders named, ERR_KSQUASH_RUNNING_KERNEL,
 * ERR_KSQUASH_NO_RELEASE, ERR_KSQUASH_MANIFEST (the image is not known as ours), ERR_KSQUASH_OCCUPIED (the mount is not).
 */
export async function remove(release: string, options?: Real<RemoveOptions>): Promise<RemoveResult>;
export async function remove(release: string, options: Dry<RemoveOptions>): Promise<RemovePlan>;
export async function remove(release: string, options?: RemoveOptions): Promise<RemoveResult | RemovePlan>;
export async function remove(release: string, options: RemoveOptions = {}): Promise<RemoveResult | RemovePlan> {
	const context = await openContext("remove", options, { release });
	const paths = releasePaths(context.layout, release);
	const plan = async (): Promise<Plan<Known, Done>> => await planRemoval(context, paths, options);
	// Everything that would stop it is said before anything is touched.
	await survey(context, paths, options);
	return await perform(context, {
		before: [await leftoverStep(context)],
		plan,
		within: async (work) => await withLock(context, paths.name, work, { waitMs: LOCK_WAIT_MS }),
	});
}

type Known = Omit<RemovePlan, keyof PlannedResult>;
type Done = Omit<RemoveResult, "state">;

async function planRemoval(context: Context, paths: ReleasePaths, options: RemoveOptions): Promise<Plan<Known, Done>> {
	const { release } = paths;
	const found = await survey(context, paths, options);
	const result: Done = { release, removed: [], stays: [] };
	const unchecked = found.aside.map((path) => `whether ${path} is equal to the image: what differs stays`);
	// What the real run will have put back by then.
	let left: Replaced | undefined;
	const restored = (): boolean => (context.dryRun ? isRestored(found) : (left?.restored ?? false));
	const aside: Step = {
		name: "remove",
		say: found.aside.map((path) => asideLine(found, path)),
		lasts: true,
		run: async () => {
			// What an interrupted pack left goes first: the image alone tells what of it is safe.
			left = await finishReplacement(context, paths, { remount: false });
			if (!options.force) assertNotNeeded(left, paths);
		},
	};
	const later = await planLater(
		context,
		"remove",
		async () => {
			const now = await survey(context, paths, { ...options, restored: restored() });
			return await planSteps(context, now, options, result);
		},
		{ within: async (work) => await withBuildLocks(context, release, work) },
	);
	const whole = `${paths.mountPoint}: it is a whole tree, of which there is no image`;
	const done = (): Done => {
		if (restored()) result.stays.push(whole);
		if (left?.rest) result.stays.push(`${left.rest}: it differs from the image that was removed`);
		return result;
	};
	const known = { release, stays: [...result.stays, ...(restored() ? [whole] : [])] };
	const nothing = `nothing: of ${release} there is nothing that is ksquash's`;
	return { known, steps: [aside, ...later], nothing, unchecked, done };
}

/** The tree that was set aside is whole, and there is no image of it. */
function isRestored({ aside, files, paths }: Survey): boolean {
	return aside.includes(paths.displacedTree) && !files.includes(paths.image);
}

function asideLine({ files, paths }: Survey, path: string): string {
	if (!files.includes(paths.image)) return `put ${path}, of which there is no image, back to ${paths.mountPoint}`;
	return `compare ${path}, which an interrupted pack left, with the image, and remove it`;
}

/** Keeps every configure of this release out. */
async function withBuildLocks<T>(context: Context, release: string, work: () => Promise<T>): Promise<T> {
	const names = async (): Promise<string[]> => {
		const found = (await findBuilds(context.layout, release)).flatMap(({ name, links }) => [name, ...links]);
		return [...new Set([buildName(release), ...found])].toSorted();
	};
	const locked = await names();
	const inside = async (): Promise<T> => {
		// A configure may have made one between the look and the locks.
		const now = await names();
		if (now.every((name) => locked.includes(name))) return await work();
		throw new KsquashError("ERR_KSQUASH_LOCKED", `another ksquash makes build directories of ${release}`);
	};
	const all = locked.reduceRight<() => Promise<T>>(
		(inner, name) => async () => await withLock(context, buildKey(name), inner),
		inside,
	);
	return await all();
}
