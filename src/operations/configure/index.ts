/**
 * configure: a build directory in which plain `make` works, with a config that begins with the running kernel's.
 *
 * Owns: the order: checks → lock → directory → config. Leaves to others: each part (place.ts, plan.ts).
 */

import { join } from "node:path";
import { KsquashError } from "../../errors.ts";
import { buildKey, buildName, releasePaths } from "../../layout.ts";
import { findEntry } from "../../release/catalog.ts";
import { findingsOf, reportLost } from "../../release/config-inputs.ts";
import { type Context, openContext } from "../../release/context.ts";
import { leftoverStep, withLock } from "../../release/locks.ts";
import { type Dry, perform, type Real } from "../../release/plan.ts";
import { lstatIfExists } from "../../system/files.ts";
import { call, text } from "../../text.ts";
import { type ConfigureOptions, type ConfigurePlan, type ConfigureResult, checkOptions } from "./options.ts";
import { planConfigure } from "./plan.ts";

export type { ConfigureOptions, ConfigurePlan, ConfigureResult } from "./options.ts";

/**
 * Makes or refreshes the build directory of a release. The source must be mounted (or stand there as a tree).
 *
 * A hand-edited .config is the base, and .config.old keeps what was there. Configuring runs the tree's own code, as
 * the directory's owner. Throws KsquashError.
 */
export async function configure(release: string, options?: Real<ConfigureOptions>): Promise<ConfigureResult>;
export async function configure(release: string, options: Dry<ConfigureOptions>): Promise<ConfigurePlan>;
export async function configure(release: string, options?: ConfigureOptions): Promise<ConfigureResult | ConfigurePlan>;
export async function configure(
	release: string,
	options: ConfigureOptions = {},
): Promise<ConfigureResult | ConfigurePlan> {
	const context = await openContext("configure", options, { release });
	const paths = releasePaths(context.layout, release);
	await assertSource(context, release);
	const fragments = await checkOptions(context, options, { release, source: paths.mountPoint });
	reportLost(context, findingsOf(fragments));
	const plan = (): ReturnType<typeof planConfigure> => planConfigure(context, release, { fragments, options });
	return await perform(context, {
		before: [await leftoverStep(context)],
		plan,
		within: async (work) => await withLock(context, buildKey(buildName(release, options.variant)), work),
	});
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
