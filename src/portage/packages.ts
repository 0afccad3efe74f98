/**
 * Portage's packages, as far as the hook needs them: names, what is installed, and what was saved with it.
 *
 * Owns: reading /var/db/repos, /var/db/pkg and make.conf. Leaves to others: what follows from it.
 */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { KsquashError } from "../errors.ts";
import { resolveInRoot } from "../native/verbs.ts";
import { run } from "../process/run.ts";
import { attempt } from "../system/failure.ts";

/** A package's name as PMS 3.1 has it, or a pattern of it with "*". */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9+_.-]*\/[A-Za-z0-9_*][A-Za-z0-9+_*-]*$/;

/** Where the packages of kernel sources are. */
const KERNELS = "sys-kernel";

export interface InstalledPackage {
	/** CATEGORY/NAME-VERSION. */
	name: string;
	/** Whose hook functions were saved with it. */
	hook: "ours" | "old" | "none";
}

/** Names and patterns as names. Throws ERR_KSQUASH_USAGE for what is neither, or a pattern that nothing fits. */
export async function findPackages(root: string, given: readonly string[]): Promise<string[]> {
	const found = new Set<string>();
	for (const one of given) {
		if (!NAME.test(one)) {
			const hint = "write it as sys-kernel/gentoo-sources or 'sys-kernel/*-sources'";
			throw new KsquashError("ERR_KSQUASH_USAGE", `${JSON.stringify(one)} is no package`, { hint });
		}
		const names = one.includes("*") ? await matching(root, one) : [one];
		if (names.length === 0) throw new KsquashError("ERR_KSQUASH_USAGE", `no repository here has a ${one}`);
		for (const name of names) found.add(name);
	}
	return [...found].toSorted();
}

async function matching(root: string, pattern: string): Promise<string[]> {
	const [category = "", name = ""] = pattern.split("/");
	const fits = new RegExp(`^${name.replace(/[+.]/g, "\\$&").replaceAll("*", "[A-Za-z0-9+_-]*")}$`);
	const repositories = await resolveInRoot(root, "/var/db/repos");
	const found: string[] = [];
	for (const repository of await listDirectory(repositories)) {
		const names = await listDirectory(join(repositories, repository, category));
		found.push(...names.filter((one) => fits.test(one)).map((one) => `${category}/${one}`));
	}
	return found;
}

/** CATEGORY/NAME of a CATEGORY/NAME-VERSION. */
export function nameOf(installed: string): string {
	return installed.replace(/-\d[^/]*$/, "");
}

/** Those of these packages that are installed, with what Portage saved of their environment. */
export async function installedPackages(root: string, wanted: ReadonlySet<string>): Promise<InstalledPackage[]> {
	const top = await resolveInRoot(root, "/var/db/pkg");
	const found: InstalledPackage[] = [];
	for (const category of new Set([...wanted].map((name) => name.split("/")[0] ?? ""))) {
		for (const version of await listDirectory(join(top, category))) {
			if (!wanted.has(nameOf(`${category}/${version}`))) continue;
			const saved = await environment(join(top, category, version, "environment.bz2"));
			const old = /mksquashfs|build-\$\{KV_FULL\}/.test(saved);
			const hook = saved.includes("__ksquash_hook") ? "ours" : old ? "old" : "none";
			found.push({ name: `${category}/${version}`, hook });
		}
	}
	return found;
}

/** The installed package, CATEGORY/NAME-VERSION, whose file this is (a path inside the root). */
export async function ownerOf(root: string, file: string): Promise<string | undefined> {
	const top = await resolveInRoot(root, "/var/db/pkg");
	for (const version of await listDirectory(join(top, KERNELS))) {
		const contents = await readFile(join(top, KERNELS, version, "CONTENTS"), "utf8").catch(() => "");
		if (contents.includes(`\nobj ${file} `) || contents.startsWith(`obj ${file} `)) return `${KERNELS}/${version}`;
	}
	return undefined;
}

async function environment(path: string): Promise<string> {
	const { lines } = await run("bzip2", ["-dc", path], { stdout: "collect" }).catch(() => ({ lines: [] as string[] }));
	return lines.join("\n");
}

/** Every phase has a mount namespace of its own. */
export async function privateMounts(root: string): Promise<boolean> {
	const path = await resolveInRoot(root, "/etc/portage/make.conf");
	const files = (await listDirectory(path)).map((name) => join(path, name));
	const texts = await Promise.all(
		(files.length > 0 ? files : [path]).map(async (file) => await readFile(file, "utf8").catch(() => "")),
	);
	const features = texts.flatMap((text) =>
		[...text.matchAll(/^\s*FEATURES=["']?([^"'\n]*)/gm)].map(([, value]) => value),
	);
	return features.some((value) => /(?:^|\s)mount-sandbox(?:\s|$)/.test(value ?? ""));
}

/** The names in it; none where it is not there. */
export async function listDirectory(directory: string): Promise<string[]> {
	return await attempt(
		`read ${directory}`,
		readdir(directory).catch((error: NodeJS.ErrnoException) => {
			if (error.code === "ENOENT" || error.code === "ENOTDIR") return [];
			throw error;
		}),
	);
}
