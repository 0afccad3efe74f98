/**
 * A config by the name that a person gives: a file of any kind, "running", or "build:REL".
 */

import { resolve } from "node:path";
import { type Config, parseConfig } from "../../kconfig/config.ts";
import { findBase } from "../../kconfig/origins.ts";
import { readConfigFile } from "../../kconfig/read.ts";
import type { Context } from "../context.ts";
import { findBuild, readBuildConfig } from "../inputs.ts";

export interface NamedConfig {
	/** How it is called in reports: its path. */
	name: string;
	text: Uint8Array;
	config: Config;
}

/** Throws ERR_KSQUASH_NO_INPUT, ERR_KSQUASH_CONFIG_FILE, ERR_KSQUASH_PRIVILEGE. */
export async function openConfig(context: Context, spec: string): Promise<NamedConfig> {
	const { signal, layout } = context;
	if (spec === "running") {
		const { path, text } = await findBase({ explicit: { kind: "running" }, signal });
		// An explicit "running" is a file or an error.
		return named(path ?? spec, text as Uint8Array);
	}
	if (spec.startsWith("build:")) {
		const { path, text } = await readBuildConfig(await findBuild(layout, spec.slice("build:".length)));
		return named(path, text);
	}
	return named(spec, await readConfigFile(resolve(spec), { signal, allowEmpty: true }));
}

function named(name: string, text: Uint8Array): NamedConfig {
	return { name, text, config: parseConfig(text, name) };
}
