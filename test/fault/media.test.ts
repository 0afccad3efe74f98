/**
 * Where there is no more room, no permission or no disk any more, for each verb that writes: quota, file size, full,
 * immutable, read-only, and a disk that answers EIO. What was there is whole, nothing temporary is left, the cause is
 * named, and the same command works as soon as the fault is gone. KSQUASH_ALL_POINTS=1 tries more points of each.
 */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { placeTarball, scratchRoot } from "../support/scratch.ts";
import { type Content, has, ksquash, name } from "./support.ts";
import {
	build,
	configuring,
	ended,
	expectNamed,
	expectNothingLeft,
	installing,
	packing,
	removing,
	type Verb,
} from "./verbs.ts";

const all = process.env.KSQUASH_ALL_POINTS === "1";
const patience = { timeout: all ? 3_600_000 : 120_000 };

interface Fault {
	label: string;
	/** What the message must say. */
	cause: RegExp;
	/** What runs ksquash under the fault. */
	prefix?: readonly string[];
	set?: () => void;
	lift?: () => void;
}

/** Under one fault after the other until one is none; then without any. Returns how many were met. */
async function judge(root: string, verb: Verb, before: Content, faults: readonly Fault[]): Promise<number> {
	const args = [...verb.args(root), "--root", root];
	let met = 0;
	for (const { label, cause, prefix = [], set, lift } of faults) {
		set?.();
		const ran = await ksquash(args, { prefix }).finally(() => lift?.());
		if (ran.status === 0) break;
		met += 1;
		try {
			expectNamed(ran, cause);
			verb.whole(root, before);
			expectNothingLeft(root);
		} catch (error) {
			throw new Error(`${verb.name}, ${label}: ${(error as Error).message}\n${ran.stderr}`, { cause: error });
		}
	}
	await ended(root, verb, before);
	return met;
}

interface Medium {
	root: string;
	tarball: string;
}

/** A file system of its own, which goes with the scratch root. */
function medium(type: "tmpfs" | "ext4" | "btrfs"): Medium {
	const scratch = scratchRoot();
	const [file, root] = [scratch.path("medium"), scratch.path("m")];
	mkdirSync(root);
	const tarball = placeTarball(scratch);
	if (type === "tmpfs") execFileSync("mount", ["-t", "tmpfs", "-o", "size=64M", "tmpfs", root]);
	else {
		execFileSync("truncate", ["-s", type === "btrfs" ? "128M" : "64M", file]);
		execFileSync(`mkfs.${type}`, ["-q", file]);
		execFileSync("mount", ["-o", "loop", file, root]);
	}
	return { root, tarball };
}

/** install is pack and configure. */
const verbs = [packing, configuring, removing];
const points = (...values: number[]): number[] => (all ? Array.from({ length: 100 }, (_, i) => i) : values);

describe("the limit of the file size", () => {
	it.each(verbs)("$name", patience, async (verb) => {
		const { root, tarball } = medium("ext4");
		const before = await verb.prepare(root, tarball);
		const faults = points(0, 2, 30).map((pages) => ({
			label: `${pages} pages`,
			cause: /EFBIG|too large|SIGXFSZ|file size/i,
			prefix: ["prlimit", `--fsize=${pages * 4096}`],
		}));
		expect(await judge(root, verb, before, faults)).toBeGreaterThan(0);
	});
});

describe("a full file system", () => {
	it.each(verbs)("$name", patience, async (verb) => {
		const { root, tarball } = medium("tmpfs");
		const before = await verb.prepare(root, tarball);
		const resize = (size: string): void => void execFileSync("mount", ["-o", `remount,size=${size}`, root]);
		const faults = points(0, 1, 3, 6, 12, 40).map((pages) => ({
			label: `${pages} pages free`,
			cause: /ENOSPC|no space left|are missing/i,
			set: () => {
				const { blocks, bfree, bsize } = statfsSync(root);
				resize(`${(blocks - bfree + pages) * bsize}`);
			},
			lift: () => resize("64M"),
		}));
		expect(await judge(root, verb, before, faults)).toBeGreaterThan(0);
	});
});

describe.skipIf(!has("mkfs.btrfs"))("a quota (btrfs)", () => {
	it.each(verbs)("$name", patience, async (verb) => {
		const { root: top, tarball } = medium("btrfs");
		const btrfs = (...words: string[]): string => execFileSync("btrfs", words, { encoding: "utf8" });
		const root = join(top, "sub");
		btrfs("quota", "enable", top);
		btrfs("subvolume", "create", root);
		const group = `0/${/\d+/.exec(btrfs("subvolume", "list", top).replace("ID ", ""))?.[0]}`;
		const before = await verb.prepare(root, tarball);
		const faults = points(0, 16).map((pages) => ({
			label: `${pages} pages above what is used`,
			cause: /EDQUOT|quota/i,
			set: () => {
				btrfs("filesystem", "sync", top);
				const [, used = "0"] = new RegExp(`^${group} +(\\d+)`, "m").exec(btrfs("qgroup", "show", "--raw", top)) ?? [];
				btrfs("qgroup", "limit", `${Number(used) + pages * 4096}`, group, top);
			},
			lift: () => void btrfs("qgroup", "limit", "none", group, top),
		}));
		expect(await judge(root, verb, before, faults)).toBeGreaterThan(0);
	});
});

describe("a directory that cannot be changed", () => {
	const at: Record<string, string[]> = {
		pack: ["usr/src", `usr/src/${name}`],
		configure: ["usr/src"],
		remove: [`usr/src/${build}`, "var/lib", `usr/src/${name}.sqfs`, "usr/src"],
	};
	it.each(verbs)("immutable: $name", patience, async (verb) => {
		const { root, tarball } = medium("ext4");
		const before = await verb.prepare(root, tarball);
		const chattr = (how: string, path: string): void => {
			if (existsSync(path)) execFileSync("chattr", [how, path]);
		};
		const faults = (at[verb.name] ?? []).map((path) => ({
			label: `${path} immutable`,
			cause: /EPERM|immutable|not permitted/i,
			set: () => chattr("+i", join(root, path)),
			lift: () => chattr("-i", join(root, path)),
		}));
		expect(await judge(root, verb, before, faults)).toBeGreaterThan(0);
	});

	it.each([...verbs, installing])("read-only: $name", patience, async (verb) => {
		const { root, tarball } = medium("ext4");
		const before = await verb.prepare(root, tarball);
		const remount = (how: string): void => void execFileSync("mount", ["-o", `remount,${how}`, root]);
		const fault = { label: "ro", cause: /EROFS|read-only/i, set: () => remount("ro"), lift: () => remount("rw") };
		expect(await judge(root, verb, before, [fault])).toBe(1);
	});
});
