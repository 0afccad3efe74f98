/**
 * helper: the capability helper on this machine, put there and taken away, and whether it would work.
 *
 * Owns: the order of the steps, and that each is undone. Leaves to others: the executable and the policy's text (src/mount).
 */

import { findOwner, type Owner } from "../build/ownership.ts";
import { KsquashError } from "../errors.ts";
import { insideRoot } from "../layout.ts";
import { askHelper } from "../mount/helper.ts";
import { BOOT_RULE, dropRule, hasRule, readPolicy, setRule, USERS_RULE } from "../mount/helper-policy.ts";
import {
	grantCapabilities,
	type InstalledHelper,
	installedHelper,
	placeHelper,
	removeHelper,
	revokeCapabilities,
} from "../mount/helper-program.ts";
import type { Options } from "../options/types.ts";
import { run } from "../process/run.ts";
import { type CommonOptions, type Context, openContext } from "../release/context.ts";
import { withLock } from "../release/locks.ts";
import { attempt } from "../system/failure.ts";
import { ownPackage } from "../system/package.ts";
import { blank, call, option, text } from "../text.ts";

export type HelperInstallOptions = Options<"helperInstall">;

export interface HelperStatus {
	program: string;
	/** Absent where none is installed. */
	installed?: InstalledHelper & {
		/** Unknown where it is neither this package's nor this system's: then it is not run to ask it. */
		version?: string;
	};
	policy: string;
	/** Would it mount anything for the user who asks? */
	works: boolean;
	/** Why it would not. */
	why?: string;
	rules: { rule: string; images: string; mountpoints: string; umount: boolean }[];
}

export interface HelperChange {
	/** What was done (with dryRun: what would be), one sentence each; empty when there was nothing to do. */
	did: string[];
	dryRun: boolean;
}

interface SelfReport {
	status: number;
	version: string;
	privilege: string;
	policy: string;
	rules: HelperStatus["rules"];
}

/** Throws ERR_KSQUASH_USAGE, ERR_KSQUASH_PRIVILEGE. Given again, the users and groups replace those of the last time. */
export async function helperInstall(options: HelperInstallOptions): Promise<HelperChange> {
	const context = await openContext("helperInstall", options);
	const { users = [], groups = [] } = options;
	if (users.length + groups.length === 0) {
		const [user, group] = [option("users", blank("USER")), option("groups", blank("GROUP"))];
		throw new KsquashError("ERR_KSQUASH_USAGE", text`name who may mount: ${user} or ${group}`);
	}
	assertRoot();
	const owners = await Promise.all(users.map(async (user) => await findOwner(user)));
	const gids = await Promise.all(groups.map(findGroup));
	const { layout, dryRun } = context;
	const change: HelperChange = { did: [], dryRun };
	const work = async (): Promise<void> => {
		const before = await installedHelper(layout.helper);
		if (!before?.current) change.did.push(`${before ? "replace" : "put"} ${layout.helper} (root, 0755)`);
		if (!dryRun) await attempt(`install ${layout.helper}`, placeHelper(layout.helper));
		const uids = owners.map(({ uid }) => uid);
		const rule = { name: USERS_RULE, directory: insideRoot(layout, layout.sourceDir), uids, gids };
		if (await setRule(layout.policyFile, rule, dryRun)) {
			change.did.push(`write [rule ${USERS_RULE}] to ${layout.policyFile}`);
		}
		if (!before?.current || !before.capable) {
			change.did.push(`give it cap_sys_admin,cap_dac_read_search=p (security.capability)`);
			if (!dryRun) await attempt(`give ${layout.helper} its capabilities`, grantCapabilities(layout.helper));
		}
		if (!dryRun) await check(context, owners, gids);
	};
	await withLock(context, "helper", work);
	return change;
}

/** As the first of those who may: the kernel's own answer to whether it took. */
async function check(context: Context, owners: readonly Owner[], gids: readonly number[]): Promise<void> {
	const { layout } = context;
	if (layout.root !== "/") return;
	const nobody = 65_534;
	const as = owners.find(({ uid }) => uid !== 0) ?? { uid: nobody, gid: gids[0] ?? nobody, known: false };
	const report = await askHelper<SelfReport>(layout.helper, ["status"], { as });
	if (report.status === 0) return;
	const why = report.privilege || report.policy || "no rule permits anything";
	context.warn(`the helper is installed, but does not work for the user ${as.uid}: ${why}`);
}

export async function helperUninstall(options: CommonOptions = {}): Promise<HelperChange> {
	const context = await openContext("helperUninstall", options);
	assertRoot();
	const { layout, dryRun } = context;
	const change: HelperChange = { did: [], dryRun };
	const work = async (): Promise<void> => {
		const installed = await installedHelper(layout.helper);
		// What boot enable put there, and what the administrator added, stays; nothing that stays has privileges.
		if (installed?.capable) {
			change.did.push(`take its capabilities from ${layout.helper}`);
			if (!dryRun) await revokeCapabilities(layout.helper);
		}
		const forBoot = hasRule(await readPolicy(layout.policyFile), BOOT_RULE);
		if (await dropRule(layout.policyFile, USERS_RULE, dryRun)) {
			change.did.push(`take [rule ${USERS_RULE}] out of ${layout.policyFile}`);
		}
		if (installed !== undefined && !forBoot) {
			change.did.push(`remove ${layout.helper}`);
			if (!dryRun) await removeHelper(layout.helper);
		}
	};
	await withLock(context, "helper", work);
	return change;
}

export async function helperStatus(options: CommonOptions = {}): Promise<HelperStatus> {
	const { layout, say } = await openContext("helperStatus", options);
	const installed = await installedHelper(layout.helper);
	const base = { program: layout.helper, policy: layout.policyFile, rules: [] };
	if (installed === undefined) {
		return { ...base, works: false, why: say(text`it is not installed (${call("helperInstall")})`) };
	}
	if (layout.root !== "/") {
		const version = installed.current ? { version: ownPackage().version } : {};
		const why = say(text`it is another system's, below ${option("root")}`);
		return { ...base, installed: { ...installed, ...version }, works: false, why };
	}
	const report = await askHelper<SelfReport>(layout.helper, ["status"]);
	const { version, privilege, policy, rules } = report;
	const why = privilege || policy || (rules.length === 0 ? "no rule of the policy permits anything to this user" : "");
	return { ...base, installed: { ...installed, version }, works: why === "", ...(why ? { why } : {}), rules };
}

function assertRoot(): void {
	if (process.geteuid?.() === 0) return;
	throw new KsquashError("ERR_KSQUASH_PRIVILEGE", "only root can install or remove the helper");
}

async function findGroup(group: string): Promise<number> {
	if (/^[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?$/.test(group)) {
		const { lines } = await run("getent", ["group", group], { okStatus: [0, 2] });
		const gid = (lines[0] ?? "").split(":")[2];
		if (gid) return Number(gid);
		if (/^\d{1,10}$/.test(group)) return Number(group);
	}
	throw new KsquashError("ERR_KSQUASH_USAGE", `there is no group ${JSON.stringify(group)}`);
}
