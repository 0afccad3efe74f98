/**
 * Mounting by the add-on itself: no process is started.
 *
 * Owns: the words for what went wrong, with the holders of a busy mount named.
 * Leaves to others: the system calls (native/core) and what to mount where.
 */

import { type ErrorCode, type ErrorDetails, KsquashError } from "../errors.ts";
import { type FileId, type Holder, holders, mountImage, umount } from "../native/verbs.ts";
import { failure, isSystemError, lacksDecompressor } from "../system/failure.ts";
import type { Mounted, Mounter } from "./mounter.ts";

export class DirectMounter implements Mounter {
	readonly kind = "direct";

	async mount(image: string, target: string, options: { expect?: FileId } = {}): Promise<Mounted> {
		try {
			return await mountImage({ image, target, ...options });
		} catch (error) {
			const code = codeFor(error);
			throw failure(error, `mount ${image} on ${target}`, { ...(code ? { code } : {}), step: stepOf(error) });
		}
	}

	async umount(target: string, options: { lazy?: boolean; expect?: FileId } = {}): Promise<{ stillHeld: boolean }> {
		try {
			return await umount(target, options);
		} catch (error) {
			if (!isSystemError(error) || error.code !== "EBUSY") throw failure(error, `unmount ${target}`);
			// Nobody uses the mount then: another holds the lock under all of them.
			if (error.step === "lock")
				throw failure(error, `unmount ${target}`, { code: "ERR_KSQUASH_LOCKED", step: "lock" });
			throw await busy(target, { errno: error.errno, syscall: error.syscall, cause: error });
		}
	}
}

function stepOf(error: unknown): string {
	return (isSystemError(error) && error.step) || "mount";
}

/** The errno alone does not tell a bad image from a missing module: the step does. */
function codeFor(error: unknown): ErrorCode | undefined {
	if (!isSystemError(error) || lacksDecompressor(error)) return undefined;
	if (error.step === "superblock") return "ERR_KSQUASH_IMAGE";
	if (error.code === "EBUSY" && error.step !== "lock") return "ERR_KSQUASH_OCCUPIED";
	if (error.code === "EBUSY") return "ERR_KSQUASH_LOCKED";
	if (error.code === "EINVAL" || error.code === "EIO") return "ERR_KSQUASH_IMAGE";
	return undefined;
}

/** With everybody named who is in the way. */
export async function busy(target: string, details: ErrorDetails = {}): Promise<KsquashError> {
	const notes = holderLines(await holders(target).catch(() => []));
	return new KsquashError("ERR_KSQUASH_BUSY", `${target} is busy`, { ...details, path: target, notes });
}

/** One line for each process, for a person. */
export function holderLines(found: readonly Holder[]): string[] {
	return found
		.slice(0, 20)
		.map(({ pid, comm, uid, how, path }) => `${comm} (pid ${pid}, uid ${uid}): ${how.join(", ")} ${path}`);
}
