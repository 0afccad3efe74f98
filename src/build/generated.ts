/**
 * Which files of a build directory Kbuild made, which are of lasting value, and which are the user's own.
 *
 * Owns: the rule, learned from watching builds. What it does not know counts as the user's: named, never silently lost.
 * Leaves to others: saving and removing.
 */

import { isUtf8 } from "node:buffer";
import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import type { NativePath } from "../native/verbs.ts";
import { GNUMAKEFILE } from "./gnumakefile.ts";
import { STAMP } from "./stamp.ts";

export type FileClass = "generated" | "ours" | "valuable" | "foreign";

/** Where a build puts its files: a directory of their own (O=), or the source tree itself. */
export type Place = "output" | "tree";

type Rule<T> = Readonly<Record<"both" | Place, T>>;

/** Directories that hold nothing but what Kbuild puts there. */
const GENERATED_DIRECTORIES: Rule<readonly RegExp[]> = {
	both: [
		/^include\/(?:config|generated|ksym)$/,
		/^arch\/[^/]+\/include\/generated$/,
		/^\.tmp_versions$/,
		/^arch\/[^/]+\/boot\/isoimage$/,
	],
	output: [/^usr\/include$/, /^tools\/(?:objtool|bpf\/resolve_btfids)$/],
	// There the tools' own sources lie beside what is made of them.
	tree: [
		/^usr\/include\/[^/]+$/,
		/^tools\/(?:objtool|bpf\/resolve_btfids)\/lib(?:subcmd|bpf)$/,
		/^debian\/(?:linux-[^/]*|tmp|hdrtmp|dbgtmp)$/,
	],
};

/** In the top directory; most leave no command file. */
const TOP: Rule<ReadonlySet<string>> = {
	both: new Set([
		...[".version", ".missing-syscalls.d", ".vmlinux.export.c", "System.map"],
		...["vmlinux", "vmlinux.map", "vmlinux.symvers", "vmlinux-gdb.py", "modules-only.symvers", "modules.nsdeps"],
		...["modules.order", "modules.builtin", "modules.builtin.modinfo", "compile_commands.json", "rust-project.json"],
	]),
	output: new Set(["Makefile", ".gitignore", "source"]),
	tree: new Set(),
};

/** By name, in any directory below the top: second outputs of a command, which name only the first. */
const ANYWHERE = new Set([
	...["modules.order", "built-in.a", "inat-tables.c", "devicetable-offsets.h", "utsversion-tmp.h", "config_data"],
	...["oid_registry_data.c", "crc32table.h", "crc64table.h", "av_permissions.h", "flask.h", "kheaders.md5"],
]);

const PATTERNS: Rule<readonly RegExp[]> = {
	both: [
		// The command and dependency files themselves; Kbuild's temporary files.
		/(?:^|\/)\.[^/]+\.(?:cmd|d)$/,
		/(?:^|\/)\.tmp_[^/]*$/,
		// Parsers, and module descriptions that modpost writes.
		/\.(?:asn1|tab)\.[ch]$/,
		/\.lex\.c$/,
		/\.mod(?:\.c)?$/,
		// A link that a build makes.
		/^arch\/[^/]+\/boot\/(?:bzImage|zImage|Image)$/,
	],
	output: [/^scripts\/gdb\/linux\/[^/]+\.py$/],
	// The tools' own build system leaves no command file for a program.
	tree: [
		/^tools\/objtool\/(?:objtool|fixdep|libsubcmd\.a)$/,
		/^tools\/bpf\/resolve_btfids\/(?:resolve_btfids|fixdep)$/,
	],
};

/** What the kernel's own .gitignore says is never a source file (but .bc: kernel/time has one). */
const PRODUCT = /\.(?:o|ko|a|so|i|s|ll|lst|su|dtb|dtbo|dwo|gcno|gcda|symtypes)$/;

const VALUABLE = [
	/^\.config(?:\.old)?$/,
	/^[^/]+\.config$/,
	/^Module\.symvers$/,
	/^certs\/signing_key\.[^/]+$/,
	/^certs\/x509\.genkey$/,
];

/** Another build in the tree (make O=out) has its keys and symbols there: Kbuild made them, and they cannot be made again. */
const NESTED = /\/(?:Module\.symvers|certs\/(?:signing_key\.[^/]+|x509\.genkey))$/;

/** Made by a build in a directory of the tree, and of value. Relative path. */
export function isNestedValuable(path: string): boolean {
	return NESTED.test(path);
}

/** `path` is relative to the directory, `siblings` are all names in the file's directory. Pure. */
export function classifyFile(path: string, siblings: ReadonlySet<string>, place: Place = "output"): FileClass {
	const name = path.slice(path.lastIndexOf("/") + 1);
	const top = name === path;
	if (place === "output" && (path === STAMP || path === GNUMAKEFILE)) return "ours";
	if (VALUABLE.some((pattern) => pattern.test(path))) return "valuable";
	// Whatever Kbuild makes by a command that it remembers has .NAME.cmd beside it.
	if (siblings.has(`.${name}.cmd`)) return "generated";
	if (top ? TOP.both.has(name) || TOP[place].has(name) : ANYWHERE.has(name)) return "generated";
	return matches(PATTERNS, path, place) ? "generated" : "foreign";
}

/** Does everything below this directory (relative) come from Kbuild? */
export function isGeneratedDirectory(path: string, place: Place = "output"): boolean {
	return matches(GENERATED_DIRECTORIES, path, place);
}

/** Does the name say that it was made, by whomever? */
export function isProduct(path: string): boolean {
	return PRODUCT.test(path);
}

function matches(rule: Rule<readonly RegExp[]>, path: string, place: Place): boolean {
	return [...rule.both, ...rule[place]].some((pattern) => pattern.test(path));
}

/** The user's own files, relative, in order. Links are not followed. */
export async function foreignFiles(directory: string): Promise<NativePath[]> {
	const found = await filesOf(directory, ({ path, siblings, saveable }) => {
		const is = classifyFile(path, siblings);
		// A link with such a name was made by a person, and what it leads to lies elsewhere.
		return is === "foreign" || (is === "valuable" && !saveable);
	});
	return found.map(native);
}

/** What must be saved before the directory goes: configs, fragments, signing keys, Module.symvers. Relative. */
export async function valuables(directory: string): Promise<string[]> {
	const found = await filesOf(directory, ({ path, siblings, saveable }) => {
		return saveable && classifyFile(path, siblings) === "valuable";
	});
	return found.map((path) => native(path).toString());
}

/** .NAME.cmd, by which what lies beside it is known as generated. Relative. */
export async function commandFiles(directory: string): Promise<NativePath[]> {
	return (await filesOf(directory, ({ path }) => /(?:^|\/)\.[^/]+\.cmd$/.test(path))).map(native);
}

/** Paths are bytes here, one character each ("latin1"): a name need not be UTF-8. */
interface Found {
	path: string;
	siblings: ReadonlySet<string>;
	/** A regular file whose name is text. */
	saveable: boolean;
}

async function filesOf(directory: string, wanted: (found: Found) => boolean): Promise<string[]> {
	const found: string[] = [];
	const pending = [""];
	for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
		const place = Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(at, "latin1")]);
		const entries = await readdir(place, { withFileTypes: true, encoding: "buffer" });
		const name = (entry: Dirent<Buffer>): string => entry.name.toString("latin1");
		const siblings = new Set(entries.map(name));
		for (const entry of entries) {
			const path = at === "" ? name(entry) : `${at}/${name(entry)}`;
			if (!entry.isDirectory()) {
				const saveable = entry.isFile() && typeof native(path) === "string";
				if (wanted({ path, siblings, saveable })) found.push(path);
			} else if (!isGeneratedDirectory(path)) {
				pending.push(path);
			}
		}
	}
	return found.toSorted();
}

function native(path: string): NativePath {
	const bytes = Buffer.from(path, "latin1");
	return isUtf8(bytes) ? bytes.toString() : bytes;
}
