/**
 * What a running or distribution kernel's config says about the machine it was built on, taken out of a base.
 *
 * Owns: the list of such symbols. A line that goes lets `conf` fill in the value for this tree and toolchain.
 * Leaves to others: which bases need it, and asking the file system (`exists` is an argument). Pure.
 */

import { formatConfig, parseConfig } from "./config.ts";
import { unquote } from "./value.ts";

export interface ScrubOptions {
	/** Does a path of a value exist, as the kernel's build would see it? */
	exists: (path: string) => boolean;
}

export interface Scrubbed {
	symbol: string;
	raw: string;
	line: number;
	why: string;
}

/** Facts about the compiler and tools that `conf` measures itself. */
const measured = new Set([
	...["CC_VERSION_TEXT", "GCC_VERSION", "CLANG_VERSION", "AS_VERSION", "LD_VERSION", "LLD_VERSION", "PAHOLE_VERSION"],
	...["RUSTC_VERSION", "RUSTC_LLVM_VERSION", "RUSTC_VERSION_TEXT", "BINDGEN_VERSION_TEXT", "LLVM_VERSION"],
]);

/** Files that were on the build machine. */
const files = new Set([
	...["SYSTEM_TRUSTED_KEYS", "SYSTEM_REVOCATION_KEYS", "MODULE_SIG_KEY", "INITRAMFS_SOURCE", "EXTRA_FIRMWARE_DIR"],
]);

/** Kbuild makes this key itself when the value is this very text. */
const OWN_KEY = "certs/signing_key.pem";

export function scrubConfig(
	base: Uint8Array,
	name: string,
	options: ScrubOptions,
): { text: Uint8Array; scrubbed: Scrubbed[] } {
	const config = parseConfig(base, name);
	const scrubbed: Scrubbed[] = [];
	const lines = config.lines.filter(({ assignment }) => {
		if (assignment === undefined) return true;
		const why = reason(assignment.symbol, assignment.raw, options);
		if (why === undefined) return true;
		scrubbed.push({ symbol: assignment.symbol, raw: assignment.raw, line: assignment.line, why });
		return false;
	});
	return { text: formatConfig(lines), scrubbed };
}

function reason(symbol: string, raw: string, options: ScrubOptions): string | undefined {
	if (measured.has(symbol)) return "it describes the toolchain of the machine that built it";
	if (symbol === "BUILD_SALT" && raw !== '""') return "it names the build that the config comes from";
	if (!files.has(symbol)) return undefined;
	const paths = pathsOf(symbol, unquote(raw) ?? "");
	const gone = paths.filter((path) => !options.exists(path));
	return gone.length === 0 ? undefined : `${gone.join(" and ")} ${gone.length === 1 ? "does" : "do"} not exist here`;
}

function pathsOf(symbol: string, text: string): string[] {
	if (text === "") return [];
	if (symbol === "MODULE_SIG_KEY" && (text === OWN_KEY || text.startsWith("pkcs11:"))) return [];
	return symbol === "INITRAMFS_SOURCE" ? text.split(/\s+/).filter((path) => path !== "") : [text];
}
