/**
 * After `conf`: what the user asked for against the final .config.
 *
 * Owns: the verdict on each line, and whether the new kernel could mount its own source.
 * Leaves to others: why Kconfig decided so. Pure.
 */

import { type Config, symbolValue } from "./config.ts";
import type { Asked } from "./merge.ts";

/**
 * ok: as asked · equal: n, and the symbol is not there · promoted: y instead of m · absent: the symbol is not there ·
 * different: it has another value.
 */
export type Verdict = "ok" | "equal" | "promoted" | "absent" | "different";

export interface AuditEntry extends Asked {
	verdict: Verdict;
	/** As written in the final .config; absent when the symbol is not there. */
	got?: string;
}

/** One entry for each symbol that was asked for. */
export function auditConfig(asked: readonly Asked[], final: Config): AuditEntry[] {
	return asked.map((entry) => {
		const got = final.symbols.get(entry.symbol);
		const verdict = judge(entry.value, got?.value);
		return { ...entry, verdict, ...(got === undefined ? {} : { got: got.raw }) };
	});
}

/** What the user did not get. A module that became built-in is there all the same. */
export function missed(entries: readonly AuditEntry[]): AuditEntry[] {
	return entries.filter(({ verdict }) => verdict === "absent" || verdict === "different");
}

function judge(asked: string, got: string | undefined): Verdict {
	if (got === undefined) return asked === "n" ? "equal" : "absent";
	if (sameNumber(asked, got)) return "ok";
	return asked === "m" && got === "y" ? "promoted" : "different";
}

/** `conf` writes a hex symbol with 0x, however it was asked for. */
function sameNumber(asked: string, got: string): boolean {
	return asked === got || (got.startsWith("0x") && /^[0-9a-f]+$/.test(asked) && got === `0x${asked}`);
}

const compressors: Readonly<Record<string, string>> = {
	gzip: "SQUASHFS_ZLIB",
	lzo: "SQUASHFS_LZO",
	lz4: "SQUASHFS_LZ4",
	xz: "SQUASHFS_XZ",
	zstd: "SQUASHFS_ZSTD",
};

export interface OwnSource {
	ok: boolean;
	/** The symbols to set, e.g. ["SQUASHFS_XZ"]. */
	missing: string[];
	/** No mainline kernel reads this compressor. */
	unreadable: boolean;
}

/** Could a kernel of this config mount an image of its own source? Built in or as a module. */
export function canMountOwnSource(config: Config, compressor: string): OwnSource {
	const symbol = compressors[compressor];
	const needed = ["BLK_DEV_LOOP", "SQUASHFS", ...(symbol === undefined ? [] : [symbol])];
	const missing = needed.filter((name) => !["y", "m"].includes(symbolValue(config, name)));
	return { ok: missing.length === 0 && symbol !== undefined, missing, unreadable: symbol === undefined };
}
