/**
 * The power goes while ksquash works, on a real ext4 on a disk whose cache writes in any order: at every cut point the
 * sources are whole, or the image is; and the next run finishes. KSQUASH_CUT_POINTS says how many points for each
 * command (npm run soak:powercut).
 */

import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { mountsBelow, placeTarball, type Scratch, scratchRoot, smallRelease } from "../support/scratch.ts";
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
} from "./powercut/disk.ts";
import { type Content, content, has, imageHolds, ksquash, name, names, placeSmall, same } from "./support.ts";

const count = Number(process.env.KSQUASH_CUT_POINTS ?? 250);
/** Full reruns for each command; in the soak every distinct state. */
const reruns = process.env.KSQUASH_CUT_POINTS === undefined ? 6 : Number.POSITIVE_INFINITY;
const seed = 20;
const patience = { timeout: process.env.KSQUASH_CUT_POINTS === undefined ? 240_000 : 7_200_000 };
const source = `usr/src/${name}`;
const build = `usr/src/build-${smallRelease}`;
const tarball = "var/linux.tar.xz";

interface Scenario {
	args: readonly string[];
	/** What is on the disk at first. */
	fill: (root: string) => void | Promise<void>;
	/** What is lost at a cut point; undefined: nothing. */
	lost: (first: State, last: State) => (state: State) => string | undefined;
	/** What must hold after the rerun. */
	finished: (root: string) => void;
	/** The release is mounted at the end. */
	mounts?: boolean;
	/** The command was at its end already: the rerun says 66. */
	done?: (root: string) => boolean;
}

interface Outcome {
	points: Point[];
	losses: string[];
	disk: Disk;
}

interface JudgeOptions {
	/** What runs ksquash. */
	prefix?: readonly string[];
	/** Another program than ksquash. */
	rival?: (root: string) => void;
	wanted?: number;
}

/** Runs the command on the disk, and judges every cut point. */
async function judge(
	scratch: Scratch,
	scenario: Pick<Scenario, "args" | "fill" | "lost">,
	{ prefix = [], rival, wanted = count }: JudgeOptions = {},
): Promise<Outcome> {
	const disk = await makeDisk(scratch, 20, scenario.fill);
	await withNeighbour(disk.root, async () => {
		if (rival !== undefined) return rival(disk.root);
		const ran = await ksquash([...scenario.args, "--root", disk.root], { prefix, cwd: disk.root });
		expect(ran, ran.stderr).toMatchObject({ status: 0 });
	});
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
async function expectSurvives(scenario: Scenario): Promise<void> {
	const scratch = scratchRoot();
	const { points, losses, disk } = await judge(scratch, scenario);
	expect(losses).toEqual([]);
	expect(points.length).toBeGreaterThanOrEqual(count);
	const again = sample(points);
	saveDisks(
		disk,
		count,
		seed,
		scratch.path("saved"),
		again.map(({ index }) => index),
	);
	for (const { index, label } of again) {
		const image = scratch.path("saved", `${index}`);
		execFileSync("mount", ["-o", "loop", image, disk.root]);
		const status = scenario.done?.(disk.root) === true ? 66 : 0;
		const ran = await ksquash([...scenario.args, "--root", disk.root], { cwd: disk.root });
		expect({ status: ran.status }, `cut after ${label}: ${ran.stderr}`).toEqual({ status });
		// As after every boot: a command that had nothing left to do mounts nothing.
		if (scenario.mounts) {
			const mounted = await ksquash(["mount", smallRelease, "--root", disk.root]);
			expect({ label, status: mounted.status, stderr: mounted.stderr }).toMatchObject({ status: 0 });
		}
		try {
			scenario.finished(disk.root);
		} catch (error) {
			throw new Error(`cut after ${label}: ${(error as Error).message}`, { cause: error });
		}
		for (const target of mountsBelow(disk.root)) execFileSync("umount", [target]);
		rmSync(image);
	}
	console.log(
		`${scenario.args[0]}: ${points.length} cut points, ${new Set(points.map(({ state }) => kindOf(state))).size} kinds of states, 0 lost, ${again.length} run again`,
	);
}

/** The image and its manifest as the run that was not cut left them: that image is compared with the tree below. */
function hasImage(state: State, last: State): boolean {
	const files = [`${source}.sqfs`, `${source}.sqfs.json`];
	return files.every((file) => last.has(file) && fileOf(state, file) === fileOf(last, file));
}

function treeOrImage(first: State, last: State): (state: State) => string | undefined {
	const whole = below(first, source);
	if (whole.size === 0 || !hasImage(last, last)) throw new Error("the run had no tree or made no image");
	const places = [source, `usr/src/.${name}.replaced`];
	return (state) => {
		if (places.some((place) => equal(below(state, place), whole)) || hasImage(state, last)) return undefined;
		return "neither the tree nor the image is whole";
	};
}

function packed(expected: Content, root: string, more: readonly string[] = []): void {
	const src = join(root, "usr/src");
	expect(same(join(src, name), expected)).toBe(true);
	expect(mountsBelow(src)).toEqual([join(src, name)]);
	expect(names(src)).toEqual(
		[...more, name, ...[".sqfs", ".sqfs.json", ".sqfs.list.gz"].map((end) => name + end)].toSorted(),
	);
}

function placeOn(root: string): Content {
	mkdirSync(join(root, "usr/src"), { recursive: true });
	return content(placeSmall(join(root, source)));
}

function treeScenario(): Scenario {
	let expected: Content = { listing: "", hashes: "" };
	const fill = (root: string): void => {
		expected = placeOn(root);
	};
	// The path is below the root's working directory: the disk.
	const args = ["pack", source];
	return { args, fill, mounts: true, lost: treeOrImage, finished: (root) => packed(expected, root) };
}

describe.skipIf(!has("mkfs.ext4") || !has("fusermount3") || !has("c++"))("the power is cut", () => {
	it("while a tree gives way to its image", patience, async () => {
		await expectSurvives(treeScenario());
	});

	it("and this test finds an fsync that does nothing", patience, async () => {
		if (!has("strace")) return;
		const scratch = scratchRoot();
		const scenario = treeScenario();
		// All of ksquash's own; the neighbour's commit the removal of the tree before the image is on the disk.
		const prefix = ["strace", "-f", "-o", "/dev/null", "-e", "trace=fsync,fdatasync,syncfs"];
		const none = await judge(scratch, scenario, {
			prefix: [...prefix, "-e", "inject=fsync,fdatasync,syncfs:retval=0"],
			wanted: 100,
		});
		expect(none.losses.length).toBeGreaterThan(0);
	});

	it("and what is lost by mksquashfs and rm -rf, one after the other", patience, async () => {
		const scratch = scratchRoot();
		const { points, losses } = await judge(
			scratch,
			{
				args: [],
				fill: (root) => void placeOn(root),
				lost: (first, last) => (state) => {
					const image = `${source}.sqfs`;
					const tree = equal(below(state, source), below(first, source));
					return tree || fileOf(state, image) === fileOf(last, image) ? undefined : "neither is whole";
				},
			},
			{
				rival: (root) => {
					const tree = join(root, source);
					execFileSync("mksquashfs", [tree, `${tree}.sqfs`, "-quiet", "-no-progress"], { stdio: "pipe" });
					// Another fsync on the same file system makes the removal last.
					execFileSync("sh", ["-c", `rm -rf "$1" && touch "$1.gone" && sync "$1.gone"`, "sh", tree]);
				},
				wanted: 200,
			},
		);
		expect(losses.length).toBeGreaterThan(0);
		console.log(`mksquashfs and rm -rf: ${points.length} cut points, ${losses.length} lost`);
	});

	it("while a tarball is packed and removed: the tarball or the image is whole", patience, async () => {
		const given = scratchRoot();
		const made = placeTarball(given);
		const expected = content(given.path("tmp", name));
		await expectSurvives({
			args: ["pack", tarball, "--replace-source"],
			fill: (root) => {
				mkdirSync(join(root, "usr/src"), { recursive: true });
				mkdirSync(join(root, "var"));
				copyFileSync(made, join(root, tarball));
			},
			lost: (first, last) => (state) =>
				fileOf(state, tarball) === fileOf(first, tarball) || hasImage(state, last)
					? undefined
					: "neither the tarball nor the image is whole",
			finished: (root) => {
				expect(existsSync(join(root, tarball))).toBe(false);
				expect(imageHolds(join(root, `${source}.sqfs`), expected)).toBe(true);
			},
			done: (root) => !existsSync(join(root, tarball)),
		});
	});

	it("while a release is removed: the .config is in the build directory or in kept/", patience, async () => {
		const config = `${build}/.config`;
		const copies = (state: State): string[] => [...state.keys()].filter((path) => path.endsWith("/.config"));
		await expectSurvives({
			args: ["remove", smallRelease],
			fill: async (root) => {
				placeOn(root);
				const ran = await ksquash(["install", source, "--base", "defconfig", "--root", root], { cwd: root });
				expect(ran, ran.stderr).toMatchObject({ status: 0 });
				writeFileSync(join(root, config), "# my own words\n", { flag: "a" });
				execFileSync("umount", [join(root, source)]);
			},
			lost: (first) => (state) =>
				copies(state).some((path) => fileOf(state, path)?.split(" ")[2] === fileOf(first, config)?.split(" ")[2])
					? undefined
					: "the .config is nowhere",
			finished: (root) => {
				expect(names(join(root, "usr/src"))).toEqual([]);
				const found = execFileSync("grep", ["-rl", "my own words", join(root, "var")], { encoding: "utf8" });
				expect(found.trim()).toMatch(/\/\.config$/m);
			},
			done: (root) => names(join(root, "usr/src")).length === 0,
		});
	});
});
