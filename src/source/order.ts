/**
 * Does an archive hold the files of each directory in the order of their names, as those of kernel.org and Debian do?
 *
 * Owns: that question, asked while the archive streams by. An image has its files in the order of the stream, and who
 * walks a directory reads them in the order of their names: squashfs caches three fragments (fs/squashfs,
 * CONFIG_SQUASHFS_FRAGMENT_CACHE_SIZE), so in another order the same ones are unpacked again and again.
 */

import type { TarEntry, TarVisitor } from "../tar/tar.ts";

/** With fewer neighbours all that there is fits into a fragment or two. */
const ENOUGH = 100;
/** Half of all steps lead back where there is no order; a sort by another locale makes a few. */
const SHARE = 0.1;

/** Looks at each entry on its way to another visitor. */
export class OrderWatch implements TarVisitor {
	readonly #to: TarVisitor;
	#last = { directory: "", name: "" };
	#steps = 0;
	#back = 0;

	constructor(to: TarVisitor) {
		this.#to = to;
	}

	entry(entry: TarEntry): ReturnType<TarVisitor["entry"]> {
		if (entry.type === "f") this.#note(entry.path);
		return this.#to.entry(entry);
	}

	end(entry: TarEntry, sha256: string | undefined): ReturnType<TarVisitor["end"]> {
		return this.#to.end(entry, sha256);
	}

	/** Of what has come so far. */
	get inOrder(): boolean {
		return this.#steps < ENOUGH || this.#back <= this.#steps * SHARE;
	}

	#note(path: string): void {
		const slash = path.lastIndexOf("/");
		const next = { directory: path.slice(0, slash + 1), name: path.slice(slash + 1) };
		if (next.directory === this.#last.directory) {
			this.#steps++;
			if (next.name < this.#last.name) this.#back++;
		}
		this.#last = next;
	}
}
