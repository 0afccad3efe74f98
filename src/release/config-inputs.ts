/**
 * What a config is made of: the base by its name, fragments in their order, single settings.
 *
 * Owns: the names "running" and "build:REL", /etc/kernel/config.d, and what --strict refuses.
 * Leaves to others: reading files (src/kconfig/read.ts), which base is taken when none is named (base-config.ts).
 */

import { readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { readOwned } from "../build/files.ts";
import { KsquashError } from "../errors.ts";
import type { ExplicitBase, GivenConfig } from "../kconfig/base-config.ts";
import { type Finding, parseConfig } from "../kconfig/config.ts";
import type { Fragment } from "../kconfig/merge.ts";
import { readConfigFile } from "../kconfig/read.ts";
import { findingLine, localVersionFragment, settingsFragment } from "../kconfig/set-option.ts";
import { buildName, type Layout } from "../layout.ts";
import type { Options } from "../options/types.ts";
import { attempt } from "../system/failure.ts";
import { hasCode } from "../system/files.ts";
import { assertRelease } from "../system/names.ts";
import { blank, call, option, type Text, text } from "../text.ts";
import { type Build, findAllBuilds, findBuilds, isCalled, sudoCaller } from "./builds.ts";
import type { Context } from "./context.ts";

export type FragmentOptions = Pick<Options<"configure">, "fragments" | "set">;

/** The user's: files, then settings. Throws ERR_KSQUASH_NO_INPUT, ERR_KSQUASH_CONFIG_FILE, ERR_KSQUASH_USAGE. */
export async function userFragments(
	context: Context,
	{ fragments = [], set = [] }: FragmentOptions,
): Promise<Fragment[]> {
	return [...(await readFragments(context, fragments)), ...settingsFragment(set)];
}

/** Those of the machine first (/etc/kernel/config.d/*.config, then the settings'), then the user's. */
export async function allFragments(
	context: Context,
	options: Pick<Options<"configure">, "fragments" | "set" | "localVersion">,
): Promise<Fragment[]> {
	const { layout, settings } = context;
	const directory = await namesIn(layout.fragmentDir);
	const machine = directory.filter((name) => name.endsWith(".config") && !name.startsWith(".")).toSorted();
	// Kbuild turns a config into a makefile: whoever can write one of these files decides what root's build runs.
	const caller = await sudoCaller(layout);
	const trusted = [process.geteuid?.() ?? 0, ...(caller === undefined ? [] : [caller.uid])];
	const paths = machine.map((name) => join(layout.fragmentDir, name));
	return [
		...localVersionFragment(options.localVersion),
		...(await readFragments(context, paths, trusted)),
		...(await readFragments(context, settings.fragments ?? [])),
		...(await userFragments(context, options)),
	];
}

async function readFragments(
	{ signal }: Context,
	paths: readonly string[],
	trusted?: readonly number[],
): Promise<Fragment[]> {
	const read = paths.map(async (name) => ({
		name,
		text: await readConfigFile(resolve(name), { signal, trusted, allowEmpty: true }),
	}));
	return await Promise.all(read);
}

async function namesIn(directory: string): Promise<string[]> {
	try {
		return await readdir(directory);
	} catch (error) {
		if (hasCode(error, "ENOENT") || hasCode(error, "ENOTDIR")) return [];
		return await attempt(`read ${directory}`, Promise.reject(error));
	}
}

/** Each line that `conf` would lose is a warning, or, with `strict`, an error. */
export function reportLost(context: Context, findings: readonly Finding[], strict = false): void {
	if (strict) refuseLost(findings);
	else for (const line of lostLines(findings)) context.warn(line);
}

/** Throws ERR_KSQUASH_CONFIG_FILE naming each line that `conf` would lose. */
export function refuseLost(findings: readonly Finding[]): void {
	const lost = lostLines(findings);
	if (lost.length > 0) throw strictError(lost);
}

function lostLines(findings: readonly Finding[]): Text[] {
	return findings.filter(({ kind }) => kind === "lost").map(findingLine);
}

export function findingsOf(fragments: readonly Fragment[]): Finding[] {
	return fragments.flatMap(({ name, text }) => parseConfig(text, name).findings);
}

export function strictError(lines: readonly (string | Text)[]): KsquashError {
	const message = text`${lines.length} ${lines.length === 1 ? "line is" : "lines are"} refused by ${option("strict")}`;
	return new KsquashError("ERR_KSQUASH_CONFIG_FILE", message, {
		notes: lines,
		hint: text`mend the lines named here, or leave ${option("strict")} out`,
	});
}

/** "running", "build:REL", "defconfig", "NAME_defconfig", or a file. */
export async function namedBase({ layout }: Context, base: string | undefined): Promise<ExplicitBase | undefined> {
	if (base === undefined) return undefined;
	if (base === "running") return { kind: "running" };
	if (base.startsWith("build:")) {
		const release = base.slice("build:".length);
		return { kind: "build", release, ...(await readBuildConfig(layout, await findBuild(layout, release))) };
	}
	if (!base.includes("/") && /(?:^|_)defconfig$/.test(base)) return { kind: "defconfig", target: base };
	return { kind: "file", path: resolve(base) };
}

/** The .config of a build directory. Throws ERR_KSQUASH_NO_INPUT where there is none. */
export async function readBuildConfig(
	{ root }: Layout,
	{ path: directory, owner, stamp }: Build,
): Promise<GivenConfig> {
	const content = await readOwned(directory, ".config", owner);
	const path = join(directory, ".config");
	if (content !== undefined) return { path, text: content };
	const again = stamp && call("configure", stamp.release, { root });
	throw new KsquashError("ERR_KSQUASH_NO_INPUT", `${directory} has no .config yet`, {
		path,
		hint: text`run: ${again ?? call("configure", blank("RELEASE"), { root })}`,
		...(again === undefined ? {} : { resume: [again] }),
	});
}

/** The build directory of REL, or of REL-VARIANT. */
export async function findBuild(layout: Layout, name: string): Promise<Build> {
	assertRelease(name, "release");
	const wanted = buildName(name);
	const variants = [...name.matchAll(/-/g)].map(({ index }) => name.slice(0, index));
	for (const release of [name, ...variants]) {
		const found = (await findBuilds(layout, release)).find((build) => isCalled(build, wanted));
		if (found !== undefined) return found;
	}
	const { root } = layout;
	const make = call("configure", blank("RELEASE"), { root });
	throw new KsquashError("ERR_KSQUASH_NO_INPUT", `there is no build directory ${join(layout.sourceDir, wanted)}`, {
		hint: text`${call("status", undefined, { root })} lists those that there are; ${make} makes one`,
	});
}

/** The .config of every build directory, the newest first; what is not its owner's alone is left out. */
export async function buildConfigs(layout: Layout): Promise<(GivenConfig & { name: string })[]> {
	const builds = await findAllBuilds(layout);
	const found = builds.map(async ({ name, path, owner }) => {
		const text = await readOwned(path, ".config", owner).catch(() => undefined);
		const at = join(path, ".config");
		return text === undefined ? [] : [{ name, path: at, text, modified: (await stat(at)).mtimeMs }];
	});
	return (await Promise.all(found)).flat().toSorted((a, b) => b.modified - a.modified);
}
