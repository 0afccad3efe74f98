/**
 * portage: the hook under /etc/portage/env that makes Portage install kernel sources as images.
 *
 * Owns: which files have our block, and that nothing else of them changes. Leaves to others: the block's text
 * (src/portage), the hook itself (share/gentoo).
 */

import { lstat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { KsquashError } from "../../errors.ts";
import type { Options } from "../../options/types.ts";
import { splitFile, withBlock } from "../../portage/block.ts";
import { sortByEclass } from "../../portage/eclasses.ts";
import { type HookStatus, hookFiles, inspectHooks, syntaxProblem, text } from "../../portage/hooks.ts";
import { oldFunctions, withoutFunctions } from "../../portage/original.ts";
import { findPackages } from "../../portage/packages.ts";
import { type CommonOptions, type Context, openContext } from "../../release/context.ts";
import { withLock } from "../../release/locks.ts";
import type { Settings } from "../../settings.ts";
import { attempt } from "../../system/failure.ts";
import { lstatIfExists, makeDirectory, readIfExists, unlinkIfExists, writeFileAtomic } from "../../system/files.ts";
import { option, text as said } from "../../text.ts";
import { adoptOld } from "./migrate.ts";

export interface PortageStatus extends Omit<HookStatus, "problems"> {
	/** What is wrong or would go wrong, one sentence each. */
	problems: string[];
}

const LOCK = "portage";

export type PortageOptions = Options<"portageInstall">;
export type PortageUninstallOptions = Options<"portageUninstall">;

export interface PortageChange {
	/** What was done (with dryRun: what would be), one sentence each; empty when there was nothing to do. */
	did: string[];
	/** With migrate: what another script left and only a person can judge, each with the command for it. */
	left?: string[];
	dryRun: boolean;
}

/**
 * Throws ERR_KSQUASH_USAGE, also where none of the packages inherits kernel-2, and ERR_KSQUASH_OCCUPIED for a file that
 * cannot have the block; then none is changed.
 */
export async function portageInstall(options: PortageOptions = {}): Promise<PortageChange> {
	const context = await openContext("portageInstall", options);
	assertRoot();
	const named = options.packages && (await findPackages(context.layout.root, options.packages));
	return await withLock(context, LOCK, async () => {
		const packages = named ? await chooseSources(context, named) : ["sys-kernel/gentoo-sources"];
		const plans: Plan[] = [];
		for (const name of packages) plans.push(await planFor(context, name, options.migrate ?? false));
		const did: string[] = [];
		for (const plan of plans) did.push(...(await carryOut(context, plan)));
		if (!options.migrate) return { did, dryRun: context.dryRun };
		const adopted = await adoptOld(context);
		return { did: [...did, ...adopted.did], left: adopted.left, dryRun: context.dryRun };
	});
}

/** Takes the block out of every file, or of those of `packages`; a file that had nothing else goes. */
export async function portageUninstall(options: PortageUninstallOptions = {}): Promise<PortageChange> {
	const context = await openContext("portageUninstall", options);
	assertRoot();
	return await withLock(context, LOCK, async () => {
		const did: string[] = [];
		const wanted = options.packages && (await findPackages(context.layout.root, options.packages));
		for (const { path, name } of await hookFiles(context.layout.portageEnv)) {
			if (wanted && !wanted.includes(name)) continue;
			const { rest, block, problem } = splitFile(await text(path));
			if (problem !== undefined) throw broken(path, problem);
			if (block === undefined) continue;
			did.push(rest.trim() === "" ? `remove ${path}` : `take ksquash's block out of ${path}`);
			if (context.dryRun) continue;
			if (rest.trim() === "") await unlinkIfExists(path);
			else await attempt(`write ${path}`, writeFileAtomic(path, rest, await modeOf(path)));
		}
		return { did, dryRun: context.dryRun };
	});
}

/** What there is of the hook, and what is wrong with it. */
export async function portageStatus(options: CommonOptions = {}): Promise<PortageStatus> {
	const { layout, say } = await openContext("portageStatus", options);
	const { hooks, problems } = await inspectHooks(layout);
	return { hooks, problems: problems.map(say) };
}

/** What the hook asks for: a setting's value, "" where it has none. */
export async function portageSetting(name: string, options: CommonOptions = {}): Promise<{ value: string }> {
	const { settings } = await openContext("portageSetting", { ...options, userSpace: true }, { name });
	const known: (keyof Settings)[] = ["preset", "portage_symlink", "portage_build_directory", "portage_on_failure"];
	const key = known.find((one) => one === name);
	if (key === undefined) throw new KsquashError("ERR_KSQUASH_USAGE", `${name} is no setting that the hook has`);
	return { value: String(settings[key] ?? "") };
}

/**
 * The packages that get the block: those of kernel sources. Any other that has it already keeps it, up to date: what an
 * older ksquash saved with the package would act for the selected release, and the functions of the file replace it.
 */
async function chooseSources({ layout, warn }: Context, names: readonly string[]): Promise<string[]> {
	const { sources, others, unknown } = await sortByEclass(layout.root, names);
	const kept: string[] = [];
	for (const name of others) {
		const file = await readIfExists(join(layout.portageEnv, name)).catch(() => undefined);
		if (file !== undefined && splitFile(file.toString("utf8")).block !== undefined) kept.push(name);
	}
	const left = others.filter((name) => !kept.includes(name));
	if (sources.length + unknown.length + kept.length === 0) {
		const hint = "name packages of kernel sources, such as sys-kernel/gentoo-sources";
		throw new KsquashError("ERR_KSQUASH_USAGE", `not kernel sources (no kernel-2 eclass): ${left.join(", ")}`, {
			hint,
		});
	}
	if (left.length > 0) warn(`left out, not kernel sources (no kernel-2 eclass): ${left.join(", ")}`);
	if (kept.length > 0) {
		const why = "it replaces what an older ksquash saved with the package, and does nothing itself";
		warn(`not kernel sources (no kernel-2 eclass), but the hook is there: ${kept.join(", ")}; ${why}`);
	}
	if (unknown.length > 0) {
		const why = "neither installed nor in a metadata cache of /var/db/repos";
		warn(
			`cannot tell if these are kernel sources (${why}): ${unknown.join(", ")}; if not, the hook does nothing for them`,
		);
	}
	return [...sources, ...kept, ...unknown].toSorted();
}

interface Plan {
	path: string;
	before: string;
	after: string;
	steps: string[];
	/** Functions are taken out: what was there is kept beside it. */
	keepsCopy: boolean;
}

async function planFor({ layout }: Context, name: string, migrate: boolean): Promise<Plan> {
	const path = join(layout.portageEnv, name);
	if ((await lstatIfExists(path))?.isDirectory()) {
		throw new KsquashError("ERR_KSQUASH_OCCUPIED", `${path} is a directory: the hook must be a file`, { path });
	}
	const before = (await readIfExists(path))?.toString("utf8") ?? "";
	const { rest, block, problem } = splitFile(before);
	if (problem !== undefined) throw broken(path, problem);
	const old = oldFunctions(rest);
	if (old.length > 0 && !migrate) {
		throw new KsquashError("ERR_KSQUASH_OCCUPIED", `${path} has functions that pack and delete by themselves`, {
			path,
			notes: old.flatMap((found) => [`line ${found.from}: ${found.name}, which ksquash takes the place of`]),
			hint: said`${option("migrate")} takes just these out and keeps a copy of the file (${option("dryRun")} shows it)`,
		});
	}
	const after = withBlock(withoutFunctions(rest, old));
	const wrong = await syntaxProblem(after);
	if (wrong !== undefined) {
		const why = `${path} would not be read by bash: ${wrong}`;
		throw new KsquashError("ERR_KSQUASH_OCCUPIED", why, { path, hint: "mend what is above ksquash's block first" });
	}
	const taken = old.flatMap(({ name: hook, from, to, text: body }) => [
		`take ${hook} (lines ${from} to ${to}) out of ${path}:`,
		...body.split("\n").map((line) => `- ${line}`),
	]);
	const saved = old.length > 0 ? [`keep a copy of it in ${path}.before-ksquash`] : [];
	const write = block === undefined ? `add ksquash's block to ${path}` : `bring ksquash's block in ${path} up to date`;
	const steps = after === before ? [] : [...saved, ...taken, write];
	return { path, before, after, steps, keepsCopy: old.length > 0 };
}

async function carryOut({ dryRun }: Context, { path, before, after, steps, keepsCopy }: Plan): Promise<string[]> {
	if (dryRun || steps.length === 0) return steps;
	await attempt(`make ${dirname(path)}`, makeDirectory(dirname(path)));
	const options = before === "" ? { mode: 0o644 } : await modeOf(path);
	if (keepsCopy) {
		// Portage reads CATEGORY/NAME, NAME:SLOT and NAME-VERSION only: a copy by another name is never sourced.
		await attempt(`keep ${path}`, writeFileAtomic(`${path}.before-ksquash`, before, options));
	}
	await attempt(`write ${path}`, writeFileAtomic(path, after, options));
	return steps;
}

async function modeOf(path: string): Promise<{ mode: number; uid: number; gid: number }> {
	const { mode, uid, gid } = await lstat(path);
	return { mode: mode & 0o7777, uid, gid };
}

function broken(path: string, problem: string): KsquashError {
	return new KsquashError("ERR_KSQUASH_OCCUPIED", `${path} has ${problem}`, { path, hint: "mend it by hand" });
}

function assertRoot(): void {
	if (process.geteuid?.() === 0) return;
	throw new KsquashError("ERR_KSQUASH_PRIVILEGE", "only root can change what Portage runs");
}
