/** The package made once, and installed in each way from its one file. */

import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { which } from "../../../src/process/run.ts";
import { loopsBelow, placeTarball, scratchRoot, smallRelease } from "../../support/scratch.ts";
import type { Toolchain } from "./nodes.ts";
export const top: string = join(import.meta.dirname, "../../..");
export const { version } = JSON.parse(readFileSync(join(top, "package.json"), "utf8")) as { version: string };
export const scratch: string = mkdtempSync(join(tmpdir(), "ksquash-package-"));

export interface Packed {
	filename: string;
	size: number;
	files: { path: string; mode: number }[];
}

export let tarball = "";

/** Makes the tarball that install() installs; once for all tests of a file. */
export function makePackage(): Packed {
	const flags = ["pack", "--json", "--ignore-scripts", "--pack-destination", scratch];
	const [packed] = JSON.parse(execFileSync("npm", flags, { cwd: top, encoding: "utf8" })) as [Packed];
	tarball = join(scratch, packed.filename);
	return packed;
}

/** The programs that the work needs, and no compiler, make or python. */
export function plainPath(name: string, { node }: Toolchain): string {
	const directory = join(scratch, name, "path");
	mkdirSync(directory, { recursive: true });
	symlinkSync(node, join(directory, "node"));
	const programs = ["sh", "env", "mksquashfs", "xz", "tar", "cat", "modprobe"];
	for (const program of programs) symlinkSync(which(program) as string, join(directory, program));
	return directory;
}

export interface Installed {
	bin: string;
	directory: string;
	env: Record<string, string>;
}

const done = new Map<string, Installed>();

/** Once each: `npm install -g`, or `npm ci` from a lock file. */
export function install(tools: Toolchain, way: "global" | "lock file"): Installed {
	const key = `${tools.name} ${way}`;
	const found = done.get(key) ?? installAnew(tools, way);
	done.set(key, found);
	return found;
}

function installAnew(tools: Toolchain, way: "global" | "lock file"): Installed {
	const name = `${tools.name} ${way}`.replaceAll(/[ ,]+/g, "-");
	const place = join(scratch, name, "place");
	mkdirSync(place, { recursive: true });
	const env = {
		PATH: plainPath(name, tools),
		HOME: join(scratch, name),
		npm_config_cache: join(scratch, name, "cache"),
	};
	const npm = (...args: string[]): void => {
		const quiet = ["--offline", "--no-audit", "--no-fund", "--loglevel=error"];
		const ran = spawnSync(tools.node, [tools.npm, ...args, ...quiet], { cwd: place, env, encoding: "utf8" });
		expect(ran, ran.stderr).toMatchObject({ status: 0 });
	};
	if (way === "global") {
		npm("install", "--global", "--prefix", place, "--ignore-scripts", tarball);
		return { bin: join(place, "bin/ksquash"), directory: join(place, "lib/node_modules/ksquash"), env };
	}
	copyFileSync(tarball, join(place, "ksquash.tgz"));
	writeFileSync(join(place, "package.json"), JSON.stringify({ dependencies: { ksquash: "file:ksquash.tgz" } }));
	npm("install", "--package-lock-only");
	npm("ci");
	return { bin: join(place, "node_modules/.bin/ksquash"), directory: join(place, "node_modules/ksquash"), env };
}

export function works({ bin, directory, env }: Installed, { node }: Toolchain): void {
	const run = (file: string, ...args: string[]): string => {
		const ran = spawnSync(file, args, { env, encoding: "utf8" });
		expect(ran, `${args.join(" ")}: ${ran.stderr}`).toMatchObject({ status: 0 });
		return ran.stdout;
	};
	expect(run(bin, "--version")).toContain(version);
	const root = scratchRoot();
	const source = placeTarball(root);
	run(bin, "pack", source, "--root", root.root);
	run(bin, "mount", smallRelease, "--root", root.root);
	expect(existsSync(join(root.src, `linux-${smallRelease}`, "Makefile"))).toBe(true);
	// The library, from a program of its own.
	const program = join(directory, "../consumer.mjs");
	writeFileSync(
		program,
		`import { status, umount } from "ksquash";
const root = ${JSON.stringify(root.root)};
const { releases: [row] } = await status({ root });
await umount(row.release, { root });
console.log(row.release, row.state);\n`,
	);
	expect(run(node, program)).toBe(`${smallRelease} mounted\n`);
	expect(loopsBelow(root.root)).toEqual([]);
}
