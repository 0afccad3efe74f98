/**
 * Where kernels leave their configs on a machine, in the order in which a base is looked for.
 *
 * Owns: the places of one kernel, and the list of all that are there with what can be said of each.
 * Leaves to others: which one becomes the base (base-config.ts); build directories (the caller knows them).
 */

import { access, readdir, stat } from "node:fs/promises";
import { machine as machineName, release as osRelease } from "node:os";
import { join } from "node:path";
import { KsquashError } from "../errors.ts";
import { run } from "../process/run.ts";
import { configArch, configRelease } from "./arch.ts";
import { parseConfig } from "./config.ts";
import { readConfigFile } from "./read.ts";

/** Where the running kernel's config may lie. The defaults are the system's. */
export interface Sources {
	procConfig: string;
	modulesDir: string;
	bootDir: string;
	/** uname -r and uname -m. */
	release: string;
	machine: string;
	/** Makes /proc/config.gz appear where it is a module; undefined: not tried. */
	loadConfigs: (() => Promise<void>) | undefined;
}

export interface Place {
	kind: "proc" | "modules" | "modules-build" | "boot" | "image";
	path: string;
	/** Why it is a base, as the end of a sentence. */
	reason: string;
}

/** What one candidate says. */
export interface SourceEntry {
	kind: Place["kind"] | "build" | "package";
	path: string;
	/** The version in its header; undefined where there is none. */
	release?: string;
	arch?: string;
	/** Symbols that it sets, y, m and values; absent where it could not be read. */
	symbols?: number;
	modified?: Date;
	/** It is the running kernel's: of its own release, and of its version as far as the header says. */
	running: boolean;
	/** Why it cannot be used. */
	problem?: string;
}

/** The places of the running kernel. What is not there is in the list, too. */
export function runningPlaces({ release, procConfig, modulesDir, bootDir }: Sources): Place[] {
	const installed = `it was installed with the running kernel ${release}`;
	const carried = `the running kernel's image carries it`;
	const modules = `${modulesDir}/${release}`;
	const carriers = ["", ".xz", ".zst", ".gz"].map((packing) => `${modules}/kernel/kernel/configs.ko${packing}`);
	return [
		{ kind: "proc", path: procConfig, reason: "the running kernel says that it was built with it" },
		{ kind: "modules", path: `${modules}/config`, reason: installed },
		{
			kind: "modules-build",
			path: `${modules}/build/.config`,
			reason: `the running kernel ${release} was built there`,
		},
		{ kind: "boot", path: `${bootDir}/config-${release}`, reason: installed },
		{ kind: "image", path: `${bootDir}/vmlinuz-${release}`, reason: carried },
		{ kind: "image", path: `${modules}/vmlinuz`, reason: carried },
		...carriers.map((path) => ({
			kind: "image" as const,
			path,
			reason: "the running kernel's module configs carries it",
		})),
	];
}

/** Every config of every kernel here: the running one's places first, then those of the others, the newest release first. */
export async function listSources(
	sources: Sources,
	further: readonly Pick<SourceEntry, "kind" | "path">[],
	signal?: AbortSignal,
): Promise<SourceEntry[]> {
	const releases = new Set<string>();
	for (const name of await namesIn(sources.modulesDir)) releases.add(name);
	for (const name of await namesIn(sources.bootDir)) {
		const release = /^(?:config|vmlinuz)-(.+?)(?:\.old)?$/.exec(name)?.[1];
		if (release !== undefined) releases.add(release);
	}
	releases.delete(sources.release);
	const { compare } = new Intl.Collator("en", { numeric: true });
	const others = [...releases].toSorted((a, b) => compare(b, a)).map((release) => ({ ...sources, release }));
	const own = runningPlaces(sources);
	const places = [...own, ...others.flatMap((other) => runningPlaces(other).slice(1)), ...further];
	const entries: SourceEntry[] = [];
	for (const { kind, path } of places) {
		if (!(await isThere(path))) continue;
		const ofRunning = own.some((place) => place.path === path);
		entries.push(await describeLocation(kind, path, ofRunning, sources.release, signal));
	}
	return entries;
}

async function describeLocation(
	kind: SourceEntry["kind"],
	path: string,
	ofRunning: boolean,
	running: string,
	signal: AbortSignal | undefined,
): Promise<SourceEntry> {
	const entry: SourceEntry = { kind, path, running: false };
	try {
		// A file of /proc is made when it is looked at: its time says nothing.
		if (kind !== "proc") entry.modified = (await stat(path)).mtime;
		const config = parseConfig(await readConfigFile(path, { signal }), path);
		const [release, arch] = [configRelease(config), configArch(config)];
		if (release !== undefined) entry.release = release;
		if (arch !== undefined) entry.arch = arch;
		entry.symbols = [...config.symbols.values()].filter(({ value }) => value !== "n").length;
		entry.running = ofRunning && (release === undefined || running.startsWith(release));
	} catch (error) {
		if (!(error instanceof KsquashError)) throw error;
		entry.problem = error.message;
	}
	return entry;
}

export async function isThere(path: string): Promise<boolean> {
	return await access(path).then(
		() => true,
		() => false,
	);
}

async function namesIn(directory: string): Promise<string[]> {
	return await readdir(directory).catch(() => []);
}

export function systemSources(): Sources {
	return {
		procConfig: "/proc/config.gz",
		modulesDir: "/lib/modules",
		bootDir: "/boot",
		release: osRelease(),
		machine: machineName(),
		// IKCONFIG=m: the module is called configs. Its absence is no news.
		loadConfigs:
			process.geteuid?.() === 0
				? async () => void (await run("modprobe", ["-q", "configs"]).catch(() => undefined))
				: undefined,
	};
}

/** Configs that a distribution's package leaves in a directory (Debian: /usr/src/linux-config-6.1/config.amd64….xz). */
export async function packagedConfigs(directory: string): Promise<Pick<SourceEntry, "kind" | "path">[]> {
	const packages = (await namesIn(directory)).filter((name) => name.startsWith("linux-config-")).toSorted();
	const found = packages.map(async (name) => {
		const files = (await namesIn(join(directory, name))).filter((file) => file.startsWith("config.")).toSorted();
		return files.map((file) => ({ kind: "package" as const, path: join(directory, name, file) }));
	});
	return (await Promise.all(found)).flat();
}
