/**
 * The canonical list of a tree in TypeScript: the same lines that the add-on's listTree makes (src/native/verbs.ts).
 *
 * Owns: writing a line, sorting, and saying in which entries two lists differ.
 * Leaves to others: where the entries come from.
 */

import { createHash } from "node:crypto";
import { TextDecoder } from "node:util";
import type { NativePath } from "./names.ts";

/**
 * A canonical list of a tree, one line an entry, sorted by the bytes of the path, "." first:
 *   TYPE MODE SIZE MTIME SHA256 PATH [TARGET] [x=SHA256]
 * TYPE is one of d f l c b p s; MODE four octal digits; SIZE in bytes for f, else 0, MAJOR:MINOR for c and b; MTIME
 * whole seconds (0 for ".": a tar has no time for it); SHA256 of the content for f, else "-"; PATH and TARGET with bytes <= 0x20, 0x7f and "\" written as
 * three-digit octal escapes ("\040"), TARGET for l only; x= the sha256 of the xattrs when there are any outside
 * security.*: for each in order of name NAME "=" VALUE "\0".
 * Owners are left out: an image's are always 0:0.
 */
export interface TreeList {
	entries: number;
	/** Sum of the sizes of all files. */
	bytes: number;
	list: Uint8Array;
	/** Of a tree: dev, ino, size, mtime, ctime of each entry as it was seen, for removeTree. Opaque. */
	snapshot?: Uint8Array;
}

/**
 * missing-in-image: only the source has it · missing-in-source: only the image · content: only the bytes ·
 * other-file-system: something is mounted there · changed: while it was read · attributes: another, or several at
 * once · duplicate: a path stands twice.
 */
export type DifferenceKind =
	| "missing-in-image"
	| "missing-in-source"
	| "type"
	| "mode"
	| "size"
	| "time"
	| "device"
	| "link-target"
	| "content"
	| "xattr"
	| "owner"
	| "other-file-system"
	| "changed"
	| "attributes"
	| "duplicate";

export interface Difference {
	/** Relative; escaped as in the list, and bytes that are not UTF-8 too. */
	path: string;
	kind: DifferenceKind;
	/**
	 * For a person. Tree / image: "only in the tree", "only in the image", "type file / directory", "mode 0644 / 0755", "size 1 / 2",
	 * "time 1 / 2", "device 1:3 / 1:5", "link target a / b", "content", "xattr user.a", "owner 1000:1000 in the image",
	 * "on another file system", "changed while it was read".
	 */
	what: string;
}

export interface ListEntry {
	type: "d" | "f" | "l" | "c" | "b" | "p" | "s";
	/** Permission bits, 07777. */
	mode: number;
	/** Bytes for a file; [major, minor] for a device; else absent. */
	size?: number;
	device?: readonly [number, number];
	/** Whole seconds since 1970. */
	mtime: number;
	/** Hex sha256 of a file's content. */
	sha256?: string;
	/** Relative path; "." for the top directory. */
	path: string;
	/** What a symbolic link says. */
	target?: string;
}

/** Collects entries in any order; `finish` sorts them. */
export class ListBuilder {
	readonly #lines: { key: Buffer; line: string }[] = [];
	#bytes = 0;

	add(entry: ListEntry): void {
		this.#bytes += entry.type === "f" ? (entry.size ?? 0) : 0;
		this.#lines.push({ key: Buffer.from(entry.path === "." ? "" : entry.path), line: formatLine(entry) });
	}

	get entries(): number {
		return this.#lines.length;
	}

	finish(): TreeList {
		this.#lines.sort((a, b) => Buffer.compare(a.key, b.key));
		const list = Buffer.from(this.#lines.map(({ line }) => `${line}\n`).join(""));
		return { entries: this.#lines.length, bytes: this.#bytes, list };
	}
}

/** The hash that says "same content" whatever the image format, the order of files or the kind of source. */
export function contentHash(list: TreeList): string {
	return createHash("sha256").update(list.list).digest("hex");
}

/**
 * Where two lists differ, by path, the first 100: `a` is the source's, `b` the image's. `names` says what they are called.
 * Counts both ways: an empty list differs from every tree.
 */
export function diffLists(a: TreeList, b: TreeList, names: readonly [string, string]): Difference[] {
	const left = byPath(a);
	const right = byPath(b);
	const differences: Difference[] = [];
	for (const [path, line] of left) {
		const other = right.get(path);
		if (other === undefined) differences.push({ path, kind: "missing-in-image", what: `only in ${names[0]}` });
		else if (other !== line) differences.push({ path, ...changeOf(line, other) });
	}
	for (const path of right.keys()) {
		if (!left.has(path)) differences.push({ path, kind: "missing-in-source", what: `only in ${names[1]}` });
	}
	if (left.size !== a.entries || right.size !== b.entries) {
		const what = `a path stands twice (${a.entries} and ${b.entries} entries)`;
		differences.push({ path: ".", kind: "duplicate", what });
	}
	return differences.slice(0, 100);
}

/** Bytes that could break a line or a field become octal escapes, as in /proc/self/mountinfo. */
export function escapePath(path: string): string {
	// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it is for
	return path.replace(/[\u0000-\u0020\u007f\\]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, "0")}`);
}

/** The same of a path as the add-on gives it: where it is bytes, those that are not UTF-8 are escaped, too. */
export function escapeNative(path: NativePath): string {
	if (typeof path === "string") return escapePath(path);
	const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
	let text = "";
	for (let at = 0; at < path.length; ) {
		const length = [1, 2, 3, 4].find((n) => at + n <= path.length && decodes(decoder, path.subarray(at, at + n)));
		if (length === undefined) text += `\\${(path[at] as number).toString(8).padStart(3, "0")}`;
		else text += escapePath(decoder.decode(path.subarray(at, at + length)));
		at += length ?? 1;
	}
	return text;
}

function decodes(decoder: TextDecoder, bytes: Uint8Array): boolean {
	try {
		return decoder.decode(bytes).length > 0;
	} catch {
		return false;
	}
}

function formatLine(entry: ListEntry): string {
	const size = entry.device ? entry.device.join(":") : entry.type === "f" ? (entry.size ?? 0) : 0;
	const mtime = entry.path === "." ? 0 : entry.mtime;
	const mode = (entry.mode & 0o7777).toString(8).padStart(4, "0");
	const head = `${entry.type} ${mode} ${size} ${mtime} ${entry.sha256 ?? "-"} ${escapePath(entry.path)}`;
	return entry.type === "l" ? `${head} ${escapePath(entry.target ?? "")}` : head;
}

const FIELDS = ["type", "mode", "size", "mtime", "content", "path", "target or xattrs", "xattrs"] as const;

/** Of a line that differs in this field alone. */
const KIND_OF_FIELD = new Map<string | undefined, DifferenceKind>([
	["type", "type"],
	["mode", "mode"],
	["mtime", "time"],
	["content", "content"],
]);

function changeOf(a: string, b: string): Pick<Difference, "kind" | "what"> {
	const left = a.split(" ");
	const right = b.split(" ");
	const fields = [...FIELDS.entries()].filter(([i]) => left[i] !== right[i]);
	const parts = fields.map(([i, field]) => {
		return field === "content" ? field : `${field} ${left[i] ?? "-"} / ${right[i] ?? "-"}`;
	});
	const [[, first] = [], ...more] = fields;
	const kind = (more.length === 0 && KIND_OF_FIELD.get(first)) || "attributes";
	return { kind, what: parts.join(", ") };
}

/** The list without these paths (plain ones, which need no escape) and all below them. */
export function withoutPaths(list: TreeList, paths: readonly string[]): TreeList {
	const out = new Set(paths);
	const isOut = (path: string): boolean => {
		for (let end = path.length; end > 0; end = path.lastIndexOf("/", end - 1))
			if (out.has(path.slice(0, end))) return true;
		return false;
	};
	return fromLines(linesOf(list).filter((line) => !isOut(pathOf(line))));
}

/** Of a list the paths that `part` has, too; a directory with its time there, for what is removed from it changes that. */
export function partOf(list: TreeList, part: TreeList): TreeList {
	const there = byPath(part);
	const lines = linesOf(list).flatMap((line) => {
		const other = there.get(pathOf(line))?.split(" ");
		if (other === undefined) return [];
		const fields = line.split(" ");
		return fields[0] === "d" ? [fields.with(3, other[3] ?? "").join(" ")] : [line];
	});
	return fromLines(lines);
}

function linesOf(list: TreeList): string[] {
	return Buffer.from(list.list).toString("utf8").split("\n").filter(Boolean);
}

function pathOf(line: string): string {
	return line.split(" ")[5] ?? "";
}

function fromLines(lines: readonly string[]): TreeList {
	const sizes = lines.map((line) => (line.startsWith("f ") ? Number(line.split(" ")[2]) : 0));
	return {
		entries: lines.length,
		bytes: sizes.reduce((sum, size) => sum + size, 0),
		list: Buffer.from(lines.map((line) => `${line}\n`).join("")),
	};
}

/** The time of the newest entry; the top's own, which changes with whatever is made beside its entries, is in no list. */
export function newestTime({ list }: TreeList): number {
	let newest = 0;
	for (const line of Buffer.from(list).toString("utf8").split("\n")) {
		newest = Math.max(newest, Number(line.split(" ", 4)[3] ?? 0));
	}
	return newest;
}

function byPath(list: TreeList): Map<string, string> {
	return new Map(linesOf(list).map((line) => [pathOf(line), line]));
}
