/**
 * The .config that stood in a build directory while make works on it: `conf` renames it twice, so a kill would lose it.
 *
 * Owns: the copy of it (.ksquash.config), there only while a configure works, and what a killed configure left.
 * Leaves to others: the configure itself (configure.ts).
 */

import { readConfig } from "./configure.ts";
import { readOwned, removeOwned, writeOwned } from "./files.ts";
import type { Owner } from "./ownership.ts";

/** Its ending makes it one of the configs that a removal saves. */
const COPY = ".ksquash.config";

export interface Memory {
	/** The .config to begin with. */
	config: Buffer | undefined;
	/** What a killed configure had begun with; a person may have edited .config since. */
	interrupted: Buffer | undefined;
}

/** A .config that a killed configure took away comes back here. */
export async function openMemory(build: string, owner: Owner): Promise<Memory> {
	const interrupted = await readOwned(build, COPY, owner);
	const config = await readConfig(build, owner);
	if (config === undefined && interrupted !== undefined) await writeOwned(build, ".config", interrupted, owner);
	return { config: config ?? interrupted, interrupted };
}

/** Runs `work`; afterwards .config.old holds what the first of the interrupted runs, or this one, began with. */
export async function remembering<T>(
	build: string,
	owner: Owner,
	{ config, interrupted }: Memory,
	work: () => Promise<T>,
): Promise<T> {
	if (interrupted === undefined && config !== undefined) await writeOwned(build, COPY, config, owner);
	let result: T;
	try {
		result = await work();
	} catch (error) {
		// The .config is as it was. A failed undo never hides the first error.
		if (interrupted === undefined) await removeOwned(build, [COPY], owner).catch(() => undefined);
		throw error;
	}
	if (interrupted !== undefined && !(await readConfig(build, owner))?.equals(interrupted)) {
		await writeOwned(build, ".config.old", interrupted, owner);
	}
	await removeOwned(build, [COPY], owner);
	return result;
}
