/**
 * What happens to each entry of a kernel tarball: checked, stripped of the leading directory, written on, listed.
 *
 * Owns: which names and links are refused (they could write outside the tree), and the canonical list.
 * Leaves to others: reading the archive (src/tar/tar.ts) and where the new one goes.
 */

import type { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Pack, pack } from "tar-stream";
import { KsquashError } from "../errors.ts";
import type { TreeList } from "../native/verbs.ts";
import { ListBuilder, type ListEntry } from "../system/list.ts";
import { printable } from "../system/names.ts";
import { Gather } from "../tar/gather.ts";
import { type BodySink, type TarEntry, type TarVisitor, write } from "../tar/tar.ts";
import { isLocalVersionName, kernelRelease, type LocalVersionFile } from "./release.ts";

export interface TopDirectory {
	mode: number;
	/** Whole seconds since 1970. */
	mtime: number;
}

/** tar-stream writes times as 32-bit numbers. */
const LATEST = 0x7fff_ffff;

const tarTypes = {
	f: "file",
	d: "directory",
	l: "symlink",
	hardlink: "link",
	c: "character-device",
	b: "block-device",
	p: "fifo",
	s: "fifo",
} as const;

/** An entry is newer than the top directory, although the caller counted on the contrary. */
export class NewerThanTop extends Error {}

export class Repacker implements TarVisitor {
	readonly #from: string;
	readonly #onTop: (top: TopDirectory) => NodeJS.WritableStream;
	readonly #topIsNewest: boolean;
	readonly #list = new ListBuilder();
	/** Every path so far; files with what a hard link to them repeats. */
	readonly #seen = new Map<string, ListEntry>();
	readonly #versionFiles = new Map<string, Buffer[]>();
	#pack: Pack | undefined;
	#written: Promise<void> | undefined;
	#failure: unknown;
	#topTime = 0;
	#prefix = "";
	#body: { path: string; sink: Writable } | undefined;

	/**
	 * `onTop` is called once, at the first entry; it gives the stream that the new tar is written to.
	 * `topIsNewest`: throw NewerThanTop at the first entry that is newer than the top directory.
	 */
	constructor(from: string, onTop: (top: TopDirectory) => NodeJS.WritableStream, topIsNewest: boolean) {
		this.#from = from;
		this.#topIsNewest = topIsNewest;
		this.#onTop = onTop;
	}

	entry(entry: TarEntry): BodySink | undefined {
		if (this.#failure !== undefined) throw this.#failure;
		if (entry.mtime < 0 || entry.mtime > LATEST) this.#refuse(entry, "its time is before 1970 or after 2038");
		if (entry.xattrs.length > 0) this.#refuse(entry, `it has extended attributes (${entry.xattrs.join(", ")})`);
		if (this.#pack === undefined) this.#begin(entry);
		if (this.#topIsNewest && entry.mtime > this.#topTime) throw new NewerThanTop();
		const path = this.#place(entry);
		if (path === "") return undefined;
		this.#makeParents(path, entry.mtime);
		return this.#add(entry, path);
	}

	end(entry: TarEntry, sha256: string | undefined): void {
		if (this.#body === undefined) return;
		const { path, sink } = this.#body;
		this.#body = undefined;
		sink.end();
		this.#note({ type: "f", mode: entry.mode, size: entry.size, mtime: entry.mtime, sha256: sha256 ?? "", path });
	}

	/** Ends the new tar and waits until it is taken. */
	async finish(): Promise<TreeList> {
		if (this.#pack === undefined) throw new KsquashError("ERR_KSQUASH_TARBALL", `${this.#from} is an empty archive`);
		this.#pack.finalize();
		await this.#written;
		return this.#list.finish();
	}

	/** The release that the archive's own Makefile and localversion files say. */
	release(): string {
		const text = (name: string): string | undefined => {
			const parts = this.#versionFiles.get(name);
			return parts && Buffer.concat(parts).toString("utf8");
		};
		const makefile = text("Makefile");
		if (makefile === undefined) {
			throw new KsquashError("ERR_KSQUASH_NOT_A_KERNEL", `${this.#from} is no kernel source: it has no Makefile`);
		}
		for (const name of ["Kbuild", "Kconfig", "arch", "include", "init", "kernel", "scripts"]) {
			if (this.#seen.has(name)) continue;
			throw new KsquashError("ERR_KSQUASH_NOT_A_KERNEL", `${this.#from} is no kernel source: it has no ${name}`);
		}
		const local: LocalVersionFile[] = [...this.#versionFiles.keys()]
			.filter((name) => name !== "Makefile")
			.map((name) => ({ name, text: text(name) ?? "" }));
		return kernelRelease(makefile, local, this.#from);
	}

	#begin(first: TarEntry): void {
		const isTop = first.type === "d";
		this.#prefix = first.path.split("/")[0] ?? "";
		if (!isTop && !first.path.includes("/")) this.#prefix = "";
		const whole = isTop && first.path === this.#prefix;
		const top = { mode: whole ? first.mode : 0o755, mtime: first.mtime };
		this.#pack = pack();
		this.#pack.on("error", () => undefined);
		this.#written = pipeline(this.#pack as unknown as NodeJS.ReadableStream, new Gather(), this.#onTop(top));
		this.#written.catch((error: unknown) => {
			this.#failure = error;
			this.#body?.sink.destroy();
		});
		this.#topTime = top.mtime;
		this.#note({ type: "d", ...top, path: "." });
	}

	/** The path below the leading directory; "" for that directory itself. */
	#place(entry: TarEntry): string {
		const { path } = entry;
		const parts = path.split("/");
		if (path.startsWith("/") || parts.includes("..")) this.#refuse(entry, "its name leads out of the tree");
		if (path.includes("\ufffd")) this.#refuse(entry, "its name is not valid UTF-8");
		if (path !== "" && parts.some((part) => part === "" || part === ".")) this.#refuse(entry, "its name is not plain");
		if (parts.some((part) => Buffer.byteLength(part) > 255)) this.#refuse(entry, "its name is longer than 255 bytes");
		if (this.#prefix === "" || path === this.#prefix) return this.#prefix === "" ? path : "";
		if (!path.startsWith(`${this.#prefix}/`)) {
			this.#refuse(entry, `it is not below ${printable(this.#prefix)}, where the archive begins`);
		}
		return path.slice(this.#prefix.length + 1);
	}

	/** Directories that the archive never lists: GNU tar makes them too. */
	#makeParents(path: string, mtime: number): void {
		const parts = path.split("/").slice(0, -1);
		for (let i = 1; i <= parts.length; i++) {
			const parent = parts.slice(0, i).join("/");
			const known = this.#seen.get(parent);
			if (known === undefined) this.#write({ type: "d", mode: 0o755, mtime, path: parent });
			else if (known.type !== "d") {
				throw new KsquashError(
					"ERR_KSQUASH_TARBALL",
					`${this.#from}: ${printable(path)} lies below what is no directory`,
				);
			}
		}
	}

	#add(entry: TarEntry, path: string): BodySink | undefined {
		if (this.#seen.has(path)) {
			if (entry.type === "d" && this.#seen.get(path)?.type === "d") return undefined;
			this.#refuse(entry, "it stands in the archive twice");
		}
		const { mode, mtime } = entry;
		if (entry.type === "hardlink") {
			this.#addHardLink(entry, path);
			return undefined;
		}
		if (entry.type === "l") {
			const target = entry.target ?? "";
			if (leaves(path, target)) this.#refuse(entry, `it is a link to ${printable(target)}, outside of the tree`);
			this.#write({ type: "l", mode: 0o777, mtime, path, target });
			return undefined;
		}
		if (entry.type !== "f") {
			const device = entry.type === "c" || entry.type === "b" ? { device: entry.device } : {};
			this.#write({ type: entry.type, mode, mtime, path, ...device });
			return undefined;
		}
		const sink = this.#open({ type: "f", mode, mtime, path, size: entry.size });
		this.#body = { path, sink };
		const capture: Buffer[] | undefined = path === "Makefile" || isLocalVersionName(path) ? [] : undefined;
		if (capture) this.#versionFiles.set(path, capture);
		return async (chunk) => {
			capture?.push(Buffer.from(chunk));
			if (this.#failure !== undefined) throw this.#failure;
			await write(sink, chunk);
		};
	}

	#addHardLink(entry: TarEntry, path: string): void {
		const full = entry.target ?? "";
		const target = this.#prefix === "" ? full.replace(/^\.\//, "") : full.slice(this.#prefix.length + 1);
		const known = this.#seen.get(target);
		if (known?.type !== "f" || !(this.#prefix === "" || full.startsWith(`${this.#prefix}/`))) {
			this.#refuse(entry, `it repeats ${printable(full)}, which is no file before it`);
		}
		this.#open({ type: "hardlink", mode: known.mode, mtime: known.mtime, path, target });
		this.#note({ ...known, path });
	}

	#write(entry: ListEntry): void {
		this.#open(entry);
		this.#note(entry);
	}

	#open(entry: Omit<ListEntry, "type"> & { type: TarEntry["type"] }): Writable {
		const sink = (this.#pack as Pack).entry({
			name: entry.path,
			type: tarTypes[entry.type],
			mode: entry.mode,
			mtime: new Date(entry.mtime * 1000),
			size: entry.size ?? 0,
			uid: 0,
			gid: 0,
			...(entry.target === undefined ? {} : { linkname: entry.target }),
			...(entry.device === undefined ? {} : { devmajor: entry.device[0], devminor: entry.device[1] }),
		}) as unknown as Writable;
		sink.on("error", () => undefined);
		return sink;
	}

	#note(entry: ListEntry): void {
		this.#list.add(entry);
		this.#seen.set(entry.path, entry);
	}

	#refuse(entry: TarEntry, why: string): never {
		throw new KsquashError("ERR_KSQUASH_TARBALL", `${this.#from} is refused: ${printable(entry.path)}: ${why}`, {
			hint: "a kernel tarball from kernel.org or a distribution has no such entry: check where this one comes from",
		});
	}
}

/** Does a symlink at `path` with this text lead out of the tree? */
export function leaves(path: string, target: string): boolean {
	if (target.startsWith("/") || target === "") return true;
	let depth = path.split("/").length - 1;
	for (const part of target.split("/")) {
		if (part === "..") depth--;
		else if (part !== "" && part !== ".") depth++;
		if (depth < 0) return true;
	}
	return false;
}
