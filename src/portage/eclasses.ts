/** What is known of the eclasses that a package inherits: saved with it, in the metadata cache, or in its ebuilds. */

import { join } from "node:path";
import { resolveInRoot } from "../native/verbs.ts";
import { attempt } from "../system/failure.ts";
import { readIfExists } from "../system/files.ts";
import { listDirectory } from "./packages.ts";

/** The eclass of all kernel sources. */
const WANTED = "kernel-2";

/** A version as PMS 3.2 has it. */
const VERSION = /^\d+(?:\.\d+)*[a-z]?(?:_(?:alpha|beta|pre|rc|p)\d*)*(?:-r\d+)?$/;

/** undefined: not known. */
type Answer = boolean | undefined;

export interface SortedPackages {
	/** They inherit kernel-2, in some version at least. */
	sources: string[];
	/** They do not, in any version that is known. */
	others: string[];
	/** Neither installed nor in a repository, or their ebuilds cannot be judged by reading them. */
	unknown: string[];
}

/** Sorts CATEGORY/NAMEs by whether they inherit kernel-2. */
export async function sortByEclass(root: string, names: readonly string[]): Promise<SortedPackages> {
	const sorted: SortedPackages = { sources: [], others: [], unknown: [] };
	const repositories = await list(root, "/var/db/repos");
	for (const name of names) {
		const answers = [...(await askInstalled(root, name)), ...(await askRepositories(root, repositories, name))];
		const kind = answers.includes(true) ? "sources" : answers.includes(false) ? "others" : "unknown";
		sorted[kind].push(name);
	}
	return sorted;
}

async function askInstalled(root: string, name: string): Promise<Answer[]> {
	const answers: Answer[] = [];
	for (const path of await versions(root, "/var/db/pkg", name)) {
		const inherited = await read(root, join(path, "INHERITED"));
		answers.push(inherited?.split(/\s+/).includes(WANTED));
	}
	return answers;
}

async function askRepositories(root: string, repositories: readonly string[], name: string): Promise<Answer[]> {
	const answers: Answer[] = [];
	const tops = repositories.map((repository) => join("/var/db/repos", repository));
	for (const top of tops) {
		const cached = await versions(root, join(top, "metadata/md5-cache"), name);
		for (const path of cached) answers.push(cacheAnswer((await read(root, path)) ?? ""));
		if (cached.length > 0) continue;
		const ebuilds = (await list(root, join(top, name))).filter((file) => file.endsWith(".ebuild"));
		for (const file of ebuilds) {
			const text = (await read(root, join(top, name, file))) ?? "";
			answers.push(await textAnswer(text, async (eclass) => await readEclass(root, tops, eclass)));
		}
	}
	return answers;
}

/** `_eclasses_` is names, each with a hash (and a path, in old caches), between tabs; those of eclasses' own are in it. */
function cacheAnswer(text: string): boolean {
	const eclasses = /^_eclasses_=(.*)$/m.exec(text)?.[1] ?? "";
	return eclasses.split("\t").includes(WANTED);
}

/** By the lines with "inherit", of the eclasses, too: what nothing but bash can tell is not known. */
async function textAnswer(
	text: string,
	find: (eclass: string) => Promise<string | undefined>,
	seen: Set<string> = new Set(),
): Promise<Answer> {
	let answer: Answer = false;
	for (const eclass of inherited(text)) {
		if (eclass === WANTED) return true;
		if (seen.has(eclass)) continue;
		seen.add(eclass);
		const its = eclass.includes("$") ? undefined : await find(eclass);
		const found = its === undefined ? undefined : await textAnswer(its, find, seen);
		if (found === true) return true;
		if (found === undefined) answer = undefined;
	}
	return answer;
}

function inherited(text: string): string[] {
	const lines = text.replace(/^\s*#.*$/gm, "").replace(/\\\n/g, " ");
	const found = [...lines.matchAll(/(?:^|[\s;&|])inherit[ \t]+([^\n;&|#]*)/g)];
	return found.flatMap(([, names = ""]) => names.trim().split(/\s+/)).filter((name) => name !== "");
}

async function readEclass(root: string, tops: readonly string[], eclass: string): Promise<string | undefined> {
	for (const top of tops) {
		const text = await read(root, join(top, "eclass", `${eclass}.eclass`));
		if (text !== undefined) return text;
	}
	return undefined;
}

/** What a directory has of a package's versions: DIRECTORY/CATEGORY/NAME-VERSION. */
async function versions(root: string, directory: string, name: string): Promise<string[]> {
	const [category = "", short = ""] = name.split("/");
	const names = await list(root, join(directory, category));
	const fitting = names.filter((one) => one.startsWith(`${short}-`) && VERSION.test(one.slice(short.length + 1)));
	return fitting.map((one) => join(directory, category, one));
}

async function list(root: string, directory: string): Promise<string[]> {
	return await listDirectory(await resolveInRoot(root, directory));
}

async function read(root: string, file: string): Promise<string | undefined> {
	const path = await resolveInRoot(root, file);
	return (await attempt(`read ${path}`, readIfExists(path)))?.toString("utf8");
}
