/**
 * The text of a patch: which files it touches, and the same patch without a word that is no part of it.
 *
 * Owns: which patches are fit to apply. patch(1) guesses names, and reads diffs also in a mail's text and indented ones:
 * it is given only what was understood here, each file under one name that was checked.
 * Leaves to others: applying it (patch.ts). Format: git-diff(1), "Generating patch text", and POSIX diff -u.
 */

import { KsquashError } from "../errors.ts";
import { printable } from "../system/names.ts";
import { leaves } from "./repack.ts";

export interface PatchText {
	/** Paths below the top of the tree, sorted, each once: changed, made, renamed or removed. */
	touched: string[];
	/** Those that become symbolic links. */
	links: string[];
	/** What patch(1) is to read. */
	text: Buffer;
}

/** Git's lines between "diff --git" and the hunks that patch(1) understands. */
const HEADER =
	/^(?:(?:old|new|deleted file|new file) mode|(?:rename|copy) (?:from|to)|(?:dis)?similarity index|index) /;
/** git's modes of a file, of a program and of a link; patch(1) takes more, and knows a link by other spellings, too. */
const MODES = ["100644", "100755", "120000"];
const MODE = /^(?:(?:old|new|deleted file|new file) mode (.*)|index \S*(?: (.*))?)$/;
const HUNK = /^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@/;
const NOTHING = "/dev/null";

/** Throws ERR_KSQUASH_PATCH naming the patch, the line and the file. */
export function parsePatch(bytes: Buffer, from: string): PatchText {
	return new Parser(bytes, from).parse();
}

/** patch(1) ends a name at a blank, but for one in quotes. */
function quoted(name: string): string {
	return name.includes(" ") ? `"${name}"` : name;
}

class Parser {
	readonly #from: string;
	readonly #lines: readonly string[];
	readonly #out: string[] = [];
	readonly #touched = new Set<string>();
	readonly #links = new Set<string>();
	#at = 0;
	/** Of the file that is being read, from "diff --git". */
	#git: { old: string; new: string } | undefined;
	#isLink = false;

	constructor(bytes: Buffer, from: string) {
		this.#from = from;
		// One character a byte: what is in a file may be of any encoding.
		this.#lines = bytes.toString("latin1").split("\n");
	}

	parse(): PatchText {
		while (this.#at < this.#lines.length) this.#section();
		if (this.#touched.size === 0) throw this.#patchError("it holds no unified diff (diff -u, git format-patch)");
		const through = [...this.#touched].find((path) => [...this.#links].some((link) => path.startsWith(`${link}/`)));
		if (through !== undefined) throw this.#patchError(`${through} lies below a link that it makes`);
		return {
			touched: [...this.#touched].toSorted(),
			links: [...this.#links],
			text: Buffer.from(`${this.#out.join("\n")}\n`, "latin1"),
		};
	}

	#section(): void {
		const line = this.#line();
		if (line.startsWith("diff --git ")) this.#gitHeader(line);
		else if (line.startsWith("--- ") && this.#line(1).startsWith("+++ ")) this.#file();
		else if (HUNK.test(line)) throw this.#patchError("a hunk of no file", this.#at);
		else if (line === "GIT binary patch" || /^Binary files .* differ$/.test(line)) {
			throw this.#patchError(
				`a binary diff${this.#git ? ` of ${this.#git.new}` : ""}, which patch(1) cannot apply`,
				this.#at,
			);
		} else this.#at++;
	}

	#gitHeader(line: string): void {
		const [before, after] = this.#splitNames(line.slice(11));
		const git = { old: this.#name(before), new: this.#name(after) };
		this.#git = git;
		this.#out.push(`diff --git ${quoted(`a/${git.old}`)} ${quoted(`b/${git.new}`)}`);
		this.#isLink = false;
		const from = this.#at++;
		while (HEADER.test(this.#line())) {
			const header = this.#line();
			const named = /^(?:rename|copy) (from|to) (.*)$/.exec(header);
			if (named && named[2] !== (named[1] === "from" ? git.old : git.new)) {
				throw this.#patchError(`it is not named as in line ${from + 1}`, this.#at);
			}
			const [, mode, ofIndex] = MODE.exec(header) ?? [];
			const said = mode ?? ofIndex;
			if (said !== undefined && !MODES.includes(said)) throw this.#modeError(git.new, said);
			if (/^(?:new(?: file)? mode|index .*) 120000$/.test(header)) this.#isLink = true;
			this.#out.push(named?.[2] ? header.replace(named[2], quoted(named[2])) : header);
			this.#at++;
		}
		// A copy's source stays as it is; that its time is set costs nothing.
		for (const path of [git.old, git.new]) this.#touched.add(path);
		if (this.#isLink) this.#links.add(git.new);
	}

	#file(): void {
		const [before, beforeTime] = this.#splitName(4);
		this.#at++;
		const [after, afterTime] = this.#splitName(4);
		this.#at++;
		if (before === NOTHING && after === NOTHING) throw this.#patchError("it names no file", this.#at - 1);
		const path = after === NOTHING ? this.#name(before, this.#at - 2) : this.#name(after, this.#at - 1);
		const other = before === NOTHING ? path : this.#name(before, this.#at - 2);
		if (
			this.#git &&
			(path !== (after === NOTHING ? this.#git.old : this.#git.new) || ![path, this.#git.old].includes(other))
		) {
			throw this.#patchError(`${path} is not what its "diff --git" line says`, this.#at - 1);
		}
		const old = this.#git ? other : path;
		this.#out.push(`--- ${before === NOTHING ? NOTHING : quoted(`a/${old}`)}${beforeTime}`);
		this.#out.push(`+++ ${after === NOTHING ? NOTHING : quoted(`b/${path}`)}${afterTime}`);
		this.#touched.add(path);
		if (!HUNK.test(this.#line())) throw this.#patchError(`${path}: a hunk is missing`, this.#at);
		let added = "";
		while (HUNK.test(this.#line())) added += this.#hunk(path);
		if (this.#isLink && leaves(path, added))
			throw this.#patchError(`${path} becomes a link out of the tree`, this.#at - 1);
		this.#git = undefined;
		this.#isLink = false;
	}

	/** Returns the lines that it adds. */
	#hunk(path: string): string {
		const begin = this.#at;
		const [, before = "1", after = "1"] = HUNK.exec(this.#line()) ?? [];
		let [old, added] = [Number(before), Number(after)];
		const text: string[] = [];
		this.#out.push(this.#line());
		this.#at++;
		while (old > 0 || added > 0 || this.#line().startsWith("\\")) {
			const line = this.#line();
			// Some mailers cut the blank of an empty line.
			const sign = line === "" ? " " : line[0];
			if (sign === " ") [old, added] = [old - 1, added - 1];
			else if (sign === "-") old--;
			else if (sign === "+") [added, text[text.length]] = [added - 1, line.slice(1)];
			else if (sign !== "\\") old = -1;
			const end = this.#at >= this.#lines.length - 1 && line === "";
			if (old < 0 || added < 0 || end)
				throw this.#patchError(`${path}: the hunk of line ${begin + 1} is malformed`, this.#at);
			this.#out.push(line);
			this.#at++;
		}
		return text.join("\n");
	}

	/** Two names of one file are alike behind their first directory, blanks or not; those of a rename are said again. */
	#splitNames(text: string): [string, string] {
		const blanks = [...text.matchAll(/ /g)].map(({ index }): [string, string] => [
			text.slice(0, index),
			text.slice(index + 1),
		]);
		const bare = (name: string): string => name.slice(name.indexOf("/") + 1);
		const alike = blanks.find(([a, b]) => bare(a) === bare(b));
		if (alike !== undefined) return alike;
		for (let ahead = 1; HEADER.test(this.#line(ahead)); ahead++) {
			const from = /^(?:rename|copy) from (.*)$/.exec(this.#line(ahead))?.[1];
			const both = blanks.find(([a]) => from !== undefined && bare(a) === from);
			if (both !== undefined) return both;
		}
		const [only = [text, text] as [string, string]] = blanks;
		return only;
	}

	/** The name and, from the tab on, its time: by 1970 some diffs say that there is no file. */
	#splitName(start: number): [string, string] {
		// GNU diff puts a name with a blank in quotes.
		const text = this.#line()
			.slice(start)
			.replace(/^"([^"\\]*)"/, "$1");
		const tab = text.indexOf("\t");
		return tab < 0 ? [text, ""] : [text.slice(0, tab), text.slice(tab)];
	}

	/** As patch -p1 takes it: without its first directory. */
	#name(full: string, line = this.#at): string {
		const path = full.slice(full.indexOf("/") + 1);
		const parts = path.split("/");
		const why = !/^[ !#-[\]-~]+$/.test(full)
			? "a name with a special character"
			: !full.includes("/")
				? "a name without a directory in front (patch -p1)"
				: full.startsWith("/") || parts.includes("..")
					? "a name that leads out of the tree"
					: parts.some((part) => part === "" || part === "." || part.length > 255)
						? "a name that is not plain"
						: [".git", ".hg", ".svn", ".pc"].includes(parts[0] ?? "")
							? "a name inside of version control"
							: undefined;
		if (why !== undefined) throw this.#patchError(`${printable(full)}: ${why}`, line);
		return path;
	}

	#line(ahead = 0): string {
		return this.#lines[this.#at + ahead] ?? "";
	}

	#modeError(path: string, mode: string): KsquashError {
		const hint = `its mode must be one of git's: ${MODES.join(", ")}; make the patch again with git format-patch`;
		return this.#patchError(`${path}: the mode ${JSON.stringify(printable(mode))}`, this.#at).with({ hint });
	}

	#patchError(why: string, line?: number): KsquashError {
		const where = line === undefined ? "" : `, line ${line + 1}`;
		return new KsquashError("ERR_KSQUASH_PATCH", `the patch ${this.#from} is refused${where}: ${why}`, {
			path: this.#from,
		});
	}
}
