/**
 * uninstall: everything that ksquash put into this system, taken away; images, builds and what people wrote stay.
 *
 * Owns: the order of it, and naming what stays. Leaves to others: each part (portage/, src/mount), and releases (remove).
 */

import { KsquashError } from "../errors.ts";
import type { Layout } from "../layout.ts";
import { disableInits, enabledInits } from "../mount/boot.ts";
import { BOOT_RULE, dropRule, readPolicy, USERS_RULE } from "../mount/helper-policy.ts";
import { installedHelper, removeHelper, revokeCapabilities } from "../mount/helper-program.ts";
import { reloadInit } from "../release/boot-service.ts";
import { type CommonOptions, type Context, openContext } from "../release/context.ts";
import { withLock } from "../release/locks.ts";
import { attempt } from "../system/failure.ts";
import { isEmptyDirectory, lstatIfExists } from "../system/files.ts";
import { call, text } from "../text.ts";
import { portageUninstall } from "./portage/index.ts";
import { status } from "./status.ts";

export interface UninstallResult {
	/** What was done (with dryRun: what would be), one sentence each; empty when there was nothing to do. */
	did: string[];
	/** What could not be taken away. The other parts went all the same. */
	failed: { part: "portage" | "boot and helper"; error: unknown }[];
	/** What stays on purpose, one sentence each, with the command that takes it away where there is one. */
	stays: string[];
	dryRun: boolean;
}

/**
 * Takes away Portage's hook, the boot files, the helper and the rules that ksquash wrote for it. A part that cannot go does
 * not keep the others. Releases stay as they are, also mounted: `remove` takes those away.
 * Throws ERR_KSQUASH_PRIVILEGE; ABORT_ERR between two parts.
 */
export async function uninstall(options: CommonOptions = {}): Promise<UninstallResult> {
	const context = await openContext("uninstall", options);
	if (process.geteuid?.() !== 0) {
		throw new KsquashError("ERR_KSQUASH_PRIVILEGE", "only root can take ksquash off this system");
	}
	const result: UninstallResult = { did: [], failed: [], stays: [], dryRun: context.dryRun };
	// The hook first: what it calls is there until it is gone.
	const parts = {
		portage: async () => (await portageUninstall(options)).did,
		"boot and helper": async () => await withLock(context, "helper", async () => await takeAway(context)),
	};
	for (const [part, work] of Object.entries(parts) as [keyof typeof parts, () => Promise<string[]>][]) {
		context.signal?.throwIfAborted();
		try {
			result.did.push(...(await work()));
		} catch (error) {
			result.failed.push({ part, error });
		}
	}
	result.stays = [...(await releasesThatStay(context)), ...(await filesThatStay(context.layout))];
	return result;
}

/** What starts the helper goes before the helper, and its capabilities before the file. */
async function takeAway(context: Context): Promise<string[]> {
	const { layout, dryRun } = context;
	const { helper, policyFile, root } = layout;
	const before = await enabledInits(root);
	const did = await disableInits(root, dryRun);
	for (const rule of [BOOT_RULE, USERS_RULE]) {
		if (await dropRule(policyFile, rule, dryRun)) did.push(`take [rule ${rule}] out of ${policyFile}`);
	}
	const installed = await installedHelper(helper);
	if (installed !== undefined) {
		did.push(`remove ${helper}`);
		if (!dryRun) {
			if (installed.capable) await attempt(`take the capabilities from ${helper}`, revokeCapabilities(helper));
			await attempt(`remove ${helper}`, removeHelper(helper));
		}
	}
	if (before.includes("systemd")) await reloadInit(context, "systemd");
	return did;
}

async function releasesThatStay({ layout: { root }, say }: Context): Promise<string[]> {
	const { releases, leftovers } = await status({ root });
	const rows = releases.map(({ release, image, state, mountPoint, buildDirs }) => {
		const parts = [
			state === "no image" ? "" : image,
			state === "mounted" || state === "stale" ? `mounted on ${mountPoint}` : "",
			...buildDirs.map(({ path }) => path),
		];
		return say(text`release ${release}: ${parts.filter(Boolean).join(", ")} (${call("remove", release, { root })})`);
	});
	return [...rows, ...leftovers.map((path) => `left over from interrupted work: ${path}`)];
}

async function filesThatStay({ keptDir, settingsFile, policyFile }: Layout): Promise<string[]> {
	const rules = (await readPolicy(policyFile))?.match(/^\s*\[rule /gm)?.length ?? 0;
	const named: [string, string][] = [
		[keptDir, "configs and keys of releases that were removed"],
		[settingsFile, "your settings"],
		[policyFile, `the rules of yours, ${rules}`],
	];
	const counts = named.map(async ([path]) => {
		const found = await lstatIfExists(path);
		return found !== undefined && !(found.isDirectory() && (await isEmptyDirectory(path)));
	});
	const standing = await Promise.all(counts);
	return named.filter((_, i) => standing[i]).map(([path, what]) => `${path}: ${what}`);
}
