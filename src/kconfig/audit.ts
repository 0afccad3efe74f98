/**
 * After `conf`: what the user asked for against the final .config.
 *
 * Owns: the verdict on each line.
 * Leaves to others: why Kconfig decided so. Pure.
 */

import type { Config } from "./config.ts";
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
		const verdict = judgeSetting(entry.value, got?.value);
		return { ...entry, verdict, ...(got === undefined ? {} : { got: got.raw }) };
	});
}

/** What the user did not get. A module that became built-in is there all the same. */
export function missed(entries: readonly AuditEntry[]): AuditEntry[] {
	return entries.filter(({ verdict }) => verdict === "absent" || verdict === "different");
}

function judgeSetting(asked: string, got: string | undefined): Verdict {
	if (got === undefined) return asked === "n" ? "equal" : "absent";
	if (sameNumber(asked, got)) return "ok";
	return asked === "m" && got === "y" ? "promoted" : "different";
}

/** `conf` writes a hex symbol with 0x, however it was asked for. */
function sameNumber(asked: string, got: string): boolean {
	return asked === got || (got.startsWith("0x") && /^[0-9a-f]+$/.test(asked) && got === `0x${asked}`);
}
