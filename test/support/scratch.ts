/**
 * A scratch root for one test: made, filled, and taken away again with every mount below it, also when the test fails.
 */

import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

export interface Scratch {
	root: string;
	/** root/usr/src */
	src: string;
	path(...parts: string[]): string;
}

export const smallKernel: string = join(import.meta.dirname, "../fixtures/small-kernel");
/** The release that the small kernel's Makefile says. */
export const smallRelease = "6.1.99-small";

/** Call it inside a test: it is cleaned up when that test ends. */
export function scratchRoot(): Scratch {
	const root = realpathSync(mkdtempSync(join(tmpdir(), "ksquash-test-")));
	// mkdtemp makes it 0700: a build directory's owner must get through.
	chmodSync(root, 0o755);
	onTestFinished(() => clean(root));
	const src = join(root, "usr/src");
	mkdirSync(src, { recursive: true });
	return { root, src, path: (...parts) => join(root, ...parts) };
}

/** Copies the small kernel to usr/src/linux-REL, where its mount point will be. */
export function placeTree(scratch: Scratch, at = `usr/src/linux-${smallRelease}`): string {
	const tree = scratch.path(at);
	cpSync(smallKernel, tree, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
	return tree;
}

/** A tarball of the small kernel, as GNU tar makes it. */
export function placeTarball(scratch: Scratch, name = "linux.tar.xz", options: readonly string[] = []): string {
	const tarball = scratch.path(name);
	const compress = name.endsWith(".tar") ? [] : ["--auto-compress"];
	const tree = placeTree(scratch, `tmp/linux-${smallRelease}`);
	execFileSync("tar", [...compress, "-cf", tarball, ...options, "-C", join(tree, ".."), `linux-${smallRelease}`]);
	return tarball;
}

/** Every mount at or below a directory, last one first. */
export function mountsBelow(directory: string): string[] {
	const rows = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
	const targets = rows.map((row) => unescaped(row.split(" ")[4] ?? ""));
	return targets.filter((path) => path === directory || path.startsWith(`${directory}/`)).reverse();
}

/** Loop devices whose backing file lies below a directory. */
export function loopsBelow(directory: string): string[] {
	const rows = execFileSync("losetup", ["--list", "--noheadings", "--output", "NAME,BACK-FILE"], { encoding: "utf8" });
	return rows.split("\n").filter((row) => row.includes(directory));
}

function unescaped(text: string): string {
	return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

function clean(root: string): void {
	for (const target of mountsBelow(root)) execFileSync("umount", ["--lazy", target]);
	if (existsSync(root)) {
		rmSync(root, { recursive: true, force: true });
	}
}
