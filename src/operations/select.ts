/**
 * select: /usr/src/linux points to a release's build directory.
 *
 * Owns: when the link may be moved. Leaves to others: the build directory.
 */

import { join } from "node:path";
import { KsquashError } from "../errors.ts";
import { buildName, LINK_KEY, releasePaths } from "../layout.ts";
import type { Options } from "../options/types.ts";
import { findBuilds, isCalled } from "../release/builds.ts";
import { type Context, openContext } from "../release/context.ts";
import { isOwnLink } from "../release/link.ts";
import { removeLeftovers, withLock } from "../release/locks.ts";
import { LOCK_WAIT_MS } from "../release/mount-guards.ts";
import { lstatIfExists, readLinkIfExists, swapSymlink } from "../system/files.ts";
import { assertRelease } from "../system/names.ts";
import { call, option, text } from "../text.ts";

export type SelectOptions = Options<"select">;

export interface SelectResult {
	release: string;
	link: string;
	/** What the link says now. */
	target: string;
	/** It was (with dryRun: will be) moved; false when it was right before, or stays what it is (`left`). */
	moved: boolean;
	/** With onlyOwn: why the link was left alone. */
	left?: string;
	plan?: string[];
}

/**
 * Throws ERR_KSQUASH_OCCUPIED where /usr/src/linux is no link, ERR_KSQUASH_NO_INPUT without a build directory of ours.
 */
export async function select(release: string, options: SelectOptions = {}): Promise<SelectResult> {
	const context = await openContext("select", options, { release });
	releasePaths(context.layout, release);
	if (context.dryRun) {
		const result = await planSelection(context, release, options);
		const plan = [result.moved ? `point ${result.link} to ${result.target}` : `nothing: ${result.link} stays`];
		return { ...result, plan };
	}
	await removeLeftovers(context);
	const work = async (): Promise<SelectResult> => {
		const result = await planSelection(context, release, options);
		const { link, target } = result;
		const move = async (): Promise<void> => await swapSymlink(link, target);
		if (result.moved) await context.step("select", `${link} → ${target}`, move, { lasts: true });
		return result;
	};
	return await withLock(context, LINK_KEY, work, { waitMs: LOCK_WAIT_MS });
}

/** Whether the link is to be moved (`moved`), and what it will say. `coming`: the build directory will be there by then. */
export async function planSelection(
	context: Context,
	release: string,
	options: SelectOptions,
	{ coming = false }: { coming?: boolean } = {},
): Promise<SelectResult> {
	const { layout } = context;
	if (options.variant !== undefined) assertRelease(options.variant, text`from ${option("variant")}`);
	const target = buildName(release, options.variant);
	const result = { release, link: layout.link, target, moved: false };
	const stats = await lstatIfExists(layout.link);
	if (stats !== undefined && !stats.isSymbolicLink()) {
		const left = `${layout.link} is no symbolic link`;
		if (options.onlyOwn) return { ...result, left };
		throw new KsquashError("ERR_KSQUASH_OCCUPIED", `${left}: it stays`, { path: layout.link });
	}
	if (!coming) await assertBuild(context, release, options.variant);
	const now = await readLinkIfExists(layout.link);
	if (now === target) return result;
	if (options.onlyOwn && now !== undefined && !(await isOwnLink(layout, now))) {
		return { ...result, target: now, left: `${layout.link} points to ${now}, which is not ksquash's` };
	}
	return { ...result, moved: true };
}

async function assertBuild({ layout }: Context, release: string, variant: string | undefined): Promise<void> {
	const name = buildName(release, variant);
	const build = (await findBuilds(layout, release)).find((found) => isCalled(found, name));
	if (build?.stamp !== undefined) return;
	const make = call("configure", release, { variant, root: layout.root });
	const hint = text`make it with: ${make}`;
	const resume = [make, call("select", release, { variant, root: layout.root })];
	if ((await lstatIfExists(join(layout.sourceDir, name))) === undefined) {
		const why = `${release} has no build directory: there is no ${name}`;
		throw new KsquashError("ERR_KSQUASH_NO_INPUT", why, { hint, resume });
	}
	const why = `${join(layout.sourceDir, name)} is no build directory of ksquash's for ${release}`;
	throw new KsquashError("ERR_KSQUASH_NO_INPUT", why, { hint: text`look at what is there; ${hint}` });
}
