/** What mounts a release after a boot, as fstab and the init systems' files say now, and their reload. */

import type { Layout } from "../layout.ts";
import { enabledInits, type Init } from "../mount/boot.ts";
import { BOOT_RULE, hasRule, readPolicy } from "../mount/helper-policy.ts";
import { run, which } from "../process/run.ts";
import { lstatIfExists, readIfExists } from "../system/files.ts";
import type { Context } from "./context.ts";

/** Says of a mount point what mounts it: the init system whose service mounts every image, fstab, or nothing. */
export type BootLookup = (mountPoint: string) => Init | "fstab" | "no";

export async function readBootService(layout: Layout): Promise<BootLookup> {
	const fstab = (await readIfExists(layout.fstab))?.toString("utf8") ?? "";
	const service = await enabledService(layout);
	return (mountPoint) => (isInFstab(fstab, mountPoint) ? "fstab" : (service ?? "no"));
}

/** Only where all of it is there: the init system's files, the rule and the program. */
async function enabledService(layout: Layout): Promise<Init | undefined> {
	const [first] = await enabledInits(layout.root);
	const ready = hasRule(await readPolicy(layout.policyFile), BOOT_RULE);
	return ready && (await lstatIfExists(layout.helper)) !== undefined ? first : undefined;
}

function isInFstab(fstab: string, mountPoint: string): boolean {
	return fstab.split("\n").some((line) => !/^\s*#/.test(line) && line.trim().split(/\s+/)[1] === mountPoint);
}

/** A running systemd reads its units again; it starts nothing by that. */
export async function reloadInit({ layout, dryRun, warn }: Context, init: Init): Promise<void> {
	if (init !== "systemd" || dryRun || layout.root !== "/" || which("systemctl") === undefined) return;
	try {
		await run("systemctl", ["daemon-reload"], { timeoutMs: 30_000 });
	} catch {
		warn("systemctl daemon-reload failed: the unit counts from the next boot on");
	}
}
