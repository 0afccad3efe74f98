/** What the fault tests share: ksquash under strace, or in a namespace where a program is another, and what must hold after it. */

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { cliPath } from "../support/cli.ts";
import { hashes, listing } from "../support/content.ts";
import { mustWork } from "../support/kernel.ts";
import { type Ran, type RunOptions, run } from "../support/process.ts";
import { loopsBelow, mountsBelow, type Scratch, smallKernel, smallRelease } from "../support/scratch.ts";

export const name = `linux-${smallRelease}`;

export type { Ran } from "../support/process.ts";

export interface KsquashOptions extends RunOptions {
	/** What runs node: strace, unshare, setpriv … */
	prefix?: readonly string[];
}

/** Runs the built CLI to its end. One thread for file work, so that strace counts the calls in their order. */
export async function ksquash(
	args: readonly string[],
	{ prefix = [], env, ...rest }: KsquashOptions = {},
): Promise<Ran> {
	return await run([...prefix, process.execPath, cliPath, ...args], {
		...rest,
		env: { PATH: process.env.PATH, UV_THREADPOOL_SIZE: "1", ...env },
	});
}

/** Is a program there? With MUST_WORK=1 its absence is a failure, not a skip. */
export function has(program: string): boolean {
	try {
		execFileSync("sh", ["-c", `command -v ${program}`], { stdio: "ignore" });
		return true;
	} catch {
		if (mustWork) throw new Error(`${program} is missing, and MUST_WORK=1`);
		return false;
	}
}

/** The calls that change a file system, but for writing into an open file: an fsync follows that. */
export const changing: readonly string[] = [
	...["rename", "renameat2", "link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat", "mkdir", "mkdirat"],
	...["rmdir", "fchmod", "fchown", "chmod", "fsync", "fdatasync", "move_mount", "umount2"],
];

export function strace(log: string, ...expressions: string[]): string[] {
	// Without --seccomp-bpf: with it strace 6.1 injects no signals.
	return ["strace", "-f", "-o", log, ...expressions.flatMap((expression) => ["-e", expression])];
}

/** The calls of the mounts' own thread, which makes no other. */
export const mounting: readonly string[] = ["mount", "move_mount", "umount2"];

export interface Cut {
	syscall: string;
	/** The Nth of this call in the thread that does the file work. */
	when: number;
}

/** Every command looks what the kernel can do: the thread of this call is ksquash's own. */
const PROBE = 'renameat2(AT_FDCWD, "", AT_FDCWD, ""';
/** The last call of all gives a lock back: the work is done then. */
const LOCK = /^\d+ +unlink\("[^"]*\.lock"/;

/**
 * The cut points of one run that succeeds: one before each call that changed something.
 *
 * An fsync and a call that failed leave the same files as the point behind them has: they are tried with
 * KSQUASH_ALL_CUTS=1 only, which also takes every call of a long row and not three of it.
 */
export async function cuts(args: readonly string[], log: string, ...extra: string[]): Promise<Cut[]> {
	const ran = await ksquash(args, { prefix: strace(log, `trace=${changing.join(",")}`, ...extra) });
	expect(ran, ran.stderr).toMatchObject({ status: 0, signal: null });
	const threads = new Map<string, (Cut & { idle: boolean; lock: boolean })[]>();
	let ours = "";
	for (const line of readFileSync(log, "utf8").split("\n")) {
		const [, thread = "", syscall = ""] = /^(\d+) +([a-z_0-9]+)\(/.exec(line) ?? [];
		if (!changing.includes(syscall)) continue;
		const row = threads.get(thread) ?? [];
		const when = row.filter((cut) => cut.syscall === syscall).length + 1;
		if (line.includes(PROBE)) ours = thread;
		const idle = / = -1 E/.test(line) || /^f(?:data)?sync$/.test(syscall);
		threads.set(thread, [...row, { syscall, when, idle, lock: LOCK.test(line) }]);
	}
	const own = (threads.get(ours) ?? []).filter(({ lock }) => !lock);
	const others = [...threads].filter(([thread]) => thread !== ours).map(([, calls]) => calls);
	const row = [...own, ...others.flat().filter(({ syscall }) => mounting.includes(syscall))];
	return process.env.KSQUASH_ALL_CUTS === "1" ? row : sampled(row.filter(({ idle }) => !idle));
}

/** For a test that tries one cut after another. */
export const patience = { timeout: process.env.KSQUASH_ALL_CUTS === "1" ? 3_600_000 : 200_000 };

/** Of each call the first, the last, and the one in the middle. */
function sampled(points: readonly Cut[]): Cut[] {
	return [...new Set(points.map(({ syscall }) => syscall))].flatMap((syscall) => {
		const row = points.filter((cut) => cut.syscall === syscall);
		return row.filter((_, i) => i === 0 || i === row.length - 1 || i === row.length >> 1);
	});
}

/** So many, evenly over the run; all with KSQUASH_ALL_CUTS=1. */
export function spread<T>(points: readonly T[], count = 10): T[] {
	const step = process.env.KSQUASH_ALL_CUTS === "1" ? 1 : Math.max(1, points.length / count);
	return points.filter((_, i) => Math.floor(i / step) !== Math.floor((i - 1) / step));
}

export async function killedAt(cut: Cut, args: readonly string[], log: string, ...extra: string[]): Promise<Ran> {
	return await signalledAt("KILL", cut, args, log, ...extra);
}

/** The signal comes as the call begins. */
export async function signalledAt(
	signal: "KILL" | "INT" | "TERM",
	{ syscall, when }: Cut,
	args: readonly string[],
	log: string,
	...extra: string[]
): Promise<Ran> {
	const expressions = [`trace=${changing.join(",")}`, `inject=${syscall}:signal=${signal}:when=${when}`, ...extra];
	return await ksquash(args, { prefix: strace(log, ...expressions) });
}

/** Two at a time: each is half waiting. */
export async function eachCut(points: readonly Cut[], work: (cut: Cut, index: number) => Promise<void>): Promise<void> {
	const left = points.map((cut, index) => [cut, index] as const).reverse();
	const worker = async (): Promise<void> => {
		for (let next = left.pop(); next !== undefined; next = left.pop()) {
			const [cut, index] = next;
			try {
				await work(cut, index);
			} catch (error) {
				left.length = 0;
				throw new Error(`cut at ${cut.syscall} number ${cut.when}: ${(error as Error).message}`, { cause: error });
			}
		}
	};
	const ends = await Promise.allSettled([worker(), worker()]);
	for (const end of ends) if (end.status === "rejected") throw end.reason;
}

export interface Content {
	listing: string;
	hashes: string;
}

export function content(directory: string): Content {
	return { listing: listing(directory), hashes: hashes(directory) };
}

export function same(directory: string, expected: Content): boolean {
	if (!existsSync(directory)) return false;
	return listing(directory) === expected.listing && hashes(directory) === expected.hashes;
}

/** Read by the kernel through a mount of our own, then by unmounting it. */
export function imageHolds(image: string, expected: Content): boolean {
	if (!existsSync(image)) return false;
	// Not beside the image: a disk whose writes are recorded would have it among the command's own.
	const at = mkdtempSync(join(tmpdir(), "ksquash-look-"));
	try {
		execFileSync("mount", ["-t", "squashfs", "-o", "loop,ro", image, at], { stdio: "ignore" });
	} catch {
		rmSync(at, { recursive: true });
		return false;
	}
	try {
		return same(at, expected);
	} finally {
		execFileSync("umount", [at]);
		rmSync(at, { recursive: true });
	}
}

/** A root of its own below the scratch root: many in one test, each taken away as soon as it was looked at. */
export function subRoot(scratch: Scratch, label: string | number): Scratch {
	const root = scratch.path(`root-${label}`);
	const src = join(root, "usr/src");
	mkdirSync(src, { recursive: true });
	return { root, src, path: (...parts) => join(root, ...parts) };
}

export function drop({ root }: Scratch): void {
	for (const target of mountsBelow(root)) execFileSync("umount", [target]);
	rmSync(root, { recursive: true, force: true });
}

/** The small kernel with the times of its directories, too: two copies are equal. */
export function placeSmall(to: string): string {
	execFileSync("cp", ["-a", smallKernel, to]);
	return to;
}

export function names(directory: string): string[] {
	return existsSync(directory) ? readdirSync(directory).toSorted() : [];
}

/** Nothing of an interrupted or refused run: no mount, no loop device, no file but those named. */
export function expectClean(scratch: Scratch, files: readonly string[]): void {
	expect(names(scratch.src)).toEqual([...files].toSorted());
	expect(mountsBelow(scratch.root)).toEqual([]);
	expect(loopsBelow(scratch.root)).toEqual([]);
}

/** What, where, why, and a hint: every refusal tells these, and never shows a stack. */
export function expectRefusal(ran: Ran, status: number, ...parts: (string | RegExp)[]): void {
	expect(ran.stderr).not.toMatch(/^ {4}at /m);
	for (const part of parts) expect(ran.stderr).toMatch(part);
	expect(ran.stderr).toMatch(/^ {2}→ \S/m);
	expect({ status: ran.status, stderr: ran.stderr }).toMatchObject({ status });
}

/** Runs in a mount namespace in which `program` is this script; $REAL is the program itself. */
export function replacedProgram(scratch: Scratch, program: string, script: string): string[] {
	const path = execFileSync("sh", ["-c", `command -v ${program}`], { encoding: "utf8" }).trim();
	const [real, fake] = [scratch.path(`real-${program}`), scratch.path(`fake-${program}`)];
	cpSync(path, real);
	writeFileSync(fake, `#!/bin/sh\nREAL=${real}\n${script}\n`, { mode: 0o755 });
	const setup = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';
	return ["unshare", "--mount", "--propagation", "private", "sh", "-c", setup, "sh", fake, path];
}
