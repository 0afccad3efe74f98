/**
 * A config by the name that a person gives: a file of any kind, "running", or "build:REL".
 *
 * Owns: these names. Leaves to others: reading files and images (src/kconfig/read.ts), the order of bases (origins.ts).
 */

import { join, resolve } from "node:path";
import { readOwned } from "../../build/files.ts";
import { KsquashError } from "../../errors.ts";
import { type Config, parseConfig } from "../../kconfig/config.ts";
import { findBase } from "../../kconfig/origins.ts";
import { readConfigFile } from "../../kconfig/read.ts";
import { buildName, type Layout } from "../../layout.ts";
import { type Build, findBuilds } from "../builds.ts";
import type { Context } from "../context.ts";

export interface NamedConfig {
	/** How it is called in reports: its path. */
	name: string;
	text: Uint8Array;
	config: Config;
}

/** Throws ERR_KSQUASH_NO_INPUT, ERR_KSQUASH_CONFIG_FILE, ERR_KSQUASH_PRIVILEGE. */
export async function openConfig(context: Context, spec: string): Promise<NamedConfig> {
	const { signal } = context;
	if (spec === "running") {
		const { path, text } = await findBase({ explicit: { kind: "running" }, signal });
		// An explicit "running" is a file or an error.
		return named(path ?? spec, text as Uint8Array);
	}
	if (spec.startsWith("build:")) {
		const build = await findBuild(context.layout, spec.slice("build:".length));
		const text = await readOwned(build.path, ".config", build.owner);
		const path = join(build.path, ".config");
		if (text !== undefined) return named(path, text);
		throw new KsquashError("ERR_KSQUASH_NO_INPUT", `${build.path} has no .config yet`, {
			path,
			hint: `run: ksquash configure ${build.stamp?.release ?? "RELEASE"}`,
		});
	}
	return named(spec, await readConfigFile(resolve(spec), { signal, allowEmpty: true }));
}

function named(name: string, text: Uint8Array): NamedConfig {
	return { name, text, config: parseConfig(text, name) };
}

/** The build directory of REL, or of REL-VARIANT. */
export async function findBuild(layout: Layout, name: string): Promise<Build> {
	const wanted = buildName(name);
	const variants = [...name.matchAll(/-/g)].map(({ index }) => name.slice(0, index));
	for (const release of [name, ...variants]) {
		const found = (await findBuilds(layout, release)).find((build) => build.name === wanted);
		if (found !== undefined) return found;
	}
	throw new KsquashError("ERR_KSQUASH_NO_INPUT", `there is no build directory ${join(layout.sourceDir, wanted)}`, {
		hint: "ksquash status lists those that there are; ksquash configure RELEASE makes one",
	});
}
