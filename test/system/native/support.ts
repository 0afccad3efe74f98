/** A scratch directory, small trees and images of them, for the tests of the add-on. Needs root and a private mount namespace. */
import { execFileSync } from "node:child_process";
import {
	copyFileSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mounts, umount } from "../../../src/native/verbs.ts";

export { deny, drive } from "../../support/built.ts";

export const scratch = mkdtempSync(join(tmpdir(), "ksquash-native-"));

let counter = 0;

/** A fresh path below the scratch directory; made as a directory unless told otherwise. */
export function fresh(name = "d", make = true): string {
	const path = join(scratch, `${++counter}`, name);
	mkdirSync(make ? path : join(path, ".."), { recursive: true });
	return path;
}

/** Packs a tree; the image's owner is 0:0. */
export function pack(tree: string, ...options: string[]): string {
	const image = fresh("image.sqfs", false);
	const fixed = ["-noappend", "-no-progress", "-quiet", "-all-root"];
	for (const usual of [
		["-comp", "zstd"],
		["-b", "128K"],
	] as const)
		if (!options.includes(usual[0])) fixed.push(...usual);
	execFileSync("mksquashfs", [tree, image, ...fixed, ...options], { stdio: ["ignore", "ignore", "inherit"] });
	return image;
}

/** A tree of two files and its image. */
export function smallImage(text = "hello\n"): string {
	const tree = fresh();
	writeFileSync(join(tree, "file"), text);
	mkdirSync(join(tree, "sub"));
	writeFileSync(join(tree, "sub/other"), "other\n");
	return pack(tree);
}

/** A copy of an image with some bytes overwritten. */
export function patched(image: string, edit: (bytes: Buffer) => Buffer | undefined): string {
	const copy = fresh("patched.sqfs", false);
	copyFileSync(image, copy);
	const bytes = readFileSync(copy);
	writeFileSync(copy, edit(bytes) ?? bytes);
	return copy;
}

/** Loop devices whose backing file lies in the scratch directory. */
export function ownLoops(): string[] {
	const bound = readdirSync("/sys/block").filter((name) => existsSync(`/sys/block/${name}/loop`));
	return bound.filter((name) => {
		try {
			return readFileSync(`/sys/block/${name}/loop/backing_file`, "latin1").includes(scratch);
		} catch {
			return false; // free by now
		}
	});
}

/** Makes the calls of the newer ladder fail as an older kernel would: fsopen with ENOSYS, LOOP_CONFIGURE with EINVAL. */
export const oldKernel: readonly string[] = ["430=38", "16:0x4c0a=22"];

/** Descriptors of this process that lead to the scratch directory or to a loop device. */
export function ownFds(): number {
	return readdirSync("/proc/self/fd").length;
}

/** The error that a promise rejects with; fails when it does not. */
export async function rejection(work: Promise<unknown>): Promise<Error & Record<string, unknown>> {
	try {
		await work;
	} catch (error) {
		return error as Error & Record<string, unknown>;
	}
	throw new Error("it was expected to fail");
}

/** Unmounts everything below the scratch directory and removes it. */
export async function cleanUp(): Promise<void> {
	for (const { target } of (await mounts()).reverse()) {
		if (Buffer.from(target).toString("latin1").startsWith(scratch)) await umount(target, { lazy: true });
	}
	rmSync(scratch, { recursive: true, force: true });
}
