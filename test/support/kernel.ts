/**
 * Debian's linux-source: the whole tree, or a slice that Kconfig can work on, extracted once for all tests of a run.
 */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { cached } from "./cache.ts";

/** MUST_WORK=1 (set in CI) turns a skip for a missing part into a failure. */
export const mustWork: boolean = process.env.MUST_WORK === "1";

/** The newest linux-source tarball under /usr/src; undefined where Debian's package is not installed. */
export function kernelTarball(): string | undefined {
	const names = existsSync("/usr/src") ? readdirSync("/usr/src") : [];
	const name = names.filter((file) => /^linux-source-6\.1\.tar\.xz$/.test(file)).at(-1);
	return name === undefined ? undefined : join("/usr/src", name);
}

/**
 * Extracts the tarball without its top directory. --delay-directory-restore: GNU tar sets a directory's time as soon as
 * it leaves it, and Debian's tarball comes back to some (perf/, perf-security.rst, perf/…), which then get the present.
 */
export function extractKernel(tarball: string, to: string, members: readonly string[] = []): void {
	mkdirSync(to, { recursive: true });
	const only = members.length > 0 ? ["--wildcards", ...members] : [];
	execFileSync("tar", ["--delay-directory-restore", "-xf", tarball, "-C", to, "--strip-components=1", ...only], {
		stdio: "pipe",
	});
}

/** What `make olddefconfig` reads: Kconfig files, scripts, headers, and some real source. */
const SLICE = [
	"*/Kconfig*",
	...["Makefile", "Kbuild", "COPYING", "MAINTAINERS", "README"].map((name) => `linux-source-6.1/${name}`),
	...["scripts", "include", "init", "kernel", "arch/x86", "tools/include"].map((name) => `linux-source-6.1/${name}`),
];

/** A directory with a slice of the real kernel; shared by tests, which must only read it. */
export function kernelSlice(tarball: string): string {
	return cached("linux-6.1-slice", tarball, (directory) => extractKernel(tarball, directory, SLICE));
}
