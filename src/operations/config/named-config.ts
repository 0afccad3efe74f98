/**
 * A config by the name that a person gives: a file of any kind, "running", or "build:REL".
 */

import { resolve } from "node:path";
import { findBase } from "../../kconfig/base-config.ts";
import { type Config, parseConfig } from "../../kconfig/config.ts";
import type { Fragment } from "../../kconfig/merge.ts";
import { readConfigFile } from "../../kconfig/read.ts";
import { findBuild, readBuildConfig } from "../../release/config-inputs.ts";
import type { Context } from "../../release/context.ts";
import { assertPath } from "../../system/names.ts";

/** The name is its path. */
export interface NamedConfig extends Fragment {
	config: Config;
}

/** Throws ERR_KSQUASH_NO_INPUT, ERR_KSQUASH_CONFIG_FILE, ERR_KSQUASH_PRIVILEGE. */
export async function openConfig(context: Context, spec: string): Promise<NamedConfig> {
	const { name, text } = await readNamed(context, spec);
	return { name, text, config: parseConfig(text, name) };
}

/** The text alone. Throws as openConfig. */
export async function readNamed(context: Context, spec: string): Promise<Fragment> {
	const { signal, layout } = context;
	assertPath(spec, "a config");
	if (spec === "running") {
		const { path, text } = await findBase({ explicit: { kind: "running" }, signal });
		// An explicit "running" is a file or an error.
		return { name: path ?? spec, text: text as Uint8Array };
	}
	if (spec.startsWith("build:")) {
		const { path, text } = await readBuildConfig(layout, await findBuild(layout, spec.slice("build:".length)));
		return { name: path, text };
	}
	return { name: spec, text: await readConfigFile(resolve(spec), { signal, allowEmpty: true }) };
}
