/**
 * A source tree that was built in: what of it Kbuild made, what is worth saving, and what is neither source nor made.
 *
 * Owns: the walk. Leaves to others: the rule itself (generated.ts), and what happens to the files.
 */

import { isUtf8 } from "node:buffer";
import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import type { NativePath } from "../native/verbs.ts";
import { classifyFile, isGeneratedDirectory, isNestedValuable, isProduct } from "./generated.ts";

/** Relative paths, in order. A directory stands for all below it. */
export interface BuiltTree {
	generated: NativePath[];
	/** Configs, signing keys, Module.symvers: regular files. */
	valuable: string[];
	/** What looks made, but not by a command that Kbuild remembers; and links where a valuable file should be. */
	strange: NativePath[];
}

/** `skip`: names in the top directory that are not looked at. Links are not followed; everything else is source. */
export async function surveyBuiltTree(tree: string, skip: readonly string[]): Promise<BuiltTree> {
	const { generated, valuable, strange } = await survey(tree, "", skip);
	return {
		generated: generated.toSorted().map(native),
		valuable: valuable.toSorted().map((path) => native(path).toString()),
		strange: strange.toSorted().map(native),
	};
}

/** Paths are bytes here, one character each ("latin1"): a name need not be UTF-8. */
interface Part {
	generated: string[];
	valuable: string[];
	strange: string[];
	/** There are others, too. */
	source: boolean;
}

async function survey(tree: string, at: string, skip: readonly string[]): Promise<Part> {
	const place = Buffer.concat([Buffer.from(`${tree}/`), Buffer.from(at, "latin1")]);
	const entries = await readdir(place, { withFileTypes: true, encoding: "buffer" });
	const siblings = new Set(entries.map(nameOf));
	const part: Part = { generated: [], valuable: [], strange: [], source: entries.length === 0 };
	for (const entry of entries) {
		const path = at === "" ? nameOf(entry) : `${at}/${nameOf(entry)}`;
		if (at === "" && skip.includes(path)) part.source = true;
		else if (entry.isDirectory()) await surveyDirectory(tree, path, part);
		else sort(entry, path, siblings, part);
	}
	return part;
}

async function surveyDirectory(tree: string, path: string, into: Part): Promise<void> {
	if (isGeneratedDirectory(path, "tree")) {
		into.generated.push(path);
		return;
	}
	const below = await survey(tree, path, []);
	// A directory with nothing but what Kbuild made (arch/x86_64) is Kbuild's, too.
	const whole = !below.source && below.valuable.length + below.strange.length === 0;
	into.generated.push(...(whole ? [path] : below.generated));
	into.valuable.push(...below.valuable);
	into.strange.push(...below.strange);
	into.source ||= !whole;
}

function sort(entry: Dirent<Buffer>, path: string, siblings: ReadonlySet<string>, into: Part): void {
	const is = classifyFile(path, siblings, "tree");
	if (is === "generated" && isNestedValuable(path)) into.strange.push(path);
	else if (is === "generated") into.generated.push(path);
	else if (is === "valuable") {
		const saveable = entry.isFile() && typeof native(path) === "string";
		(saveable ? into.valuable : into.strange).push(path);
	} else if (isProduct(path)) into.strange.push(path);
	else into.source = true;
}

function nameOf(entry: Dirent<Buffer>): string {
	return entry.name.toString("latin1");
}

function native(path: string): NativePath {
	const bytes = Buffer.from(path, "latin1");
	return isUtf8(bytes) ? bytes.toString() : bytes;
}
