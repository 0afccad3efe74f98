/**
 * Running the kernel's make: as the owner, in an environment of ours, with stdin closed.
 *
 * Owns: what make inherits (nothing: ARCH, O, KBUILD_*, MAKEFLAGS and CC of the caller change builds), and saying
 * beforehand what make would report misleadingly. Leaves to others: which targets, and the .config.
 */

import { access, statfs } from "node:fs/promises";
import { join } from "node:path";
import { KsquashError } from "../errors.ts";
import { missingProgram } from "../process/programs.ts";
import { cleanEnvironment, run, which } from "../process/run.ts";
import { toolFailure } from "../system/failure.ts";
import { blank, call, text } from "../text.ts";
import { assertCanActAs, assertOwned, type Owner } from "./ownership.ts";
import { assertBuildablePath, assertExecutable } from "./paths.ts";

/** What a make of one build directory always gets. */
export interface MakeRequest {
	/** Absolute path of the kernel source. */
	source: string;
	/** Absolute path of the build directory. */
	build: string;
	owner: Owner;
	arch?: string | undefined;
	/** CROSS_COMPILE, e.g. "aarch64-linux-gnu-". */
	cross?: string | undefined;
	/** The user's own NAME=VALUE, e.g. ["CC=clang"]. */
	makeArgs?: readonly string[] | undefined;
	jobs?: number | undefined;
	onLine?: ((line: string, stream: "stdout" | "stderr") => void) | undefined;
	signal?: AbortSignal | undefined;
}

/** Variables that lead output elsewhere or replace what make reads: they are ours to set. */
const RESERVED =
	/^(?:O|M|KBUILD_OUTPUT|KBUILD_EXTMOD|KBUILD_SRC|KCONFIG_CONFIG|MAKEFLAGS|MAKEFILES|SHELL|srctree|objtree)$/;

/**
 * make -C SOURCE O=BUILD … TARGETS. Asks again, each time, whether the directory is only the owner's.
 *
 * Throws ERR_KSQUASH_FOREIGN_OWNER, ERR_KSQUASH_PRIVILEGE, ERR_KSQUASH_NO_INPUT (no source there),
 * ERR_KSQUASH_TOOL_MISSING, ERR_KSQUASH_KCONFIG with make's last lines, ERR_KSQUASH_USAGE.
 */
export async function runTarget(request: MakeRequest, targets: readonly string[]): Promise<void> {
	const { source, build, owner } = request;
	assertBuildablePath(source, "the kernel source");
	assertBuildablePath(build, "the build directory");
	const variables = makeVariables(request);
	for (const target of targets) assertTarget(target);
	assertCanActAs(owner);
	await assertSource(source);
	await assertBuildTools(request, source);
	await assertExecutable(source, "the kernel source");
	await assertExecutable(build, "the build directory");
	await assertOwned(build, owner);
	const jobs = request.jobs === undefined ? [] : [`-j${Math.max(1, Math.floor(request.jobs))}`];
	try {
		await run("make", ["--no-print-directory", "-C", source, ...jobs, ...variables, ...targets], {
			cwd: "/",
			env: makeEnvironment(owner),
			as: owner,
			ownWrites: true,
			stdout: "lines",
			onLine: request.onLine,
			signal: request.signal,
		});
	} catch (error) {
		const told = toolFailure(error, build);
		if (told !== error || !(error instanceof KsquashError) || error.code !== "ERR_KSQUASH_TOOL_FAILED") throw told;
		const message = `make ${targets.join(" ")} of ${source} failed in ${build}: ${error.message}`;
		throw new KsquashError("ERR_KSQUASH_KCONFIG", message, {
			path: build,
			notes: [...error.notes, ...(await lackOfRoom(build))],
			cause: error,
		});
	}
}

/** What a shell in a makefile says of a full disk is "I/O error", or nothing: a sentence where little room is left. */
async function lackOfRoom(build: string): Promise<string[]> {
	const { bavail, bsize } = await statfs(build);
	const kib = Math.floor((bavail * bsize) / 1024);
	return kib < 1024 ? [`the file system of ${build} has no space left but ${kib} KiB`] : [];
}

/** The compiler's first line of --version: a config is made for one compiler. "" where there is none. */
export async function toolchainLine(request: Pick<MakeRequest, "owner" | "cross" | "makeArgs">): Promise<string> {
	const [program = "", ...more] = compilerOf(request);
	if (which(program) === undefined) return "";
	const { owner } = request;
	// With all of its words: `ccache gcc` answers for gcc.
	const { lines } = await run(program, [...more, "--version"], { cwd: "/", as: owner, env: makeEnvironment(owner) });
	return lines[0] ?? "";
}

/** All that make inherits. */
export function makeEnvironment(owner: Owner): Record<string, string> {
	return { ...cleanEnvironment(owner.home), USER: owner.name, LOGNAME: owner.name };
}

function makeVariables(request: MakeRequest): string[] {
	assertMakeWords(request);
	const { build, arch, cross, makeArgs = [] } = request;
	const variables = [`O=${build}`];
	if (arch !== undefined) variables.push(`ARCH=${arch}`);
	if (cross !== undefined) variables.push(`CROSS_COMPILE=${cross}`);
	return [...variables, ...makeArgs];
}

/** Throws ERR_KSQUASH_USAGE for what make is not to be told. */
export function assertMakeWords({
	arch,
	cross,
	makeArgs = [],
}: Pick<MakeRequest, "arch" | "cross" | "makeArgs">): void {
	// The top Makefile includes arch/$(ARCH)/Makefile: a name, and no path.
	if (arch !== undefined && !/^\w+$/.test(arch)) throw usage(`${JSON.stringify(arch)} is no name of an architecture`);
	if (cross !== undefined && !/^[\w./+-]+$/.test(cross)) {
		throw usage(`${JSON.stringify(cross)} is no name of a cross compiler`);
	}
	for (const argument of makeArgs) {
		const name = /^([A-Za-z_]\w*)=/.exec(argument)?.[1];
		if (name === undefined) throw usage(`${JSON.stringify(argument)} is no NAME=VALUE for make`);
		if (RESERVED.test(name)) throw usage(`${name} is set by ksquash, and cannot be given to make`);
	}
}

function assertTarget(target: string): void {
	if (/^[A-Za-z0-9_][A-Za-z0-9_./+-]*$/.test(target)) return;
	throw usage(`${JSON.stringify(target)} is no target of make`);
}

/** The words of make's CC. */
function compilerOf({ cross = "", makeArgs = [] }: Pick<MakeRequest, "cross" | "makeArgs">): string[] {
	const given = (name: string): string | undefined =>
		makeArgs.findLast((argument) => argument.startsWith(`${name}=`))?.slice(name.length + 1);
	const words = (given("CC") ?? "").split(/\s+/).filter(Boolean);
	if (words.length > 0) return words;
	const llvm = given("LLVM");
	if (llvm === undefined || llvm === "" || llvm === "0") return [`${cross}gcc`];
	if (llvm.endsWith("/")) return [`${llvm}clang`];
	return [llvm.startsWith("-") ? `clang${llvm}` : "clang"];
}

/** Without these no kernel is configured. */
export const buildTools = ["make", "gcc", "flex", "bison"] as const;

/**
 * make would say "not found" in the middle of a log, or blame the Kconfig files. Throws ERR_KSQUASH_TOOL_MISSING.
 * Without `source` a kernel of today is assumed.
 */
export async function assertBuildTools(
	request: Pick<MakeRequest, "cross" | "makeArgs">,
	source: string | undefined,
): Promise<void> {
	const needed = new Set<string>(buildTools).add(compilerOf(request)[0] ?? "gcc");
	if ((request.makeArgs ?? []).some((argument) => /^(?:HOSTCC|LLVM)=/.test(argument))) needed.delete("gcc");
	// Kernels before 4.16 carry the parsers ready-made.
	const parsers = source === undefined || (await exists(join(source, "scripts/kconfig/lexer.l")));
	if (!parsers) for (const program of ["flex", "bison"]) needed.delete(program);
	for (const program of needed) if (which(program) === undefined) throw missingProgram(program);
}

async function assertSource(source: string): Promise<void> {
	if (await exists(join(source, "Makefile"))) return;
	throw new KsquashError("ERR_KSQUASH_NO_INPUT", `there is no kernel source at ${source}`, {
		path: source,
		hint: text`mount its image first: ${call("mount", blank("RELEASE"))}`,
	});
}

async function exists(path: string): Promise<boolean> {
	return await access(path).then(
		() => true,
		() => false,
	);
}

function usage(message: string): KsquashError {
	return new KsquashError("ERR_KSQUASH_USAGE", message);
}
