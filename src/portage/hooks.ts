/**
 * The files under /etc/portage/env as they are: which have ksquash's block, and what is wrong or would go wrong.
 *
 * Owns: the words for it. Leaves to others: changing them (portage/).
 */

import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { KsquashError } from "../errors.ts";
import { resolveInRoot } from "../native/verbs.ts";
import { run } from "../process/run.ts";
import { shellWord } from "../system/command-line.ts";
import { attempt } from "../system/failure.ts";
import { readIfExists } from "../system/files.ts";
import { type Call, call, text as said, type Text } from "../text.ts";
import { splitFile } from "./block.ts";
import { oldFunctions } from "./original.ts";
import { type InstalledPackage, installedPackages, privateMounts } from "./packages.ts";

export interface HookStatus {
	hooks: { package: string; path: string; version: string; current: boolean }[];
	/** What is wrong or would go wrong, one sentence each. */
	problems: (string | Text)[];
}

export async function inspectHooks(layout: { root: string; portageEnv: string }): Promise<HookStatus> {
	const hooks: HookStatus["hooks"] = [];
	const problems: (string | Text)[] = [];
	for (const { path, name } of await hookFiles(layout.portageEnv)) {
		const content = await text(path);
		const { rest, block, problem } = splitFile(content);
		const old = oldFunctions(rest);
		if (problem !== undefined) problems.push(`${path} has ${problem}: mend it by hand`);
		if (block !== undefined) hooks.push({ package: name, path, version: block.version, current: block.current });
		if (block !== undefined && !block.intact) problems.push(said`${path}: ksquash's block was edited (${again(name)})`);
		else if (block !== undefined && !block.current) problems.push(said`${path} is of another ksquash (${again(name)})`);
		if (old.length > 0) {
			const names = old.map((found) => `${found.name} (line ${found.from})`).join(", ");
			problems.push(said`${path} packs and deletes by itself: ${names} (${again(name, true)})`);
		}
		const wrong = block === undefined && old.length === 0 ? undefined : await syntaxProblem(content);
		if (wrong !== undefined) problems.push(`${path} has a syntax error, so that no hook runs: ${wrong}`);
	}
	const named = new Set(hooks.map((hook) => hook.package));
	for (const installed of await installedPackages(layout.root, named)) problems.push(...savedProblems(installed));
	if (hooks.length > 0 && (await privateMounts(layout.root))) {
		problems.push("FEATURES has mount-sandbox: the hook mounts by nsenter then, which must be installed");
	}
	problems.push(...(await oldScripts(layout.root)));
	return { hooks, problems };
}

/** Of every category, what is a file: packages, and packages with a slot or version. */
export async function hookFiles(top: string): Promise<{ path: string; name: string }[]> {
	const names = await readdir(top, { recursive: true, withFileTypes: true }).catch(() => []);
	return names
		.filter((entry) => entry.isFile() && !entry.name.endsWith(".before-ksquash") && dirname(entry.parentPath) === top)
		.map((entry) => ({
			path: join(entry.parentPath, entry.name),
			name: `${basename(entry.parentPath)}/${entry.name}`,
		}))
		.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** What bash says of it; nothing is run. undefined: it is well. */
export async function syntaxProblem(content: string): Promise<string | undefined> {
	try {
		await run("bash", ["-n"], { input: content });
		return undefined;
	} catch (error) {
		if (!(error instanceof KsquashError) || error.code !== "ERR_KSQUASH_TOOL_FAILED") throw error;
		return error.notes.at(0) ?? error.message;
	}
}

function savedProblems({ name, hook }: InstalledPackage): string[] {
	if (hook !== "old") return [];
	return [`the environment saved with ${name} has functions that pack and delete by themselves; ours come before them`];
}

/** The start scripts that the script before ksquash wrote, one a version. */
export async function oldScripts(root: string): Promise<Text[]> {
	const directory = await resolveInRoot(root, "/etc/local.d");
	const names = (await readdir(directory).catch(() => [])).filter((name) => /^mount-.+\.start$/.test(name));
	const found: Text[] = [];
	for (const name of names) {
		if (!/\.sqfs/.test(await text(join(directory, name)))) continue;
		const path = join(directory, name);
		const enable = call("bootEnable", undefined, { root });
		found.push(said`${path} mounts one image at boot: ${enable} does it for all; then: rm ${shellWord(path)}`);
	}
	return found;
}

/** The file, "" where there is none. */
export async function text(path: string): Promise<string> {
	return (await attempt(`read ${path}`, readIfExists(path)))?.toString("utf8") ?? "";
}

function again(name: string, migrate?: true): Call {
	return call<string>("portageInstall", undefined, { packages: [name], migrate });
}
