/**
 * boot: images mounted after every boot, by whatever init system there is, without Node.
 *
 * Owns: what is enabled and the order of it. Leaves to others: the init systems' files, the executable and the policy's
 * text (src/mount), and the mounting itself (native/helper/boot).
 */

import { KsquashError } from "../errors.ts";
import { insideRoot } from "../layout.ts";
import {
	detectInit,
	disableInits,
	enabledInits,
	enableInit,
	fstabLine,
	type Init,
	inits,
	oldFiles,
	startProblem,
} from "../mount/boot.ts";
import { BOOT_RULE, dropRule, hasRule, readPolicy, setRule } from "../mount/helper-policy.ts";
import { installedHelper, placeHelper, removeHelper } from "../mount/helper-program.ts";
import type { Options } from "../options/types.ts";
import { reloadInit } from "../release/boot-service.ts";
import { scan } from "../release/catalog.ts";
import { type CommonOptions, openContext } from "../release/context.ts";
import { withLock } from "../release/locks.ts";
import { attempt } from "../system/failure.ts";
import { blank, call, option, type Text, text } from "../text.ts";

export type BootEnableOptions = Options<"bootEnable">;

export interface BootChange {
	/** What was done (with dryRun: what would be), one sentence each; empty when there was nothing to do. */
	did: string[];
	dryRun: boolean;
	init?: Init;
}

export interface BootStatus {
	/** Whose files are in place. */
	enabled: Init[];
	/** What this system seems to be started by. */
	detected?: Init;
	/** The policy has the rule, and the executable is there. */
	ready: boolean;
	/** What is missing for the images to be mounted. */
	problems: string[];
	/** What works, but is of another ksquash or was changed, one sentence each. */
	notes: string[];
	/** The lines of /etc/fstab that would mount what there is now, without any of this. */
	fstab: string[];
}

/** Throws ERR_KSQUASH_PRIVILEGE, ERR_KSQUASH_OCCUPIED; ERR_KSQUASH_USAGE where no init system is found. */
export async function bootEnable(options: BootEnableOptions = {}): Promise<BootChange> {
	const context = await openContext("bootEnable", options);
	assertRoot();
	const { layout, dryRun } = context;
	const init = options.init ?? (await detectInit(layout.root))?.init;
	if (init === undefined) {
		const status = call("bootStatus", undefined, { root: layout.root });
		throw new KsquashError("ERR_KSQUASH_USAGE", "no init system was found that ksquash knows", {
			hint: text`name one with ${option("init", blank(inits.join("|")))}, or add the fstab lines that ${status} prints`,
		});
	}
	const change: BootChange = { did: [], dryRun, init };
	await withLock(context, "helper", async () => {
		if (!(await installedHelper(layout.helper))?.current) {
			change.did.push(`put ${layout.helper} (root, 0755)`);
			if (!dryRun) await attempt(`install ${layout.helper}`, placeHelper(layout.helper));
		}
		// No uids and no gids: root's alone.
		const rule = { name: BOOT_RULE, directory: insideRoot(layout, layout.sourceDir) };
		if (await setRule(layout.policyFile, rule, dryRun)) {
			change.did.push(`write [rule ${BOOT_RULE}] to ${layout.policyFile}`);
		}
		const written = await enableInit(layout.root, init, dryRun);
		change.did.push(...written.map((path) => `put ${path}`));
		if (written.length > 0) await reloadInit(context, init);
	});
	return change;
}

/** Takes away what boot enable made, for whatever init system; what is mounted stays mounted. */
export async function bootDisable(options: CommonOptions = {}): Promise<BootChange> {
	const context = await openContext("bootDisable", options);
	assertRoot();
	const { layout, dryRun } = context;
	const change: BootChange = { did: [], dryRun };
	await withLock(context, "helper", async () => {
		const before = await enabledInits(layout.root);
		change.did.push(...(await disableInits(layout.root, dryRun)));
		if (await dropRule(layout.policyFile, BOOT_RULE, dryRun)) {
			change.did.push(`take [rule ${BOOT_RULE}] out of ${layout.policyFile}`);
		}
		const installed = await installedHelper(layout.helper);
		if (installed !== undefined && !installed.capable) {
			change.did.push(`remove ${layout.helper}`);
			if (!dryRun) await removeHelper(layout.helper);
		}
		if (before.includes("systemd")) await reloadInit(context, "systemd");
	});
	return change;
}

export async function bootStatus(options: CommonOptions = {}): Promise<BootStatus> {
	const { layout, say } = await openContext("bootStatus", options);
	const enable = call("bootEnable", undefined, { root: layout.root });
	const enabled = await enabledInits(layout.root);
	const detected = await detectInit(layout.root);
	const problems: (string | Text)[] = [];
	const notes = await oldFiles(layout.root);
	const fstab = (await scan(layout)).map(({ paths, info }) =>
		fstabLine(insideRoot(layout, paths.image), insideRoot(layout, paths.mountPoint), info?.format ?? "auto"),
	);
	if (enabled.length === 0) problems.push(text`it is not enabled (${enable})`);
	else {
		if (!hasRule(await readPolicy(layout.policyFile), BOOT_RULE)) {
			problems.push(text`${layout.policyFile} has no [rule ${BOOT_RULE}] (${enable})`);
		}
		const installed = await installedHelper(layout.helper);
		if (installed === undefined) problems.push(text`${layout.helper} is missing (${enable})`);
		else if (!installed.current) notes.push(`${layout.helper} is of another ksquash`);
		const start = await startProblem(layout.root, enabled);
		if (start !== undefined) problems.push(start);
	}
	return {
		enabled,
		...(detected ? { detected: detected.init } : {}),
		ready: problems.length === 0,
		problems: problems.map(say),
		notes,
		fstab,
	};
}

function assertRoot(): void {
	if (process.geteuid?.() === 0) return;
	throw new KsquashError("ERR_KSQUASH_PRIVILEGE", "only root can change what happens at boot");
}
