/**
 * config check: what the user asked for against the .config that there is now, each miss with its reason.
 *
 * Owns: whose wishes count: fragments named here, else what the last configure was given.
 * Leaves to others: verdicts (src/kconfig/audit.ts) and reasons (src/kconfig/explain/reasons.ts).
 */

import { auditConfig, missed } from "../../kconfig/audit.ts";
import { type Missed, whyMissed } from "../../kconfig/explain/reasons.ts";
import { type Asked, mergeConfigs } from "../../kconfig/merge.ts";
import { canMountOwnSource, type OwnSource } from "../../kconfig/squashfs-support.ts";
import type { Options } from "../../options/types.ts";
import { findEntry } from "../../release/catalog.ts";
import { type FragmentOptions, reportLost, userFragments } from "../../release/config-inputs.ts";
import { type Context, openContext } from "../../release/context.ts";
import { openRelease } from "./release.ts";

/** Fragments and settings take the place of what the last configure was given. */
export type CheckOptions = Options<"configCheck">;

export interface Miss extends Omit<Missed, "text"> {
	/** One sentence: where it was asked for, what it is now, and why. */
	text: string;
}

export interface ConfigCheck {
	release: string;
	/** The .config that was looked at. */
	config: string;
	/** Symbols that were asked for. */
	asked: number;
	/** What the user did not get. */
	missed: Miss[];
	/** Modules that became built-in. */
	promoted: string[];
	/** Could the new kernel mount its own source? Absent without an image. */
	ownSource?: OwnSource;
	/** Nothing is missed, and the source can be mounted. */
	ok: boolean;
}

/** `release` may be REL-VARIANT. Throws ERR_KSQUASH_NO_INPUT where there is no build directory or source. */
export async function configCheck(release: string | undefined, options: CheckOptions = {}): Promise<ConfigCheck> {
	const context = await openContext("configCheck", options, { release });
	const opened = await openRelease(context, release);
	const given = [...(options.fragments ?? []), ...(options.set ?? [])].length > 0;
	const asked = given ? await askedIn(context, options) : (opened.build.stamp?.asked ?? []);
	const entries = auditConfig(asked, opened.config);
	const misses = missed(entries).map((entry) => {
		const miss = whyMissed(entry, opened.tree, opened.now);
		return { ...miss, text: context.say(miss.text) };
	});
	const image = (await findEntry(context.layout, opened.release))?.info;
	const ownSource = image === undefined ? undefined : canMountOwnSource(opened.config, image);
	return {
		release: opened.release,
		config: opened.configPath,
		asked: asked.length,
		missed: misses,
		promoted: entries.filter(({ verdict }) => verdict === "promoted").map(({ symbol }) => symbol),
		...(ownSource === undefined ? {} : { ownSource }),
		ok: misses.length === 0 && (ownSource?.ok ?? true),
	};
}

async function askedIn(context: Context, options: FragmentOptions): Promise<Asked[]> {
	const { asked, findings } = mergeConfigs({ name: "", text: Buffer.alloc(0) }, await userFragments(context, options));
	reportLost(context, findings);
	return asked;
}
