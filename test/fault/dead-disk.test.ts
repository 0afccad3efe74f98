/**
 * The disk dies while ksquash works on it: one call fails with EIO and from then on every other one that would change
 * something with EROFS, as ext4 does with errors=remount-ro. The undo fails, too: what stays is named, and the next run mends it.
 */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loopsBelow, mountsBelow, placeTarball, type Scratch, scratchRoot, smallRelease } from "../support/scratch.ts";
import {
	type Cut,
	changing,
	content,
	cuts,
	drop,
	eachCut,
	expectRefusal,
	has,
	imageHolds,
	ksquash,
	name,
	names,
	patience,
	placeSmall,
	type Ran,
	same,
	spread,
	strace,
	subRoot,
} from "./support.ts";

const build = `build-${smallRelease}`;
/** No disk has a part in these. */
const work = changing.filter((syscall) => !["move_mount", "umount2"].includes(syscall));

/** Of the thread that does the file work: how many of each call there were before each of its calls. */
interface Death {
	cut: Cut;
	before: Map<string, number>;
}

function deaths(points: readonly Cut[], log: string): Death[] {
	const rows = readFileSync(log, "utf8").split("\n");
	const ours = /^(\d+) .*renameat2\(AT_FDCWD, "", AT_FDCWD, ""/m.exec(rows.join("\n"))?.[1] ?? "none";
	const count = new Map<string, number>();
	const out: Death[] = [];
	for (const row of rows) {
		const syscall = /^(\d+) +([a-z_0-9]+)\(/.exec(row);
		if (syscall?.[1] !== ours || !work.includes(syscall[2] ?? "")) continue;
		const called = syscall[2] as string;
		const when = (count.get(called) ?? 0) + 1;
		if (points.some((cut) => cut.syscall === called && cut.when === when)) {
			out.push({ cut: { syscall: called, when }, before: new Map(count) });
		}
		count.set(called, when);
	}
	return out;
}

function dying({ cut, before }: Death): string[] {
	return work.map((syscall) => {
		const error = syscall === cut.syscall || /sync$/.test(syscall) ? "EIO" : "EROFS";
		const when = syscall === cut.syscall ? cut.when : (before.get(syscall) ?? 0) + 1;
		return `inject=${syscall}:error=${error}:when=${when}+`;
	});
}

/** A refusal with its reason, which is the first failure's; whatever stays is in the message. */
function judge(ran: Ran, root: Scratch, before: readonly string[], kept: readonly string[]): string[] {
	const wrong: string[] = [];
	if (ran.status === null || ran.status < 64 || ran.status > 78) wrong.push(`exit status ${ran.status}`);
	if (/^ {4}at /m.test(ran.stderr)) wrong.push("a stack");
	const [first = ""] = ran.stderr.split("\n").filter((line) => line.startsWith("ksquash:"));
	if (!/EIO|I\/O error|input\/output/i.test(first)) wrong.push(`another cause: ${first}`);
	if (loopsBelow(root.root).length !== mountsBelow(root.root).length) wrong.push("a loop device");
	const stays = names(root.src).filter((file) => !before.includes(file) && !kept.includes(file));
	wrong.push(...stays.filter((file) => !ran.stderr.includes(file)).map((file) => `${file} stays unsaid`));
	return wrong;
}

interface Work {
	args: (root: Scratch) => string[];
	prepare: (label: string | number) => Promise<Scratch>;
	safe: (root: Scratch) => boolean;
	finished: (root: Scratch) => void;
	/** What may stay without a word: it is whole. */
	kept: readonly string[];
}

async function diesAtEach(scratch: Scratch, { args, prepare, safe, finished, kept }: Work): Promise<void> {
	const log = scratch.path("trace");
	const model = await prepare("model");
	const points = spread(deaths(await cuts(args(model), log), log));
	drop(model);
	expect(points.length).toBeGreaterThanOrEqual(6);
	const wrong: string[] = [];
	await eachCut(
		points.map(({ cut }) => cut),
		async (cut, i) => {
			const root = await prepare(i);
			const before = names(root.src);
			const prefix = strace(`${log}-${i}`, `trace=${work.join(",")}`, ...dying(points[i] as Death));
			const ran = await ksquash(args(root), { prefix });
			const where = `${cut.syscall} number ${cut.when}`;
			wrong.push(...judge(ran, root, before, kept).map((what) => `${where}: ${what}\n${ran.stderr}`));
			if (!safe(root)) wrong.push(`${where}: something is lost`);
			const again = await ksquash(args(root));
			if (again.status !== 0) wrong.push(`${where}, run again: ${again.stderr}`);
			else finished(root);
			drop(root);
		},
	);
	expect(wrong).toEqual([]);
	console.log(`${args(model)[0]}: the disk died at ${points.length} calls`);
}

describe.skipIf(!has("strace"))("the disk dies", () => {
	it("while a tree gives way to its image", patience, async () => {
		const scratch = scratchRoot();
		const expected = content(placeSmall(scratch.path("model-tree")));
		const images = [".sqfs", ".sqfs.json", ".sqfs.list.gz"].map((end) => name + end);
		await diesAtEach(scratch, {
			args: (root) => ["pack", join(root.src, name), "--root", root.root],
			prepare: async (label) => {
				const root = subRoot(scratch, label);
				placeSmall(join(root.src, name));
				return root;
			},
			safe: (root) => {
				const place = join(root.src, name);
				return same(place, expected) || imageHolds(`${place}.sqfs`, expected);
			},
			finished: (root) => {
				expect(names(root.src)).toEqual([name, ...images]);
				expect(same(join(root.src, name), expected)).toBe(true);
			},
			kept: images,
		});
	});

	it("while a release is removed", patience, async () => {
		const scratch = scratchRoot();
		const first = subRoot(scratch, "first");
		const ran = await ksquash(["install", placeTarball(scratch), "--base", "defconfig", "--root", first.root]);
		expect(ran, ran.stderr).toMatchObject({ status: 0 });
		writeFileSync(join(first.src, build, ".config"), "# my own words\n", { flag: "a" });
		execFileSync("umount", [join(first.src, name)]);
		const holds = (at: string): boolean => {
			if (!existsSync(at)) return false;
			const files = execFileSync("find", [at, "-name", ".config", "-type", "f"], { encoding: "utf8" }).split("\n");
			return files.some((file) => file !== "" && readFileSync(file, "utf8").includes("# my own words"));
		};
		await diesAtEach(scratch, {
			args: (root) => ["remove", smallRelease, "--root", root.root],
			prepare: async (label) => {
				const root = subRoot(scratch, label);
				execFileSync("cp", ["-a", "--no-target-directory", first.src, root.src]);
				expect(await ksquash(["mount", smallRelease, "--root", root.root])).toMatchObject({ status: 0 });
				return root;
			},
			safe: (root) => holds(join(root.src, build)) || holds(root.path("var/lib/ksquash/kept")),
			finished: (root) => {
				expect(names(root.src)).toEqual([]);
				expect(mountsBelow(root.root)).toEqual([]);
				expect(holds(root.path("var/lib/ksquash/kept"))).toBe(true);
			},
			kept: [],
		});
	});

	it("before a directory is made: the reason is the disk's, not a path that is not there", async () => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch);
		const root = scratch.path("empty");
		mkdirSync(root);
		const prefix = strace(scratch.path("trace"), "trace=mkdir", "inject=mkdir:error=EROFS:when=1+");
		const ran = await ksquash(["pack", tarball, "--root", root], { prefix });
		expectRefusal(ran, 73, "EROFS", join(root, "usr/src"));
		expect(names(root)).toEqual([]);
	});

	it("and this test finds a file that stays unsaid, another cause and another status", () => {
		const scratch = scratchRoot();
		writeFileSync(join(scratch.src, ".stray.tmp"), "");
		const ran = { status: 1, signal: null, stdout: "", stderr: "ksquash: cannot make x: ENOENT\n    at y\n" };
		expect(judge(ran, scratch, [], [])).toHaveLength(4);
		const said = { ...ran, status: 74, stderr: "warning: .stray.tmp stays\nksquash: cannot make x: EIO\n" };
		expect(judge(said, scratch, [], [])).toEqual([]);
	});
});
