/**
 * From a system error (the add-on's or Node's) to a KsquashError: the code by errno, the message by the caller.
 *
 * Owns: which errno means which code. Leaves to others: what was being done, said in `doing`.
 */

import { type ErrorCode, type ErrorDetails, KsquashError } from "../errors.ts";
import { option, text } from "../text.ts";

/** kernel-lacks-compressor: the image may be good. */
export type ImageFault =
	| "not-an-image"
	| "unsupported-format"
	| "truncated"
	| "unpadded"
	| "damaged"
	| "kernel-lacks-compressor";

/** What a native rejection looks like: Node's SystemError shape and three more fields. */
export interface NativeError extends Error {
	/** Negative errno. */
	errno: number;
	/** e.g. "ENOENT". */
	code: string;
	syscall: string;
	path?: string;
	dest?: string;
	/** The step of the verb, e.g. "attach", "fsopen", "probe-read", "move". */
	step?: string;
	/** The kernel's fs-context log, where it said something. */
	kernelLog?: string;
	/** Why an image is refused, for programs. */
	kind?: ImageFault;
	/** For images and targets: the reason in words, e.g. "wrong magic: this is gzip data". */
	reason?: string;
}

const codes: Readonly<Record<string, ErrorCode>> = {
	EACCES: "ERR_KSQUASH_PRIVILEGE",
	EPERM: "ERR_KSQUASH_PRIVILEGE",
	EROFS: "ERR_KSQUASH_IO",
	EIO: "ERR_KSQUASH_IO",
	EFBIG: "ERR_KSQUASH_NO_SPACE",
	ENOSPC: "ERR_KSQUASH_NO_SPACE",
	EDQUOT: "ERR_KSQUASH_NO_SPACE",
	ENOENT: "ERR_KSQUASH_NO_INPUT",
	EISDIR: "ERR_KSQUASH_NO_INPUT",
	ENOTDIR: "ERR_KSQUASH_OCCUPIED",
	ENOTEMPTY: "ERR_KSQUASH_OCCUPIED",
	EEXIST: "ERR_KSQUASH_OCCUPIED",
	ELOOP: "ERR_KSQUASH_OCCUPIED",
	EBUSY: "ERR_KSQUASH_BUSY",
	EWOULDBLOCK: "ERR_KSQUASH_LOCKED",
	EAGAIN: "ERR_KSQUASH_LOCKED",
	ESTALE: "ERR_KSQUASH_CHANGED",
	EXDEV: "ERR_KSQUASH_TREE_UNSUITABLE",
	ENODEV: "ERR_KSQUASH_KERNEL",
	ENOSYS: "ERR_KSQUASH_KERNEL",
};

const WITHOUT_DECOMPRESSOR = text`build the kernel with this decompressor; or pack with another ${option("compressor")} (with ${option("userSpace")} for a kernel elsewhere)`;

/** errno → name and meaning of those that libuv has no name for; Node says "Unknown system error -122" of them. */
const unnamed: Readonly<Record<number, readonly [string, string]>> = {
	116: ["ESTALE", "stale file handle"],
	117: ["EUCLEAN", "the file system is damaged"],
	122: ["EDQUOT", "disk quota exceeded"],
	123: ["ENOMEDIUM", "no medium found"],
	133: ["EHWPOISON", "memory page has a hardware error"],
};

/**
 * Wraps `error` as what went wrong while `doing` something, e.g. "mount /a.sqfs on /b".
 * A KsquashError, an AbortError and what is no system error pass through unchanged.
 */
export function failure(error: unknown, doing: string, details: ErrorDetails & { code?: ErrorCode } = {}): unknown {
	if (error instanceof KsquashError || !isSystemError(error)) return error;
	const lacking = lacksDecompressor(error);
	const { code = lacking ? "ERR_KSQUASH_KERNEL" : undefined, ...rest } = details;
	const inner = error.path === undefined || doing.includes(error.path) ? "" : `${error.path}: `;
	// Node's own messages name their path already.
	const [name, meaning] = unnamed[Math.abs(error.errno)] ?? [error.code];
	const message = error.message.replaceAll(/(?:Unknown system error -\d+(?:: )?)+/g, `${name}: ${meaning}`);
	const reason = error.reason === undefined ? message : inner + error.reason;
	return new KsquashError(code ?? codes[name] ?? "ERR_KSQUASH_IO", `cannot ${doing}: ${reason}`, {
		errno: error.errno,
		syscall: error.syscall,
		...(error.path === undefined ? {} : { path: error.path }),
		...(error.step === undefined ? {} : { step: error.step }),
		...(error.kernelLog ? { kernelLog: error.kernelLog } : {}),
		...(lacking ? { hint: WITHOUT_DECOMPRESSOR } : {}),
		cause: error,
		...rest,
	});
}

/** The image may be good: this kernel cannot unpack it. */
export function lacksDecompressor({ kind }: NativeError): boolean {
	return kind === "kernel-lacks-compressor";
}

/** Awaits `work`; a system error in it is thrown as `failure(error, doing)`. */
export async function attempt<T>(
	doing: string,
	work: Promise<T>,
	details: ErrorDetails & { code?: ErrorCode } = {},
): Promise<T> {
	try {
		return await work;
	} catch (error) {
		throw failure(error, doing, details);
	}
}

export function isSystemError(error: unknown): error is NativeError {
	// By its shape, as hasCode does it.
	if (typeof error !== "object" || error === null) return false;
	return typeof (error as NativeError).errno === "number" && "code" in error;
}

/**
 * Of a program that wrote to `output`: what it could not do is in its last lines only, its exit status is one for all.
 * Other errors than ERR_KSQUASH_TOOL_FAILED pass through.
 */
export function toolFailure(error: unknown, output: string): unknown {
	if (!(error instanceof KsquashError) || error.code !== "ERR_KSQUASH_TOOL_FAILED") return error;
	const said = error.notes.join("\n");
	if (/Permission denied|Operation not permitted/.test(said)) {
		return new KsquashError("ERR_KSQUASH_PRIVILEGE", `cannot make ${output}: ${error.message}`, {
			path: output,
			notes: error.notes,
			cause: error,
		});
	}
	const noRoom = /No space left on device|Disk quota exceeded|File too large|File size limit/.test(said);
	const full = noRoom || error.signal === "SIGXFSZ";
	if (!full && !/Input\/output error/.test(said)) return error;
	return new KsquashError(
		full ? "ERR_KSQUASH_NO_SPACE" : "ERR_KSQUASH_IO",
		`cannot write ${output}: ${error.message}`,
		{ path: output, notes: error.notes, cause: error },
	);
}
