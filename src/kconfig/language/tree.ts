/**
 * All Kconfig files of a source that one architecture reads, as a tree.
 *
 * Owns: which files `source` names (globs, macros, relative ones), and that none lies outside the source.
 * Leaves to others: their statements (parser.ts).
 */

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { KsquashError } from "../../errors.ts";
import { hasCode } from "../../system/files.ts";
import { readCondition } from "./definition.ts";
import { expandMacros, type Variables } from "./macros.ts";
import type { KconfigTree, Selection } from "./model.ts";
import { Parser, type ParserContext, type SelectionLine } from "./parser.ts";
import { tokenize } from "./tokens.ts";

export interface TreeOptions {
	/** Absolute path of the source. */
	source: string;
	/** The kernel's name of the architecture: arch/NAME. */
	arch: string;
	/** As $(KERNELVERSION). */
	release?: string | undefined;
}

const TOP = "Kconfig";
const DEPTH = 64;

/** Throws ERR_KSQUASH_NO_INPUT where there is no Kconfig file. Files that it names and that are not there are left out. */
export function readKconfig({ source, arch, release = "" }: TreeOptions): KconfigTree {
	const variables: Variables = new Map([
		["SRCARCH", arch],
		["ARCH", arch],
		["srctree", "."],
		["KERNELVERSION", release],
	]);
	let [files, depth] = [0, 0];
	const read = (file: string, around?: Parser): void => {
		const text = depth < DEPTH ? readText(join(source, file)) : undefined;
		if (text === undefined) return;
		files += 1;
		depth += 1;
		new Parser(file, context, around?.around).parse(text);
		depth -= 1;
	};
	const context: ParserContext = {
		symbols: new Map(),
		selects: new Map(),
		implies: new Map(),
		skipped: [],
		variables,
		source: (pattern, relative, from) => {
			// Before 4.18 a variable stood without parentheses.
			const known = pattern.replace(/\$([A-Z_]+)/g, (word, name: string) => variables.get(name) ?? word);
			const wanted = normalize(relative ? join(dirname(from.file), known) : known);
			// A tree may name any path: what lies outside of it is not its to show.
			if (wanted.startsWith("/") || wanted.startsWith("..")) return;
			for (const file of matching(source, wanted)) read(file, from);
		},
	};
	read(TOP);
	if (files === 0) {
		const path = join(source, TOP);
		throw new KsquashError("ERR_KSQUASH_NO_INPUT", `there is no kernel source at ${source}: ${TOP} is missing`, {
			path,
		});
	}
	const { symbols, skipped, selects, implies } = context;
	const selections = (lines: Map<string, SelectionLine[]>, symbol: string): Selection[] =>
		(lines.get(symbol) ?? []).map(({ text, ...rest }) => {
			const [, , ...tokens] = tokenize(expandMacros(text, variables));
			return { ...rest, condition: readCondition(tokens) };
		});
	return {
		symbols,
		skipped,
		files,
		selectedBy: (symbol) => selections(selects, symbol),
		impliedBy: (symbol) => selections(implies, symbol),
	};
}

/** A * or ? in a path: the names of that directory, in order. */
function matching(source: string, pattern: string): string[] {
	const [first, ...rest] = pattern.split("/");
	let found = [first ?? ""];
	const glob = (part: string): boolean => /[*?]/.test(part);
	if (!glob(pattern)) return [pattern];
	if (glob(found[0] as string)) found = names(source, "", found[0] as string);
	for (const part of rest) {
		found = found.flatMap((at) => (glob(part) ? names(source, at, part) : [join(at, part)]));
	}
	return found;
}

function names(source: string, directory: string, part: string): string[] {
	const letters = part.replace(/[.+^${}()|[\]\\]/g, "\\$&");
	const pattern = new RegExp(`^${letters.replace(/\*/g, "[^/]*").replace(/\?/g, "[^/]")}$`);
	try {
		const all = readdirSync(join(source, directory));
		return all
			.filter((name) => !name.startsWith(".") && pattern.test(name))
			.toSorted()
			.map((name) => join(directory, name));
	} catch {
		return [];
	}
}

function readText(path: string): string | undefined {
	try {
		return readFileSync(path, "utf8");
	} catch (error) {
		for (const code of ["ENOENT", "ENOTDIR", "EISDIR", "EACCES"]) if (hasCode(error, code)) return undefined;
		throw error;
	}
}
