/**
 * A tarball's checked stream into whatever takes a tar: the image's writer, or a directory.
 *
 * Owns: that both ends have ended on return, and which of their two errors is the reason.
 */

import type { Context } from "../../release/context.ts";
import type { TopDirectory } from "../../source/repack.ts";
import { streamTarball, type Tarball, type TarballContent, type Unpacking } from "../../source/tarball.ts";

export interface TarTaker<T> {
	input: NodeJS.WritableStream;
	finished: Promise<T>;
}

export async function streamInto<T>(
	{ signal: outer }: Context,
	tarball: Tarball,
	options: Omit<Unpacking, "onTop" | "signal">,
	open: (top: TopDirectory, signal: AbortSignal) => TarTaker<T>,
): Promise<{ content: TarballContent; result: T }> {
	const stop = new AbortController();
	const { signal } = stop;
	// Not AbortSignal.any: it never hears of a signal that is another realm's.
	const abort = (): void => stop.abort(outer?.reason);
	outer?.addEventListener("abort", abort, { once: true });
	if (outer?.aborted) abort();
	let taker: TarTaker<T> | undefined;
	const onTop = (top: TopDirectory): NodeJS.WritableStream => {
		taker = open(top, signal);
		return taker.input;
	};
	try {
		const content = await streamTarball(tarball, { ...options, signal, onTop });
		return { content, result: await (taker as unknown as TarTaker<T>).finished };
	} catch (error) {
		throw await rootCause(taker, error, stop);
	} finally {
		outer?.removeEventListener("abort", abort);
	}
}

/** The reason that counts: where the taker died, its own words and not the broken pipe. It has ended on return. */
async function rootCause(
	taker: TarTaker<unknown> | undefined,
	error: unknown,
	stop: AbortController,
): Promise<unknown> {
	const broken = ["EPIPE", "ERR_STREAM_PREMATURE_CLOSE", "ERR_STREAM_DESTROYED"];
	const pipe = broken.includes((error as NodeJS.ErrnoException).code ?? "");
	if (!pipe) stop.abort(error);
	const own = await taker?.finished.then(
		() => undefined,
		(reason: unknown) => reason,
	);
	return pipe && own !== undefined ? own : error;
}
