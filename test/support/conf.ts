/** The kernel's own `conf`, built once from Debian's source: the judge of what we say about configs. */

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cached } from "./cache.ts";

/** An environment in which conf takes nothing from ours. */
const env = { PATH: process.env.PATH ?? "", LC_ALL: "C", HOME: "/" };

/** A build directory of the slice whose scripts/kconfig/conf is built; tests must only read it. */
export function confBuild(slice: string): string {
	return cached("linux-6.1-conf", slice, (directory) => void make(slice, directory, ["defconfig"]));
}

/** make O=BUILD TARGETS; returns what it prints. */
export function make(source: string, build: string, targets: readonly string[]): string {
	mkdirSync(build, { recursive: true });
	const args = ["--no-print-directory", "-s", "-C", source, `O=${build}`, ...targets];
	return execFileSync("make", args, { env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], maxBuffer: 1 << 26 });
}

/** `make olddefconfig` of a text in a fresh directory below `scratch`. */
export function olddefconfig(source: string, scratch: string, text: string | Uint8Array): string {
	const build = join(scratch, "build");
	rmSync(build, { recursive: true, force: true });
	mkdirSync(build, { recursive: true });
	// make compares times: a copy that keeps them saves compiling conf again.
	execFileSync("cp", ["-a", join(confBuild(source), "scripts"), `${build}/`]);
	writeFileSync(join(build, ".config"), text);
	make(source, build, ["olddefconfig"]);
	return readFileSync(join(build, ".config"), "latin1");
}

export interface ConfRun {
	/** The .config that it leaves. */
	config: string;
	/** What it says: warnings. */
	said: string;
}

/** `conf --olddefconfig` on a Kconfig text of the test's own. */
export function runConf(slice: string, scratch: string, kconfig: string, config: string): ConfRun {
	const files = { kconfig: join(scratch, "Kconfig"), config: join(scratch, "one.config") };
	writeFileSync(files.kconfig, kconfig);
	writeFileSync(files.config, config, "latin1");
	const conf = join(confBuild(slice), "scripts/kconfig/conf");
	const { stdout, stderr } = spawnSync(conf, ["--olddefconfig", files.kconfig], {
		cwd: scratch,
		env: { ...env, KCONFIG_CONFIG: files.config, srctree: ".", KERNELVERSION: "6.1.0", ARCH: "x86", SRCARCH: "x86" },
		encoding: "latin1",
	});
	return { config: readFileSync(files.config, "latin1"), said: stdout + stderr };
}
