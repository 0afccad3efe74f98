/**
 * What a caller may ask of configure, and the checks that need no source: files there, names good, programs there.
 */

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { assertBuildTools } from "../../build/kbuild.ts";
import { parseConfig } from "../../kconfig/config.ts";
import type { Fragment } from "../../kconfig/merge.ts";
import type { ExplicitBase } from "../../kconfig/origins.ts";
import { readConfigFile } from "../../kconfig/read.ts";
import { attempt } from "../../system/failure.ts";
import { assertRelease } from "../../system/names.ts";
import type { CommonOptions, Context } from "../context.ts";

export interface ConfigureOptions extends CommonOptions {
	/** User name or id. For root: the settings', else root; for others the directory's own, else the caller. */
	owner?: string | number | undefined;
	/** Where the directory lies; beside the source when absent. A link stands there then. */
	buildDir?: string | undefined;
	/** A second build directory of the same release: build-REL-VARIANT. */
	variant?: string | undefined;
	/** "running", "defconfig", "NAME_defconfig", or a file. */
	base?: string | undefined;
	/** Config fragments, merged in this order after those of the settings. */
	fragments?: readonly string[] | undefined;
	/** ARCH= and CROSS_COMPILE= of make. */
	arch?: string | undefined;
	cross?: string | undefined;
	/** NAME=VALUE for make, e.g. "CC=clang". */
	makeArgs?: readonly string[] | undefined;
}

/**
 * Says what is wrong with the options before any work. Without `source` a kernel of today is assumed.
 *
 * Throws ERR_KSQUASH_USAGE, ERR_KSQUASH_NO_INPUT, ERR_KSQUASH_RELEASE_NAME, ERR_KSQUASH_TOOL_MISSING, and what is wrong
 * with a config file.
 */
export async function checkOptions(
	context: Context,
	options: ConfigureOptions,
	{ release = "x", source }: { release?: string | undefined; source?: string | undefined } = {},
): Promise<void> {
	if (options.variant !== undefined) assertRelease(`${release}-${options.variant}`, "from --variant");
	for (const { name, text } of await readFragments(context, options)) parseConfig(text, name);
	const base = explicitBase(options.base);
	if (base?.kind === "file")
		parseConfig(await attempt(`read the base ${base.path}`, readConfigFile(base.path)), base.path);
	await assertBuildTools(options, source);
}

/** The settings' fragments first. */
export async function readFragments({ settings }: Context, { fragments }: ConfigureOptions): Promise<Fragment[]> {
	const paths = [...(settings.fragments ?? []), ...(fragments ?? [])];
	return await Promise.all(
		paths.map(async (path) => ({ name: path, text: await attempt(`read the fragment ${path}`, readFile(path)) })),
	);
}

export function explicitBase(base: string | undefined): ExplicitBase | undefined {
	if (base === undefined) return undefined;
	if (base === "running") return { kind: "running" };
	if (!base.includes("/") && /(?:^|_)defconfig$/.test(base)) return { kind: "defconfig", target: base };
	return { kind: "file", path: resolve(base) };
}
