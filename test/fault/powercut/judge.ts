/**
 * A command runs on the disk whose power goes: every cut point judged, the command run again from some, the faults planted.
 *
 * Owns: that order, and how many points. KSQUASH_CUT_POINTS says how many for each command (npm run soak:powercut).
 * Leaves to others: the commands, and what is lost with each (../powercut*.test.ts).
 */

import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { deny } from "../../support/built.ts";
import { mountsBelow, type Scratch, scratchRoot, smallRelease } from "../../support/scratch.ts";
import { type Content, content, has, ksquash, name, names, placeSmall, same } from "../support.ts";
import {
	below,
	cutPoints,
	type Disk,
	equal,
	fileOf,
	kindOf,
	makeDisk,
	type Point,
	type State,
	saveDisks,
	withNeighbour,
} from "./disk.ts";

const soak = process.env.KSQUASH_CUT_POINTS !== undefined;
export const count = Number(process.env.KSQUASH_CUT_POINTS ?? 300);
/** Full reruns for each command; in the soak every distinct state. */
const reruns = soak ? Number.POSITIVE_INFINITY : 8;
const seed = 20;
export const patience = { timeout: soak ? 7_200_000 : 240_000 };
export const source = `usr/src/${name}`;
export const build = `usr/src/build-${smallRelease}`;
export const tarball = "var/linux.tar.xz";
/** FUSE, ext4 and a compiler: what the disk is made of. */
export const cannotCut: boolean = !has("mkfs.ext4") || !has("fusermount3") || !has("c++");

export interface Scenario {
	args: readonly string[];
	/** What is on the disk at first. */
	fill: (root: string) => void | Promise<void>;
	/** After the boot, before the command: what fill cannot leave on the disk. */
	begin?: (root: string) => void | Promise<void>;
	/** What is lost at a cut point; undefined: nothing. */
	lost: (first: State, last: State) => (state: State) => string | undefined;
	/** What must hold after the run that was not cut, and after each rerun. */
	finished: (root: string) => void;
	/** The release is mounted at the end. */
	mounts?: boolean;
	/** The command was at its end already: what its rerun says then. */
	done?: { status: number; is: (root: string) => boolean };
}

export interface Outcome {
	points: Point[];
	losses: string[];
	disk: Disk;
}

export interface JudgeOptions {
	/** What runs ksquash. */
	prefix?: readonly string[];
	/** Another program than ksquash. */
	rival?: (root: string) => void;
	wanted?: number;
}

/** Runs the command on the disk, and judges every cut point. */
export async function judge(
	scratch: Scratch,
	scenario: Pick<Scenario, "args" | "fill" | "begin" | "lost"> & { finished?: Scenario["finished"] },
	{ prefix = [], rival, wanted = count }: JudgeOptions = {},
): Promise<Outcome> {
	const disk = await makeDisk(scratch, 20, scenario.fill);
	await scenario.begin?.(disk.root);
	await withNeighbour(disk.root, async () => {
		if (rival !== undefined) return rival(disk.root);
		const ran = await ksquash([...scenario.args, "--root", disk.root], { prefix, cwd: disk.root });
		expect(ran, ran.stderr).toMatchObject({ status: 0 });
	});
	scenario.finished?.(disk.root);
	execFileSync("sync", ["-f", disk.root]);
	await disk.end();
	const points = await cutPoints(disk, wanted, seed);
	const [first, last] = [points[0], points.findLast(({ label }) => !label.includes("part"))];
	if (first === undefined || last === undefined) throw new Error("no cut points");
	const lost = scenario.lost(first.state, last.state);
	const losses = points.flatMap(({ label, state }) => {
		const what = state.get("unmountable") ?? lost(state);
		return what === undefined ? [] : [`${label}: ${what}`];
	});
	return { points, losses, disk };
}

/** One point of each kind of state, evenly over the log. */
function sample(points: readonly Point[]): Point[] {
	const kinds = new Map(points.map((point) => [kindOf(point.state), point]));
	const each = [...kinds.values()].toSorted((a, b) => a.index - b.index);
	const step = Math.max(1, each.length / reruns);
	return Array.from({ length: Math.min(each.length, reruns) }, (_, i) => each[Math.floor(i * step)]).filter(
		(point) => point !== undefined,
	);
}

/** Nothing is lost anywhere, and from each kind of state the command, run again, ends as if nothing had happened. */
export async function expectSurvives(scenario: Scenario): Promise<void> {
	const scratch = scratchRoot();
	const { points, losses, disk } = await judge(scratch, scenario);
	expect(losses).toEqual([]);
	expect(points.length).toBeGreaterThanOrEqual(count);
	const again = sample(points);
	const saved = scratch.path("saved");
	saveDisks(
		disk,
		count,
		seed,
		saved,
		again.map(({ index }) => index),
	);
	for (const { index, label } of again) {
		const image = join(saved, `${index}`);
		execFileSync("mount", ["-o", "loop", image, disk.root]);
		try {
			await runAgain(scenario, disk.root);
		} catch (error) {
			throw new Error(`cut after ${label}: ${(error as Error).message}`, { cause: error });
		}
		for (const target of mountsBelow(disk.root)) execFileSync("umount", [target]);
		rmSync(image);
	}
	const kinds = new Set(points.map(({ state }) => kindOf(state))).size;
	console.log(
		`${scenario.args.join(" ")}: ${points.length} cut points, ${kinds} kinds of states, 0 lost, ${again.length} run again`,
	);
}

async function runAgain(scenario: Scenario, root: string): Promise<void> {
	const status = scenario.done?.is(root) ? scenario.done.status : 0;
	await scenario.begin?.(root);
	const ran = await ksquash([...scenario.args, "--root", root], { cwd: root });
	expect({ status: ran.status }, ran.stderr).toEqual({ status });
	// As after every boot: a command that had nothing left to do mounts nothing.
	if (scenario.mounts) {
		const mounted = await ksquash(["mount", smallRelease, "--root", root]);
		expect({ status: mounted.status, stderr: mounted.stderr }).toMatchObject({ status: 0 });
	}
	scenario.finished(root);
}

/** fsync, fdatasync and syncfs. */
const syncing: Readonly<Record<string, readonly number[]>> = { x64: [74, 75, 306], arm64: [82, 83, 267] };

/** The same command while no fsync does anything: a test of what is lost that finds no loss then finds none ever. */
export async function expectFindsNoFsync(scenario: Scenario): Promise<void> {
	// All of ksquash's own and its children's; the neighbour's commit what was renamed or removed before the data are on the
	// disk. By seccomp and not by strace, which makes the command so slow on a busy machine that the kernel has written the
	// data by itself (after 30 s) before the tree goes: then nothing is lost.
	const rules = (syncing[process.arch] ?? []).map((number) => `${number}=0`);
	const none = await judge(scratchRoot(), scenario, { prefix: [deny, ...rules, "--"], wanted: 100 });
	expect(none.losses.length).toBeGreaterThan(0);
}

/** Another program at the same work: it loses at some cut point. */
export async function expectLoses(
	what: string,
	scenario: Pick<Scenario, "fill" | "lost">,
	rival: (root: string) => void,
): Promise<void> {
	const { points, losses } = await judge(scratchRoot(), { ...scenario, args: [] }, { rival, wanted: 200 });
	expect(losses.length).toBeGreaterThan(0);
	console.log(`${what}: ${points.length} cut points, ${losses.length} lost`);
}

/** The image and its manifest as the run that was not cut left them: that image is compared with the tree below. */
export function hasImage(state: State, last: State): boolean {
	const files = [`${source}.sqfs`, `${source}.sqfs.json`];
	return files.every((file) => last.has(file) && fileOf(state, file) === fileOf(last, file));
}

export function treeOrImage(first: State, last: State): (state: State) => string | undefined {
	const whole = below(first, source);
	if (whole.size === 0 || !hasImage(last, last)) throw new Error("the run had no tree or made no image");
	const places = [source, `usr/src/.${name}.replaced`];
	return (state) => {
		if (places.some((place) => equal(below(state, place), whole)) || hasImage(state, last)) return undefined;
		return "neither the tree nor the image is whole";
	};
}

export function packed(expected: Content, root: string, more: readonly string[] = []): void {
	const src = join(root, "usr/src");
	expect(same(join(src, name), expected)).toBe(true);
	expect(mountsBelow(src)).toEqual([join(src, name)]);
	expect(names(src)).toEqual(
		[...more, name, ...[".sqfs", ".sqfs.json", ".sqfs.list.gz"].map((end) => name + end)].toSorted(),
	);
}

export function placeOn(root: string): Content {
	mkdirSync(join(root, "usr/src"), { recursive: true });
	return content(placeSmall(join(root, source)));
}
