/**
 * The middle of a configure: base and fragments become one text, `conf` finishes it, and what it dropped is explained.
 *
 * Leaves to others: which base and fragments (src/release/config-inputs.ts), the build directory around it (../configure.ts).
 */

import { existsSync } from "node:fs";
import { machine } from "node:os";
import { isAbsolute, join } from "node:path";
import { configure as runConfigure } from "../../build/configure.ts";
import { kernelArch } from "../../kconfig/arch.ts";
import { auditConfig, missed } from "../../kconfig/audit.ts";
import type { Origin } from "../../kconfig/base-config.ts";
import { parseConfig } from "../../kconfig/config.ts";
import { whyMissed } from "../../kconfig/explain/reasons.ts";
import { configValues } from "../../kconfig/explain/values.ts";
import { readKconfig } from "../../kconfig/language/tree.ts";
import { type Asked, type Fragment, mergeConfigs } from "../../kconfig/merge.ts";
import { scrubConfig } from "../../kconfig/scrub.ts";
import { canMountOwnSource } from "../../kconfig/squashfs-support.ts";
import { findEntry } from "../../release/catalog.ts";
import { reportLost } from "../../release/config-inputs.ts";
import type { Context } from "../../release/context.ts";
import type { Text } from "../../text.ts";

export type Request = Parameters<typeof runConfigure>[0];

export interface Made {
	/** Symbols of the base that were left out. */
	scrubbed: { symbol: string; why: string }[];
	/** One sentence for each thing that was asked for and is not there. */
	missed: string[];
	config: Buffer;
	asked: Asked[];
}

/** A base as text: one make. A defconfig with fragments: two, for the tree itself must make the base. */
export async function merge(
	context: Context,
	request: Request,
	origin: Origin,
	fragments: readonly Fragment[],
): Promise<Made> {
	let base = origin.text;
	if (base === undefined) {
		const made = await runConfigure({ ...request, target: origin.target });
		if (fragments.length === 0) return { config: made.config, asked: [], scrubbed: [], missed: [] };
		base = made.config;
	}
	const name = origin.path ?? "defconfig";
	const own = origin.kind === "build-directory";
	const exists = (path: string): boolean => existsSync(isAbsolute(path) ? path : join(request.source, path));
	const { text, scrubbed } = own ? { text: base, scrubbed: [] } : scrubConfig(base, name, { exists });
	// The fragments' lost lines are said already.
	reportLost(context, parseConfig(text, name).findings);
	const merged = mergeConfigs({ name, text }, fragments);
	const { config } = await runConfigure({ ...request, text: merged.text });
	return {
		config,
		asked: merged.asked,
		scrubbed: scrubbed.map(({ symbol, why }) => ({ symbol, why })),
		missed: whatIsMissing(merged.asked, config, request).map(context.say),
	};
}

/** The Kconfig files are read only where there is something to explain. */
function whatIsMissing(asked: readonly Asked[], text: Buffer, { source, arch }: Request): Text[] {
	const config = parseConfig(text, ".config");
	const lost = missed(auditConfig(asked, config));
	if (lost.length === 0) return [];
	const tree = readKconfig({ source, arch: kernelArch(arch ?? machine()) });
	return lost.map((entry) => whyMissed(entry, tree, configValues(tree, config)).text);
}

/** A kernel of this config that cannot mount its own source would leave its owner without it. */
export async function warnIfUnmountable(context: Context, config: Buffer, release: string): Promise<void> {
	const image = (await findEntry(context.layout, release))?.info;
	if (image === undefined) return;
	const { missing } = canMountOwnSource(parseConfig(config, ".config"), image);
	if (missing.length === 0) return;
	const symbols = missing.map((symbol) => `CONFIG_${symbol}`).join(", ");
	context.warn(`a kernel built with this config could not mount its own source: it lacks ${symbols}`);
}
