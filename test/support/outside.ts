/** What a command does, seen from outside of it: by find(1), the mount table, losetup(8) and strace(1). */

import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { expect } from "vitest";
import { cliPath } from "./cli.ts";
import { loopsBelow, mountsBelow, type Scratch } from "./scratch.ts";

/** Path → what is there. Mounted images are one entry each. */
export type Outside = ReadonlyMap<string, string>;

export function outside({ root }: Pick<Scratch, "root">): Outside {
	const quiet = { encoding: "utf8", maxBuffer: 1 << 28 } as const;
	const format = "%p\\t%y %m %U:%G %l %i %s\\n";
	const rows = execFileSync("find", [root, "-xdev", "-printf", format], quiet).split("\n").filter(Boolean);
	const script = 'find "$1" -xdev -type f -print0 | xargs -0 --no-run-if-empty sha256sum';
	const sums = execFileSync("sh", ["-c", script, "sh", root], quiet).split("\n").filter(Boolean);
	const found = new Map<string, string>();
	for (const row of rows) {
		const [path = "", what = ""] = row.split("\t");
		// A directory's size is its file system's business.
		found.set(path, what.startsWith("d") ? what.replace(/ \d+$/, "") : what);
	}
	for (const sum of sums) found.set(sum.slice(66), `${found.get(sum.slice(66))} ${sum.slice(0, 64)}`);
	for (const path of mountsBelow(root)) found.set(path, "mounted");
	for (const row of loopsBelow(root)) found.set(row.split(" ")[0] ?? "", row);
	return found;
}

/** Paths of what came, went or changed: of what lies in such a directory only the directory. Loop devices are left out. */
export function changes(before: Outside, after: Outside): string[] {
	const all = [...new Set([...before.keys(), ...after.keys()])].filter((path) => !path.startsWith("/dev/"));
	const different = all.filter((path) => before.get(path) !== after.get(path)).toSorted();
	return different.filter((path) => !different.some((other) => path.startsWith(`${other}/`)));
}

/** The paths below the root that a plan's lines name. */
export function namedPaths(plan: readonly string[], root: string): string[] {
	const found = plan.flatMap((line) =>
		[...line.matchAll(/(?:^|\s)(\/[^\s,:()]+)/g)].map((match) => match[1] as string),
	);
	return [...new Set(found)].filter((path) => path.startsWith(`${root}/`));
}

export interface Seen {
	status: number | null;
	stdout: string;
	stderr: string;
	/** Names of the programs that it ran, without itself and what was only asked for its version. */
	programs: string[];
	/** System calls by which it changed a file or a mount. */
	calls: string[];
}

const CHANGING = [
	...["rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat", "mkdir"],
	...[
		"mkdirat",
		"rmdir",
		"chmod",
		"fchmod",
		"fchmodat",
		"chown",
		"fchown",
		"lchown",
		"fchownat",
		"utimensat",
		"truncate",
	],
	...[
		"ftruncate",
		"setxattr",
		"lsetxattr",
		"fsetxattr",
		"mknod",
		"mknodat",
		"mount",
		"umount2",
		"move_mount",
		"fsmount",
	],
];

const QUESTION = /execve\("[^"]+", \["[^"]+", "--?(?:version|help)[^"]*"\]/;

/** Runs the built command under strace. */
export function watch({ path }: Scratch, args: readonly string[]): Seen {
	const log = path("..", `${basename(path())}.strace`);
	const trace = `trace=execve,open,openat,creat,${CHANGING.join(",")}`;
	const words = ["-f", "-s", "500", "-o", log, "-e", trace, process.execPath, cliPath, ...args];
	const env = { PATH: process.env.PATH };
	const { status, stdout, stderr } = spawnSync("strace", words, { encoding: "utf8", cwd: "/", env });
	const lines = readFileSync(log, "utf8").split("\n");
	execFileSync("rm", [log]);
	const done = lines.filter((line) => / = \d+(?:<.*>)?$/.test(line));
	const started = done.filter((line) => !QUESTION.test(line));
	const programs = started.flatMap((line) => /execve\("([^"]+)"/.exec(line)?.[1] ?? []).map((file) => basename(file));
	const calls = done.filter(isChange).map((line) => line.replace(/^\d+ +/, ""));
	return { status, stdout, stderr, programs: programs.slice(1), calls };
}

function isChange(line: string): boolean {
	const call = /^\d+ +([a-z0-9_]+)\(/.exec(line)?.[1] ?? "";
	if (CHANGING.includes(call)) return true;
	// Pipes to children and terminals are no files of anybody's.
	return (
		/^(?:open|openat|creat)$/.test(call) && /O_(?:CREAT|WRONLY|RDWR)/.test(line) && !/"\/(?:dev|proc)\//.test(line)
	);
}

/** A dry run that ends well and changes nothing, as its result. */
export function watchDryRun<T extends object>(scratch: Scratch, args: readonly string[]): T & { programs: string[] } {
	const before = outside(scratch);
	const seen = watch(scratch, [...args, "--root", scratch.root, "--dry-run", "--json"]);
	expect(seen, seen.stdout + seen.stderr).toMatchObject({ status: 0, calls: [] });
	expect(changes(before, outside(scratch))).toEqual([]);
	expect([...outside(scratch)]).toEqual([...before]);
	const told = JSON.parse(seen.stdout);
	return { ...(told.results?.[0] ?? told), programs: seen.programs };
}

/** A real run that ends well, and what it changed. */
export function watchRun(scratch: Scratch, args: readonly string[]): Seen & { changed: string[] } {
	const before = outside(scratch);
	const seen = watch(scratch, [...args, "--root", scratch.root, "--json"]);
	expect(seen, seen.stdout + seen.stderr).toMatchObject({ status: 0 });
	return { ...seen, changed: changes(before, outside(scratch)) };
}

/** The codes of the errors that a dry run and then the real run end with. */
export function refusals({ root }: Scratch, args: readonly string[]): [dry: unknown, real: unknown] {
	const code = (...more: string[]): unknown => {
		const words = [cliPath, ...args, "--root", root, "--json", ...more];
		const { stdout } = spawnSync(process.execPath, words, {
			encoding: "utf8",
			cwd: "/",
			env: { PATH: process.env.PATH },
		});
		const { error, failed } = JSON.parse(stdout);
		return (error ?? failed?.[0]?.error)?.code;
	};
	return [code("--dry-run"), code()];
}

/** What the tree's code, or the making of an image, would start. */
export const WORKERS: readonly string[] = ["make", "conf", "mksquashfs", "mkfs.erofs", "tar2sqfs", "patch"];

/** `usr/src/NAME` of a root. */
export const inSrc = ({ src }: Scratch, ...names: string[]): string[] => names.map((name) => join(src, name));

/** Changes at or below no path that was named, and named paths at and below which nothing changed. */
export function mismatch(
	changed: readonly string[],
	named: readonly string[],
): { unnamed: string[]; unchanged: string[] } {
	const covers = (name: string, path: string): boolean => path === name || path.startsWith(`${name}/`);
	return {
		unnamed: changed.filter((path) => !named.some((name) => covers(name, path))),
		unchanged: named.filter((name) => !changed.some((path) => covers(name, path))),
	};
}
