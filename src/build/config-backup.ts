/**
 * The .config that stood in a build directory while make works on it: `conf` renames it twice, so a kill would lose it.
 *
 * Owns: the copy of it (.ksquash.config), there only while a configure works, and what a killed configure left.
 * Leaves to others: the configure itself (configure.ts).
 */

import { readConfig } from "./configure.ts";
import { readOwned, removeOwned, writeOwned } from "./files.ts";
import type { Owner } from "./ownership.ts";
import { forgetMade } from "./tools.ts";

/** Its ending makes it one of the configs that a removal saves. */
export const CONFIG_BACKUP = ".ksquash.config";

export interface ConfigBackup {
	/** The .config to begin with. */
	config: Buffer | undefined;
	/** What a killed configure had begun with; a person may have edited .config since. */
	interrupted: Buffer | undefined;
	/** The .config itself is gone, or torn: `interrupted` takes its place. */
	lost: boolean;
	/** A configure has ended here once. */
	done: boolean;
}

/** Of a directory without anything. */
export const NO_CONFIG: ConfigBackup = { config: undefined, interrupted: undefined, lost: false, done: false };

/**
 * Looks only. `done`: a configure has ended here once.
 *
 * What make had just written when the power went is empty, or has holes: no person wrote that.
 */
export async function readConfigBackup(build: string, owner: Owner, done: boolean): Promise<ConfigBackup> {
	const interrupted = await readOwned(build, CONFIG_BACKUP, owner);
	const found = await readConfig(build, owner);
	const cut = (!done || interrupted !== undefined) && found !== undefined && isTorn(found);
	const config = cut ? undefined : found;
	return { config: config ?? interrupted, interrupted, lost: config === undefined && interrupted !== undefined, done };
}

/** A .config that a killed configure, or a power cut, took away comes back here. */
export async function settleConfigBackup(
	build: string,
	owner: Owner,
	{ interrupted, lost, done }: ConfigBackup,
): Promise<void> {
	if (lost && interrupted !== undefined) await writeOwned(build, ".config", interrupted, owner);
	if (!done || interrupted !== undefined) await forgetMade(build, owner);
}

function isTorn(config: Buffer): boolean {
	return config.length === 0 || config.includes(0);
}

/** Runs `work`; afterwards .config.old holds what the first of the interrupted runs, or this one, began with. */
export async function withConfigBackup<T>(
	build: string,
	owner: Owner,
	{ config, interrupted }: ConfigBackup,
	work: () => Promise<T>,
): Promise<T> {
	if (interrupted === undefined && config !== undefined) await writeOwned(build, CONFIG_BACKUP, config, owner);
	let result: T;
	try {
		result = await work();
	} catch (error) {
		// The .config is as it was. A failed undo never hides the first error.
		if (interrupted === undefined) await removeOwned(build, [CONFIG_BACKUP], owner).catch(() => undefined);
		throw error;
	}
	if (interrupted !== undefined && !(await readConfig(build, owner))?.equals(interrupted)) {
		await writeOwned(build, ".config.old", interrupted, owner);
	}
	await removeOwned(build, [CONFIG_BACKUP], owner);
	return result;
}
