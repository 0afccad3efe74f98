/**
 * Errors of the add-on in the shape of Node's SystemError, with errno, code, syscall, path and dest.
 *
 * Owns: the message and the names of errnos. Leaves to others: hints and codes of ksquash (src/errors.ts).
 */

import { getSystemErrorMap } from "node:util";
import type { NativeError } from "./types.ts";

/** What the add-on rejects with (fromError in native/addon/values.cpp); paths are escaped to printable already. */
export interface RawError {
	/** Negative. */
	errno: number;
	syscall: string;
	path?: string;
	dest?: string;
	step?: string;
	kind?: NativeError["kind"];
	kernelLog?: string;
	reason?: string;
}

/** "CODE: text, syscall 'path' -> 'dest'", as Node's own fs writes it. */
export function nativeError(raw: RawError): NativeError {
	const [name, text] = getSystemErrorMap().get(raw.errno) ?? own.get(raw.errno) ?? [`E${-raw.errno}`, "unknown error"];
	// EAGAIN and EWOULDBLOCK are one number on Linux; of a lock, flock(2) says the latter.
	const code = raw.syscall === "flock" && name === "EAGAIN" ? "EWOULDBLOCK" : name;
	const path = raw.path === undefined ? "" : ` '${raw.path}'`;
	const dest = raw.dest === undefined ? "" : ` -> '${raw.dest}'`;
	const reason = raw.reason === undefined ? "" : ` (${raw.reason})`;
	const error = new Error(`${code}: ${text}, ${raw.syscall}${path}${dest}${reason}`);
	return Object.assign(error, { ...raw, code }) as NativeError;
}

/** Errnos that libuv has no name for. */
const own = new Map<number, [string, string]>([
	[-15, ["ENOTBLK", "block device required"]],
	[-61, ["ENODATA", "no data available"]],
	[-116, ["ESTALE", "stale file handle"]],
	[-117, ["EUCLEAN", "structure needs cleaning"]],
	[-122, ["EDQUOT", "disk quota exceeded"]],
]);
