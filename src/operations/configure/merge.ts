/**
 * One configure's text: base, scrub, fragments, make; and what is remembered of where it came from.
 */

import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { configure as runConfigure } from "../../build/configure.ts";
import { type Stamp, sha256 } from "../../build/stamp.ts";
import { auditConfig, missed } from "../../kconfig/audit.ts";
import { parseConfig } from "../../kconfig/config.ts";
import { type Asked, type Fragment, mergeConfigs } from "../../kconfig/merge.ts";
import type { Origin } from "../../kconfig/origins.ts";
import { scrubConfig } from "../../kconfig/scrub.ts";

export interface Merged {
	/** The final .config. */
	config: Buffer;
	/** Symbols of the base that were left out: facts of another compiler, files that are not here. */
	scrubbed: { symbol: string; why: string }[];
	/** What was asked for in fragments and is not in the final config. */
	missed: string[];
}

type Request = Parameters<typeof runConfigure>[0];

/** A base as text: one make. A defconfig with fragments: two, for the tree itself must make the base. */
export async function merge(request: Request, origin: Origin, fragments: readonly Fragment[]): Promise<Merged> {
	let base = origin.text;
	if (base === undefined) {
		const made = await runConfigure({ ...request, target: origin.target });
		if (fragments.length === 0) return { config: made.config, scrubbed: [], missed: [] };
		base = made.config;
	}
	const name = origin.path ?? "defconfig";
	const own = origin.kind === "build-directory";
	const exists = (path: string): boolean => existsSync(isAbsolute(path) ? path : join(request.source, path));
	const { text, scrubbed } = own ? { text: base, scrubbed: [] } : scrubConfig(base, name, { exists });
	const merged = mergeConfigs({ name, text }, fragments);
	const { config } = await runConfigure({ ...request, text: merged.text });
	return {
		config,
		scrubbed: scrubbed.map(({ symbol, why }) => ({ symbol, why })),
		missed: lost(merged.asked, config),
	};
}

function lost(asked: readonly Asked[], config: Buffer): string[] {
	return missed(auditConfig(asked, parseConfig(config, ".config"))).map(
		({ file, line, symbol, raw, verdict }) => `${file}:${line}: CONFIG_${symbol}=${raw} (${verdict})`,
	);
}

/** What the stamp says of the inputs. */
export function record(origin: Origin, fragments: readonly Fragment[]): Pick<Stamp, "base" | "fragments"> {
	return {
		base: {
			kind: origin.kind,
			...(origin.path === undefined ? {} : { path: origin.path }),
			...(origin.target === undefined ? {} : { target: origin.target }),
			...(origin.text === undefined ? {} : { sha256: sha256(origin.text) }),
		},
		fragments: fragments.map(({ name, text }) => ({ name, sha256: sha256(text) })),
	};
}
