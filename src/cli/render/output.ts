/**
 * stdout and stderr of the process, as far as Node leaves gaps.
 *
 * Owns: that output which could not be written whole is an error with a status, and that a reader who went away is none.
 * Leaves to others: what is written.
 */

import { fstatSync, writeSync } from "node:fs";
import { Exit } from "../../errors.ts";

/** Call it once, before anything is written. */
export function guardOutput(): void {
	const { stdout, stderr } = process;
	// Whoever closed stderr is told nothing, and a reader that went away (| head) is no reason to leave work half done.
	stderr.on("error", () => undefined);
	stdout.on("error", (error: NodeJS.ErrnoException) => {
		if (error.code === "EPIPE") return;
		stderr.write(
			`ksquash: cannot write the output: ${error.message}\n  → what was written is not whole: make room, and run it again\n`,
		);
		// Whatever main() says in the meantime.
		process.once("exit", () => {
			process.exitCode = Exit.cannotCreate;
		});
	});
	if (fstatSync(stdout.fd).isFile()) stdout._write = writeWhole;
}

/** Node takes a short write to a file, as on a disk that fills up, for a whole one (SyncWriteStream, Node 20 to 26). */
function writeWhole(
	this: typeof process.stdout,
	chunk: Buffer,
	_: BufferEncoding,
	done: (error?: Error) => void,
): void {
	let failed: Error | undefined;
	try {
		for (let at = 0; at < chunk.length; ) at += writeSync(this.fd, chunk, at);
	} catch (error) {
		failed = error as Error;
	}
	done(failed);
}
