/**
 * Putting a merged config into a build directory and letting the kernel's own `conf` finish it.
 *
 * Owns: that the .config which was there is never lost: it becomes .config.old, or comes back when make fails.
 * Leaves to others: where the text comes from, and whether a configure is needed at all.
 */

import { KsquashError } from "../errors.ts";
import { readOwned, writeOwned } from "./files.ts";
import { type MakeRequest, runTarget } from "./kbuild.ts";
import { assertOwned, type Owner } from "./ownership.ts";

const CONFIG = ".config";
const OLD = ".config.old";

/** The .config of a build directory; undefined where there is none. */
export async function readConfig(build: string, owner: Owner): Promise<Buffer | undefined> {
	return await readOwned(build, CONFIG, owner);
}

/** Writes the .config; what was there and differs becomes .config.old. Returns what was there. */
export async function writeConfig(build: string, text: Uint8Array, owner: Owner): Promise<Buffer | undefined> {
	const previous = await readConfig(build, owner);
	if (previous?.equals(text)) return previous;
	if (previous !== undefined) await writeOwned(build, OLD, previous, owner);
	await writeOwned(build, CONFIG, text, owner);
	return previous;
}

export interface ConfigureRequest extends MakeRequest {
	/** The merged config, for olddefconfig; without it `target` makes one. */
	text?: Uint8Array | undefined;
	/** "defconfig" or "NAME_defconfig"; one call makes a full config of it. */
	target?: string | undefined;
}

export interface Configured {
	/** The final .config. */
	config: Buffer;
	/** The one that was there before. */
	previous: Buffer | undefined;
}

/** One make. Throws what runTarget throws; then the .config is as it was. */
export async function configure(request: ConfigureRequest): Promise<Configured> {
	const { build, owner, text } = request;
	await assertOwned(build, owner);
	const before = await readConfig(build, owner);
	try {
		if (text !== undefined) await writeConfig(build, text, owner);
		await runTarget(request, [text === undefined ? (request.target ?? "defconfig") : "olddefconfig"]);
		const config = await readConfig(build, owner);
		if (config === undefined) throw new KsquashError("ERR_KSQUASH_KCONFIG", `make left no .config in ${build}`);
		// `conf` has put our merged text there; a person wants back what was there before the command.
		if (before !== undefined && !before.equals(config)) await writeOwned(build, OLD, before, owner);
		return { config, previous: before };
	} catch (error) {
		if (before !== undefined) await restore(build, before, owner);
		throw error;
	}
}

/** The first error is the one that counts: the old text still lies in .config.old when this fails. */
async function restore(build: string, before: Buffer, owner: Owner): Promise<void> {
	try {
		if (!(await readConfig(build, owner))?.equals(before)) await writeOwned(build, CONFIG, before, owner);
	} catch {}
}
