/**
 * A configured release as its config commands need it: build directory, final .config, Kconfig files.
 *
 * Owns: which release is meant when none is named. Leaves to others: what is asked about it.
 */

import { machine } from "node:os";
import { basename } from "node:path";
import { KsquashError } from "../../errors.ts";
import { configArch, kernelArch } from "../../kconfig/arch.ts";
import { type Config, parseConfig } from "../../kconfig/config.ts";
import { configValues } from "../../kconfig/explain/values.ts";
import type { Values } from "../../kconfig/language/expression.ts";
import type { KconfigTree } from "../../kconfig/language/model.ts";
import { readKconfig } from "../../kconfig/language/tree.ts";
import { buildName, releasePaths } from "../../layout.ts";
import { type Build, findAllBuilds } from "../../release/builds.ts";
import { findBuild, readBuildConfig } from "../../release/config-inputs.ts";
import type { Context } from "../../release/context.ts";
import { readLinkIfExists } from "../../system/files.ts";
import { blank, call, text } from "../../text.ts";

export interface ConfiguredRelease {
	release: string;
	build: Build;
	/** Absolute path of the kernel source. */
	source: string;
	configPath: string;
	text: Uint8Array;
	config: Config;
	tree: KconfigTree;
	/** Of the final .config. */
	now: Values;
}

/** `name` is REL or REL-VARIANT; absent: the selected one, or the only one. Throws ERR_KSQUASH_NO_INPUT. */
export async function openRelease(context: Context, name?: string): Promise<ConfiguredRelease> {
	const build = await findBuild(context.layout, name ?? (await usualName(context)));
	const release = build.stamp?.release ?? build.name.slice(buildName("").length);
	const { path: configPath, text } = await readBuildConfig(context.layout, build);
	const config = parseConfig(text, configPath);
	const source = releasePaths(context.layout, release).mountPoint;
	const arch = kernelArch(build.stamp?.make?.arch ?? configArch(config) ?? machine());
	const tree = openTree(source, arch, release, context.layout.root);
	return { release, build, source, configPath, text, config, tree, now: configValues(tree, config) };
}

function openTree(source: string, arch: string, release: string, root: string): KconfigTree {
	try {
		return readKconfig({ source, arch, release });
	} catch (error) {
		if (!(error instanceof KsquashError) || error.code !== "ERR_KSQUASH_NO_INPUT") throw error;
		const mount = call("mount", release, { root });
		throw new KsquashError(error.code, error.message, {
			path: source,
			hint: text`mount it first: ${mount}`,
			resume: [mount],
		});
	}
}

async function usualName({ layout }: Context): Promise<string> {
	const prefix = buildName("");
	const selected = basename((await readLinkIfExists(layout.link)) ?? "");
	if (selected.startsWith(prefix)) return selected.slice(prefix.length);
	const builds = await findAllBuilds(layout);
	const [only] = builds;
	if (only !== undefined && builds.length === 1) return only.name.slice(prefix.length);
	const names = builds.map((build) => build.name.slice(prefix.length)).join(", ");
	throw new KsquashError("ERR_KSQUASH_NO_INPUT", "no release is selected", {
		hint:
			names === ""
				? text`${call("configure", blank("RELEASE"), { root: layout.root })} makes a build directory`
				: `name one of: ${names}`,
	});
}
