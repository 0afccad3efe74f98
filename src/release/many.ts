/**
 * One operation on many releases that were found here: one that fails does not stop the others.
 */

import { KsquashError } from "../errors.ts";
import type { Context } from "./context.ts";

export interface Failed {
	release: string;
	error: unknown;
}

/** Ends early only when the work is cancelled. */
export async function forEachRelease<T>(
	{ signal }: Context,
	releases: readonly string[],
	work: (release: string) => Promise<T>,
): Promise<{ done: T[]; failed: Failed[] }> {
	const done: T[] = [];
	const failed: Failed[] = [];
	for (const release of releases) {
		try {
			done.push(await work(release));
		} catch (error) {
			signal?.throwIfAborted();
			// Removed by another process since it was listed: there is nothing left to do for it.
			if (error instanceof KsquashError && error.code === "ERR_KSQUASH_NO_RELEASE") continue;
			failed.push({ release, error });
		}
	}
	return { done, failed };
}
