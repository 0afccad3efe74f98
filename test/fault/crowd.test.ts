/**
 * Eight processes at once run random commands on four releases; after each round, with nobody running, what is there
 * must be one of the states that a sequence of commands can leave. KSQUASH_CROWD_SECONDS says for how long.
 */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Exit } from "../../src/errors.ts";
import { loopsBelow, mountsBelow, placeTarball, type Scratch, scratchRoot, smallRelease } from "../support/scratch.ts";
import { type Content, content, imageHolds, ksquash, type Ran, same } from "./support.ts";

const seconds = Number(process.env.KSQUASH_CROWD_SECONDS ?? 20);
const releases = ["one", "two", "three", "four"].map((word) => `${smallRelease}-${word}`);
/** sysexits of a command that met another: absent, there already, busy. All others would be a defect. */
const allowed: readonly number[] = [Exit.ok, Exit.noInput, Exit.cannotCreate, Exit.busy];
const ends = [".sqfs", ".sqfs.json", ".sqfs.list.gz"];

/** The same numbers for the same seed: a round that failed can be run again. */
function generator(seed: number): (below: number) => number {
	let state = seed;
	return (below) => {
		state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
		return Math.floor((state / 2 ** 32) * below);
	};
}

function command(random: (below: number) => number, tarball: string): string[] {
	const release = releases[random(releases.length)] ?? "";
	const verbs: string[][] = [
		["pack", tarball, "--release", release],
		["pack", tarball, "--release", release, "--replace"],
		["mount", release],
		["mount", "--all"],
		["umount", release],
		["umount", "--all"],
		["umount", release, "--lazy"],
		["status", "--json"],
		["verify", release, "--quick"],
		["remove", release],
	];
	return verbs[random(verbs.length)] ?? [];
}

/** What is true between commands, whichever ran. */
function expectAllowed(scratch: Scratch, expected: Content): void {
	const mounts = mountsBelow(scratch.root);
	expect(new Set(mounts).size, `mounted twice: ${mounts.join(" ")}`).toBe(mounts.length);
	expect(loopsBelow(scratch.root), "a loop device without its mount").toHaveLength(mounts.length);
	const left = new Set(readdirSync(scratch.src));
	for (const release of releases) {
		const place = join(scratch.src, `linux-${release}`);
		const mounted = mounts.includes(place);
		if (mounted) expect(same(place, expected), `the content of ${place}`).toBe(true);
		const files = ends.filter((end) => existsSync(place + end));
		expect(files, `${release} has all of its files or none`).toEqual(files.length === 0 ? [] : ends);
		if (mounted) expect(files, `${place} is mounted`).toEqual(ends);
		for (const end of ["", ...ends]) left.delete(`linux-${release}${end}`);
	}
	expect([...left], "a leftover").toEqual([]);
}

function expectDocumented(args: readonly string[], { status, signal, stderr }: Ran): void {
	const what = `${args.join(" ")}: ${stderr}`;
	expect(signal, what).toBe(null);
	expect(allowed, what).toContain(status);
	expect(what).not.toMatch(/^ {4}at /m);
	expect(what).not.toContain("ERR_KSQUASH_INTERNAL");
}

it("eight processes, four releases: every status is documented, every round ends in an allowed state", {
	timeout: seconds * 1000 + 180_000,
}, async () => {
	const scratch = scratchRoot();
	const tarball = placeTarball(scratch);
	const before = readFileSync(tarball);
	const expected = content(scratch.path("tmp", `linux-${smallRelease}`));
	const statuses = new Map<string, number>();
	const random = generator(42);
	const until = performance.now() + seconds * 1000;
	for (let round = 0; round === 0 || performance.now() < until; round++) {
		const worker = async (): Promise<void> => {
			for (let i = 0; i < 3; i++) {
				const args = command(random, tarball);
				const ran = await ksquash([...args, "--root", scratch.root]);
				expectDocumented(args, ran);
				const key = `${args[0]} ${ran.status}`;
				statuses.set(key, (statuses.get(key) ?? 0) + 1);
			}
		};
		const rounds = await Promise.allSettled(Array.from({ length: 8 }, worker));
		for (const ended of rounds) if (ended.status === "rejected") throw ended.reason;
		expectAllowed(scratch, expected);
	}
	expect(readFileSync(tarball).equals(before), "the tarball is as it was").toBe(true);
	for (const release of releases) {
		await ksquash(["umount", release, "--root", scratch.root]);
		const ran = await ksquash(["pack", tarball, "--release", release, "--replace", "--root", scratch.root]);
		expect(ran, ran.stderr).toMatchObject({ status: 0 });
		expect(imageHolds(join(scratch.src, `linux-${release}.sqfs`), expected)).toBe(true);
	}
	expectAllowed(scratch, expected);
	console.log(
		[...statuses]
			.toSorted()
			.map(([key, times]) => `${key}: ${times}`)
			.join(", "),
	);
});

it("and the oracle finds a second mount, a loop device of nobody's, a leftover and half a release", () => {
	const scratch = scratchRoot();
	const nothing: Content = { listing: "", hashes: "" };
	const judge = (): void => expectAllowed(scratch, nothing);
	judge();
	const [image, place] = [scratch.path("x.sqfs"), join(scratch.src, `linux-${releases[0]}`)];
	mkdirSync(place);
	execFileSync("mksquashfs", [place, image, "-quiet", "-no-progress"], { stdio: "pipe" });
	execFileSync("mount", ["-t", "squashfs", "-o", "loop", image, place]);
	execFileSync("mount", ["--bind", place, place]);
	expect(judge).toThrow(/mounted twice/);
	for (let i = 0; i < 2; i++) execFileSync("umount", [place]);
	const device = execFileSync("losetup", ["--find", "--show", "--read-only", image], { encoding: "utf8" }).trim();
	try {
		expect(judge).toThrow(/a loop device without its mount/);
	} finally {
		execFileSync("losetup", ["--detach", device]);
	}
	writeFileSync(`${place}.sqfs`, "x");
	expect(judge).toThrow(/all of its files or none/);
	rmSync(`${place}.sqfs`);
	writeFileSync(join(scratch.src, ".linux-x.sqfs.tmp"), "x");
	expect(judge).toThrow(/a leftover/);
});
