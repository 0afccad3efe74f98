/**
 * config check: what the user asked for against the .config that there is now, each miss with its reason.
 *
 * Owns: whose wishes count: fragments named here, else what the last configure was given.
 * Leaves to others: verdicts (src/kconfig/audit.ts) and reasons (src/kconfig/explain/reasons.ts).
 */

import { resolve } from "node:path";
import { findEntry } from "../../catalog.ts";
import { type AuditEntry, auditConfig, canMountOwnSource, missed, type OwnSource } from "../../kconfig/audit.ts";
import { type Reason, whyMissed } from "../../kconfig/explain/reasons.ts";
import { type Asked, mergeConfigs } from "../../kconfig/merge.ts";
import { readConfigFile } from "../../kconfig/read.ts";
import { findingLine, settingsFragment } from "../../kconfig/settings.ts";
import { type CommonOptions, type Context, openContext } from "../context.ts";
import { openRelease } from "./release.ts";

export interface CheckOptions extends CommonOptions {
	/** Instead of what the last configure was given. */
	fragments?: readonly string[] | undefined;
	set?: readonly string[] | undefined;
}

export interface Miss extends AuditEntry {
	reason: Reason;
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
	const context = await openContext(options);
	const opened = await openRelease(context, release);
	const given = [...(options.fragments ?? []), ...(options.set ?? [])].length > 0;
	const asked = given ? await askedIn(context, options) : (opened.build.stamp?.asked ?? []);
	const entries = auditConfig(asked, opened.config);
	const misses = missed(entries).map((entry) => ({ ...entry, reason: whyMissed(entry, opened.tree, opened.now) }));
	const compressor = (await findEntry(context.layout, opened.release))?.info?.compressor;
	const ownSource = compressor === undefined ? undefined : canMountOwnSource(opened.config, compressor);
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

async function askedIn(context: Context, { fragments = [], set = [] }: CheckOptions): Promise<Asked[]> {
	const { signal } = context;
	const read = fragments.map(async (name) => ({
		name,
		text: await readConfigFile(resolve(name), { signal, allowEmpty: true }),
	}));
	const nothing = { name: "nothing", text: Buffer.alloc(0) };
	const { asked, findings } = mergeConfigs(nothing, [...(await Promise.all(read)), ...settingsFragment(set)]);
	for (const finding of findings) if (finding.kind === "lost") context.warn(findingLine(finding));
	return asked;
}
