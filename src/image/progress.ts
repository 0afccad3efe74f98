/**
 * How far a tool is that says nothing of it.
 *
 * Owns: the one place where that can be seen from outside.
 */

import { readFile } from "node:fs/promises";

/**
 * mksquashfs draws its bar only on a terminal, and -percentage is of 4.6: what it has read is in /proc/PID/io.
 */
export function watchReads(pid: number, report: ((bytes: number) => void) | undefined): () => void {
	if (report === undefined) return () => undefined;
	const timer = setInterval(() => {
		readFile(`/proc/${pid}/io`, "latin1").then(
			(text) => report(Number(/^rchar: (\d+)/m.exec(text)?.[1] ?? 0)),
			() => undefined,
		);
	}, 250);
	return () => clearInterval(timer);
}
