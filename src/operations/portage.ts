/**
 * portage: the hook by which emerge packs, mounts and removes kernel sources, in the files of /etc/portage/env.
 *
 * Owns: which files get the block, and the refusals. Leaves to others: the block (src/portage/hook.ts), and the hooks
 * themselves (share/gentoo/hook.bash), which call the commands that everybody has.
 */

import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { KsquashError } from "../errors.ts";
import { findBlock, isLikeOriginal, syntaxProblem, withBlock, withoutBlock } from "../portage/hook.ts";
import type { Settings } from "../settings.ts";
import { attempt } from "../system/failure.ts";
import {
	hasCode,
	lstatIfExists,
	makeDirectory,
	readIfExists,
	unlinkIfExists,
	writeFileAtomic,
} from "../system/files.ts";
import { type CommonOptions, type Context, openContext, withLock } from "./context.ts";

export interface PortageOptions extends CommonOptions {
	/** CATEGORY/NAME, as in sys-kernel/vanilla-sources; sys-kernel/gentoo-sources when absent. */
	packages?: readonly string[] | undefined;
}

export interface PortageChange {
	/** What was done (with dryRun: what would be), one sentence each; empty when there was nothing to do. */
	did: string[];
	dryRun: boolean;
}

export interface PortageStatus {
	packages: { package: string; path: string; version?: string; problems: string[] }[];
}

const DEFAULT = ["sys-kernel/gentoo-sources"];

/** What the hook does where the settings say nothing. */
const defaults = {
	portage_on_failure: "plain",
	portage_symlink: true,
	portage_build_directory: "remove",
} as const satisfies Settings;

/**
 * Throws ERR_KSQUASH_USAGE for a name that is none, ERR_KSQUASH_PRIVILEGE, and ERR_KSQUASH_OCCUPIED before anything is
 * written: a file that is no regular one, has a syntax error, or packs kernel sources by functions of its own.
 */
export async function portageInstall(options: PortageOptions = {}): Promise<PortageChange> {
	const context = await openContext(options);
	assertRoot();
	const paths = (options.packages?.length ? options.packages : DEFAULT).map((name) => fileOf(context, name));
	return await underLock(context, async (did) => {
		const plans: { path: string; text: string; mode: number }[] = [];
		for (const path of new Set(paths)) {
			const { text, mode } = (await readOwn(path)) ?? { text: "", mode: 0o644 };
			await findBlock(path, text);
			await assertSuitable(path, text);
			const wanted = await withBlock(text);
			if (wanted !== text) plans.push({ path, text: wanted, mode });
		}
		for (const { path, text, mode } of plans) {
			did.push(`write ksquash's block to ${path}`);
			if (context.dryRun) continue;
			await attempt(`make ${dirname(path)}`, makeDirectory(dirname(path)));
			await attempt(`write ${path}`, writeFileAtomic(path, Buffer.from(text, "latin1"), { mode, uid: 0, gid: 0 }));
		}
	});
}

/** Takes the block out of the files named, or of all; a file in which nothing else is goes. */
export async function portageUninstall(options: PortageOptions = {}): Promise<PortageChange> {
	const context = await openContext(options);
	assertRoot();
	const named = options.packages?.map((name) => fileOf(context, name));
	return await underLock(context, async (did) => {
		for (const path of named ?? (await allFiles(context))) {
			const own = await readOwn(path);
			if (own === undefined || (await findBlock(path, own.text)) === undefined) continue;
			const rest = withoutBlock(own.text);
			did.push(rest === "" ? `remove ${path}` : `take ksquash's block out of ${path}`);
			if (context.dryRun) continue;
			if (rest === "") await attempt(`remove ${path}`, unlinkIfExists(path));
			else {
				const data = Buffer.from(rest, "latin1");
				await attempt(`write ${path}`, writeFileAtomic(path, data, { mode: own.mode, uid: 0, gid: 0 }));
			}
		}
	});
}

/** Every package whose file has the block, or packs kernel sources by itself. */
export async function portageStatus(options: CommonOptions = {}): Promise<PortageStatus> {
	const context = await openContext(options);
	const packages: PortageStatus["packages"] = [];
	for (const path of await allFiles(context)) {
		const own = await readOwn(path);
		if (own === undefined) continue;
		const problems: string[] = [];
		const block = await findBlock(path, own.text).catch((error: Error) => void problems.push(error.message));
		const original = isLikeOriginal(own.text);
		if (block === undefined && problems.length === 0 && !original) continue;
		if (original) problems.push("it packs kernel sources by functions of its own");
		if (block?.edited) problems.push("the block was edited (ksquash portage install writes it anew)");
		else if (block?.current === false) problems.push("the block is of another ksquash (ksquash portage install)");
		const syntax = await syntaxProblem(own.text);
		if (syntax !== undefined) problems.push(`Portage runs no hook of it: ${syntax}`);
		const name = path.slice(context.layout.portageEnv.length + 1);
		packages.push({ package: name, path, ...(block ? { version: block.version } : {}), problems });
	}
	return { packages };
}

/** What the hook asks for: a setting of Portage's, or its default. Throws ERR_KSQUASH_USAGE, ERR_KSQUASH_SETTINGS. */
export async function portageSetting(name: string, options: CommonOptions = {}): Promise<{ value: string }> {
	const { settings } = await openContext(options);
	if (!Object.hasOwn(defaults, name)) {
		throw new KsquashError("ERR_KSQUASH_USAGE", `${name} is none of ${Object.keys(defaults).join(", ")}`);
	}
	const key = name as keyof typeof defaults;
	return { value: String(settings[key] ?? defaults[key]) };
}

async function underLock(context: Context, work: (did: string[]) => Promise<void>): Promise<PortageChange> {
	const did: string[] = [];
	await withLock(context, "portage", async () => await work(did));
	return { did, dryRun: context.dryRun };
}

/** Names by the Package Manager Specification, 3.1.1 and 3.1.2. */
function fileOf({ layout }: Context, name: string): string {
	if (/^[A-Za-z0-9_][\w+.-]*\/[A-Za-z0-9_][\w+-]*$/.test(name)) return join(layout.portageEnv, name);
	throw new KsquashError("ERR_KSQUASH_USAGE", `${name} is no package name: CATEGORY/NAME, without a version`);
}

async function readOwn(path: string): Promise<{ text: string; mode: number } | undefined> {
	const stats = await lstatIfExists(path);
	if (stats === undefined) return undefined;
	if (!stats.isFile()) {
		throw new KsquashError("ERR_KSQUASH_OCCUPIED", `${path} is no regular file`, { path });
	}
	const bytes = await attempt(`read ${path}`, readIfExists(path));
	return { text: bytes?.toString("latin1") ?? "", mode: Number(stats.mode & 0o777n) };
}

async function assertSuitable(path: string, text: string): Promise<void> {
	if (isLikeOriginal(text)) {
		throw new KsquashError("ERR_KSQUASH_OCCUPIED", `${path} packs kernel sources by functions of its own`, {
			path,
			hint: "they would pack before ksquash and remove the build directory behind it: move them out of this file first",
		});
	}
	const problem = await syntaxProblem(text);
	if (problem === undefined) return;
	throw new KsquashError("ERR_KSQUASH_OCCUPIED", `${path} has a syntax error: ${problem}`, {
		path,
		hint: "Portage would run no hook of it, and say nothing: mend the file first",
	});
}

async function allFiles({ layout: { portageEnv } }: Context): Promise<string[]> {
	const files: string[] = [];
	for (const category of await names(portageEnv)) {
		const directory = join(portageEnv, category);
		for (const name of await names(directory)) {
			if ((await lstatIfExists(join(directory, name)))?.isFile()) files.push(join(directory, name));
		}
	}
	return files;
}

async function names(directory: string): Promise<string[]> {
	try {
		return (await readdir(directory)).toSorted();
	} catch (error) {
		if (hasCode(error, "ENOENT") || hasCode(error, "ENOTDIR")) return [];
		throw error;
	}
}

function assertRoot(): void {
	if (process.geteuid?.() === 0) return;
	throw new KsquashError("ERR_KSQUASH_PRIVILEGE", "only root can change what Portage runs");
}
