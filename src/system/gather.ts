/**
 * Many small chunks of a stream, gathered into few large ones.
 *
 * Owns: how large. A tar of a kernel comes as three chunks a file, and a system call for each is a third of what the
 * stream costs.
 */

import { Transform, type TransformCallback } from "node:stream";

/** What a UNIX socket, which a child's stdin is, takes at once (net.core.wmem_default: 208 KiB). */
const SIZE = 64 << 10;

export class Gather extends Transform {
	#buffer = Buffer.allocUnsafeSlow(SIZE);
	#used = 0;

	override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
		let from = 0;
		while (from < chunk.length) {
			const taken = chunk.copy(this.#buffer, this.#used, from);
			from += taken;
			this.#used += taken;
			if (this.#used === SIZE) this.#give();
		}
		done();
	}

	override _flush(done: TransformCallback): void {
		this.#give();
		done();
	}

	/** The reader keeps what it is given: the next bytes go into another buffer. */
	#give(): void {
		if (this.#used > 0) this.push(this.#buffer.subarray(0, this.#used));
		this.#buffer = Buffer.allocUnsafeSlow(SIZE);
		this.#used = 0;
	}
}
