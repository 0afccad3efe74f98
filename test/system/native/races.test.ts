/**
 * Mounting beside others that mount, unmount, take loop devices or hold the lock. KSQUASH_RACE_SECONDS: how long each
 * race lasts (3 by default).
 */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { attach, detach, mountImage, mounts, umount } from "../../../src/native/verbs.ts";
import { cleanUp, deny, drive, fresh, oldKernel, ownLoops, rejection, smallImage } from "./support.ts";

const children: ChildProcess[] = [];
afterEach(() => {
	for (const child of children.splice(0)) child.kill("SIGKILL");
});
afterAll(cleanUp);

const image = smallImage();
const seconds = Number(process.env.KSQUASH_RACE_SECONDS ?? 3);

function start(...[file = "", ...args]: readonly string[]): Promise<{ status: number | null; said: string }> {
	const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"] });
	children.push(child);
	let said = "";
	for (const stream of [child.stdout, child.stderr]) {
		stream?.on("data", (data) => {
			said += data;
		});
	}
	return new Promise((done) => child.once("close", (status) => done({ status, said })));
}

const rowsOn = async (target: string) => (await mounts()).filter((row) => row.target === target);
const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

describe("races", () => {
	it("mounts on 200 targets at once, each on a device of its own, and unmounts them", async () => {
		const targets = Array.from({ length: 200 }, () => fresh());
		const results = await Promise.all(targets.map((target) => mountImage({ image, target })));
		expect(new Set(results.map(({ device }) => device)).size).toBe(200);
		expect(results.every(({ already }) => !already)).toBe(true);
		const table = await mounts();
		for (const target of targets) expect(table.filter((row) => row.target === target)).toHaveLength(1);
		const gone = await Promise.all(targets.map((target) => umount(target)));
		expect(gone.every(({ stillHeld }) => !stillHeld)).toBe(true);
		expect(ownLoops()).toEqual([]);
	});

	it("never has two mounts when three processes mount and unmount one image on one target", async () => {
		const target = fresh();
		const ends = await Promise.all(
			Array.from({ length: 3 }, () => start(drive, "churn", image, target, String(seconds))),
		);
		for (const { status, said } of ends) expect(status, said).toBe(0);
		const sums = ends.map(({ said }) => JSON.parse(said) as { mounted: number; unmounted: number });
		const mounted = sums.reduce((sum, { mounted }) => sum + mounted, 0);
		const unmounted = sums.reduce((sum, { unmounted }) => sum + unmounted, 0);
		expect(mounted).toBeGreaterThan(100);
		// What was mounted was unmounted once, but for the last one.
		const left = (await rowsOn(target)).length;
		expect(mounted - unmounted).toBe(left);
		if (left === 1) await umount(target);
		expect(ownLoops()).toEqual([]);
	});

	it.each([[[]], [oldKernel]])(
		"gets devices beside others that take them without a lock, and touches none of theirs %j",
		async (rules) => {
			const backing = fresh("rival", false);
			writeFileSync(backing, Buffer.alloc(1 << 20));
			const prefix = rules.length > 0 ? [deny, ...rules, "--"] : [];
			const rivals = [1, 2].map(() => start(drive, "rival", backing, String(seconds)));
			const target = fresh();
			const ours = await start(...prefix, drive, "churn", image, target, String(seconds));
			expect(ours).toMatchObject({ status: 0 });
			for (const { status, said } of await Promise.all(rivals)) {
				expect({ status, said }).toMatchObject({ status: 0 });
				expect(JSON.parse(said).won).toBeGreaterThan(10);
			}
			if ((await rowsOn(target)).length > 0) await umount(target);
			expect(ownLoops()).toEqual([]);
		},
	);

	it("gives up after a bounded number of tries when every device is taken from under it", async () => {
		const target = fresh();
		// 0x4c0a: LOOP_CONFIGURE; 16: EBUSY.
		const busy = await start(deny, "16:0x4c0a=16", "--", drive, "mount", image, target);
		expect(JSON.parse(busy.said)).toMatchObject({
			errno: 16,
			step: "loop-configure",
			reason: expect.stringContaining("64 tries"),
		});
		expect(await rowsOn(target)).toEqual([]);
		expect(ownLoops()).toEqual([]);
	});

	const ladders = [
		["move_mount", []],
		["mount", [deny, ...oldKernel, "--"]],
	] as const;
	it.each(ladders)("takes its mount back when another came in right before %s", async (call, prefix) => {
		const target = fresh();
		const delay = [
			"strace",
			"-qq",
			"-o",
			"/dev/null",
			"-e",
			`trace=${call}`,
			"-e",
			`inject=${call}:delay_enter=700000`,
		];
		const ours = start(...delay, ...prefix, drive, "mount", image, target);
		await pause(350);
		execFileSync("mount", ["-t", "tmpfs", "none", target]);
		const { said } = await ours;
		expect(JSON.parse(said)).toMatchObject({
			errno: 16,
			reason: "something else was mounted here meanwhile",
			leaked: 0,
		});
		expect(await rowsOn(target)).toMatchObject([{ fstype: "tmpfs" }]);
		expect(ownLoops()).toEqual([]);
		await umount(target);
	});
});

describe("the lock", () => {
	/** Holds /dev/loop-control as the helper or systemd would; resolves when it is held. */
	async function hold(time: number): Promise<{ released: Promise<unknown> }> {
		const child = spawn("flock", ["--no-fork", "/dev/loop-control", "sh", "-c", `echo; exec sleep ${time}`], {
			stdio: ["ignore", "pipe", "inherit"],
		});
		children.push(child);
		await new Promise((done) => child.stdout.once("data", done));
		return { released: new Promise((done) => child.once("close", done)) };
	}

	it("is waited for by every verb", async () => {
		const target = fresh();
		let free = false;
		const whileHeld = async <T>(verb: () => Promise<T>): Promise<T> => {
			free = false;
			const released = (await hold(0.4)).released.then(() => {
				free = true;
			});
			const result = await verb();
			await released;
			return result;
		};
		const checked = async <T>(work: Promise<T>): Promise<T> => {
			const result = await work;
			// The holder's end may be heard of a moment later than the lock is free.
			await pause(50);
			expect(free).toBe(true);
			return result;
		};
		await whileHeld(() => checked(mountImage({ image, target })));
		await whileHeld(() => checked(umount(target)));
		const attached = await whileHeld(() => checked(attach({ image })));
		await whileHeld(() => checked(detach(attached)));
		expect(ownLoops()).toEqual([]);
	});

	it("is not waited for longer than ten seconds, and each verb says so", async () => {
		const target = fresh();
		await mountImage({ image, target });
		await hold(12);
		const began = Date.now();
		const busy = { code: "EBUSY", step: "lock", reason: expect.stringContaining("ten seconds") };
		const refused = await Promise.all([
			rejection(mountImage({ image, target: fresh() })),
			rejection(umount(target)),
			rejection(attach({ image })),
		]);
		for (const error of refused) expect(error).toMatchObject(busy);
		expect(Date.now() - began).toBeGreaterThan(9_000);
		for (const child of children.splice(0)) child.kill();
		await umount(target);
		expect(ownLoops()).toEqual([]);
	});

	it("is not waited for when the signal says so, and nothing was done", async () => {
		const target = fresh();
		await hold(20);
		const controller = new AbortController();
		const reason = new Error("no longer wanted");
		setTimeout(() => controller.abort(reason), 100);
		const { signal } = controller;
		const ends = [mountImage({ image, target, signal }), attach({ image, signal }), umount(target, { signal })];
		for (const end of await Promise.all(ends.map(rejection))) expect(end).toBe(reason);
		expect(await rejection(mountImage({ image, target, signal }))).toBe(reason);
		expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(target);
		expect(ownLoops()).toEqual([]);
	});
});
