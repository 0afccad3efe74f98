/**
 * configure: a build directory in which plain `make` works, with a config that begins with the running kernel's.
 *
 * Owns: the order: checks → lock → directory → config. Leaves to others: each part (place.ts, fill.ts).
 */

import { dirname, join, relative } from "node:path";
import { prepareDirectory } from "../../build/directory.ts";
import { KsquashError } from "../../errors.ts";
import type { Fragment } from "../../kconfig/merge.ts";
import { buildKey, buildName, releasePaths } from "../../layout.ts";
import { findEntry } from "../../release/catalog.ts";
import { findingsOf, reportLost } from "../../release/config-inputs.ts";
import { type Context, openContext } from "../../release/context.ts";
import { removeLeftovers, withLock } from "../../release/locks.ts";
import { lstatIfExists, swapSymlink } from "../../system/files.ts";
import { call, text } from "../../text.ts";
import { fill } from "./fill.ts";
import { type ConfigureOptions, type ConfigureResult, checkOptions } from "./options.ts";
import { findPlace, type Place } from "./place.ts";

export type { ConfigureOptions, ConfigureResult } from "./options.ts";

/**
 * Makes or refreshes the build directory of a release. The source must be mounted (or stand there as a tree).
 *
 * A hand-edited .config is the base, and .config.old keeps what was there. Configuring runs the tree's own code, as
 * the directory's owner. Throws KsquashError.
 */
export async function configure(release: string, options: ConfigureOptions = {}): Promise<ConfigureResult> {
	const context = await openContext("configure", options, { release });
	const paths = releasePaths(context.layout, release);
	await assertSource(context, release);
	const fragments = await checkOptions(context, options, { release, source: paths.mountPoint });
	reportLost(context, findingsOf(fragments));
	if (context.dryRun) return planned(context, await findPlace(context, release, options), fragments, release, options);
	await removeLeftovers(context);
	return await withLock(context, buildKey(buildName(release, options.variant)), async () => {
		const place = await findPlace(context, release, options);
		const label = `${release} in ${place.path}`;
		const directory = await context.step("build directory", label, async () => {
			const made = await prepareDirectory({ ...place, source: paths.mountPoint, release, root: paths.root });
			if (place.link !== undefined) await swapSymlink(place.link, relative(dirname(place.link), place.path));
			return made;
		});
		return await fill(context, directory, fragments, options);
	});
}

function planned(
	{ layout, say }: Context,
	{ path, link, owner }: Place,
	fragments: readonly Fragment[],
	release: string,
	{ base, modulesPrepare }: ConfigureOptions,
): ConfigureResult {
	const targets = modulesPrepare ? "olddefconfig and modules_prepare" : "olddefconfig";
	const plan = [
		`make or refresh ${path} as ${owner.name}`,
		...(link === undefined ? [] : [`point ${link} to it`]),
		say(text`begin with ${base ?? text`its own .config, else the first base that fits (${call("configSources")})`}`),
		...fragments.map(({ name }) => `merge ${name}`),
		`run make ${targets} of ${releasePaths(layout, release).mountPoint} there`,
	];
	return { release, buildDir: path, already: false, base: "", scrubbed: [], missed: [], plan };
}

async function assertSource(context: Context, release: string): Promise<void> {
	const { mountPoint } = releasePaths(context.layout, release);
	if ((await lstatIfExists(join(mountPoint, "Makefile"))) !== undefined) return;
	const entry = await findEntry(context.layout, release);
	const { root } = context.layout;
	const mount = call("mount", release, { root });
	throw new KsquashError("ERR_KSQUASH_NO_INPUT", `there is no kernel source at ${mountPoint}`, {
		path: mountPoint,
		hint: entry
			? text`mount it first: ${mount}`
			: text`${call("status", undefined, { root })} lists the releases that there are`,
		...(entry ? { resume: [mount] } : {}),
	});
}
