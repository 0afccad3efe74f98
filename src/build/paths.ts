/**
 * Which paths Kbuild can work with, and what a mount lets it do.
 *
 * Owns: the refusal of a path before anything is made, and the noexec check.
 * Leaves to others: where sources and build directories lie (the caller says it).
 */

import { open, readFile } from "node:fs/promises";
import { KsquashError } from "../errors.ts";

/**
 * Kbuild writes its paths unquoted into makefiles and shell commands. Letters of any script, digits and these few
 * signs mean the same to make, the shell and gcc's -Wp, lists; all else ends a word or starts something.
 */
const FIT = /^[\p{L}\p{M}\p{N}._+@/-]+$/u;

/** Throws ERR_KSQUASH_USAGE with the character that is in the way. */
export function assertBuildablePath(path: string, what: string): void {
	const refuse = (why: string): never => {
		throw new KsquashError("ERR_KSQUASH_USAGE", `${what} ${JSON.stringify(path)} cannot be used: ${why}`, {
			path,
			hint: "choose a path of letters, digits and . _ + @ - only",
		});
	};
	if (!path.startsWith("/") || path.split("/").includes("..")) refuse("it is no absolute path");
	if (FIT.test(path)) return;
	const bad = [...path].find((character) => !FIT.test(character)) ?? "";
	const name = names[bad] ?? (/\s/u.test(bad) ? "a blank" : JSON.stringify(bad));
	refuse(`it has ${name}, and the kernel's makefiles break at that`);
}

const names: Readonly<Record<string, string>> = {
	" ": "a space",
	"\t": "a tab",
	"\n": "a newline",
	":": "a colon",
	"%": "a percent sign",
};

/** The options of the mount that `path` lies on, as in /proc/self/mountinfo; [] where that cannot be read. */
export async function mountOptions(path: string): Promise<string[]> {
	const handle = await open(path, "r");
	try {
		// The kernel says which mount it is: no guess by the longest prefix, which a mount on top would fool.
		const info = await readFile(`/proc/self/fdinfo/${handle.fd}`, "latin1");
		const id = /^mnt_id:\s*(\d+)/m.exec(info)?.[1];
		const table = await readFile("/proc/self/mountinfo", "latin1");
		const fields = table.split("\n").map((line) => line.split(" "));
		return fields.find(([mount]) => mount === id)?.[5]?.split(",") ?? [];
	} catch {
		return [];
	} finally {
		await handle.close();
	}
}

/** Throws ERR_KSQUASH_KCONFIG unless programs can run from `path`: make's own message for this is misleading. */
export async function assertExecutable(path: string, what: string): Promise<void> {
	if (!(await mountOptions(path)).includes("noexec")) return;
	throw new KsquashError(
		"ERR_KSQUASH_KCONFIG",
		`${what} ${path} is mounted noexec, and a build runs programs from it`,
		{
			path,
			hint: "remount it with exec, or put it elsewhere",
		},
	);
}
