/** What benchmarks measure on: real inputs where they are, made-up ones of the same size elsewhere. */

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

/** Debian's amd64 config (package linux-config-6.1: 10,644 lines), or as many made-up lines. */
export function largeBase() {
	const real = join("/usr", "src", "linux-config-6.1", "config.amd64_none_amd64.xz");
	if (existsSync(real)) return execFileSync("xz", ["-dc", real], { maxBuffer: 1 << 26 });
	return Array.from({ length: 10_644 }, (_, at) => `CONFIG_SYMBOL_${at}=${at % 2 === 0 ? "y" : "m"}\n`).join("");
}
