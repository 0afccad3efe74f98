/**
 * config sources: every config on this machine that a build could begin with, and the one that would be taken.
 *
 * Owns: the question "and which one for this release?". Leaves to others: the places and their order (src/kconfig).
 */

import { join } from "node:path";
import { findBase } from "../../kconfig/base-config.ts";
import { listSources, packagedConfigs, type SourceEntry, systemSources } from "../../kconfig/config-locations.ts";
import { buildName } from "../../layout.ts";
import type { Options } from "../../options/types.ts";
import { buildConfigs } from "../../release/config-inputs.ts";
import { openContext } from "../../release/context.ts";
import { assertRelease } from "../../system/names.ts";

export type { SourceEntry } from "../../kconfig/config-locations.ts";

export type SourcesOptions = Options<"configSources">;

export interface ConfigSources {
	/** In the order in which a base is looked for. */
	sources: SourceEntry[];
	/** What a configure without a base named would begin with: one sentence. */
	why: string;
	/** Its path; absent for the tree's defconfig. */
	chosen?: string;
	/** One sentence for each that was there and would not be taken. */
	passedOver: string[];
}

/** With a release (or REL-VARIANT): for that build directory, whose own .config comes first. */
export async function configSources(release?: string, options: SourcesOptions = {}): Promise<ConfigSources> {
	const { layout, signal, warn } = await openContext("configSources", options, { release });
	if (release !== undefined) assertRelease(release, "release");
	const builds = await buildConfigs(layout);
	const existing = release === undefined ? undefined : builds.find(({ name }) => name === buildName(release));
	if (release !== undefined && existing === undefined) {
		warn(`there is no build directory ${join(layout.sourceDir, buildName(release))}: this is what a new one would get`);
	}
	const others = builds.filter((build) => build !== existing);
	const base = await findBase({ existing, others, arch: options.arch, signal });
	const further = [
		...builds.map(({ path }) => ({ kind: "build" as const, path })),
		...(await packagedConfigs(layout.sourceDir)),
	];
	return {
		sources: await listSources(systemSources(), further, signal),
		why: base.why,
		...(base.path === undefined ? {} : { chosen: base.path }),
		passedOver: base.passedOver,
	};
}
