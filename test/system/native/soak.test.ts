/** Nothing adds up: loop devices, mounts, descriptors, threads. KSQUASH_SOAK_CYCLES=10000 for the long one (500). */

import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { afterAll, expect, it } from "vitest";
import { holders, mountImage, mounts, statTarget, umount, watchMounts } from "../../../src/native/verbs.ts";
import { cleanUp, drive, fresh, ownFds, ownLoops, rejection, smallImage } from "./support.ts";

afterAll(cleanUp);

const image = smallImage();
const cycles = Number(process.env.KSQUASH_SOAK_CYCLES ?? 500);
const counts = async () => ({
	loops: ownLoops().length,
	mounts: (await mounts()).length,
	fds: ownFds(),
	threads: readdirSync("/proc/self/task").length,
});

it(`leaves nothing after ${cycles} mounts and unmounts`, async () => {
	const target = fresh();
	const before = (await mounts()).length;
	const lines = execFileSync(drive, ["cycle", image, target, String(cycles)], { encoding: "utf8", maxBuffer: 1 << 28 });
	expect(lines.trim().split("\n")).toHaveLength(cycles);
	expect((await mounts()).length).toBe(before);
	expect(ownLoops()).toEqual([]);
}, 900_000);

it("leaves nothing in this process, whether the verbs succeed or fail", async () => {
	const target = fresh();
	const targets = Array.from({ length: 8 }, () => fresh());
	const round = async () => {
		await Promise.all(targets.map((each) => mountImage({ image, target: each })));
		await rejection(mountImage({ image: "/dev/null", target }));
		await rejection(mountImage({ image, target: "/dev/null" }));
		await rejection(mountImage({ image, target, options: "nonsense=1" }));
		await statTarget(targets[0] ?? "", image);
		await holders(targets[0] ?? "");
		await (await watchMounts()).return();
		await Promise.all(targets.map((each) => umount(each)));
		await rejection(umount(target));
	};
	await round();
	await new Promise((done) => setTimeout(done, 200));
	const before = await counts();
	for (let i = 0; i < Math.ceil(cycles / 50); i++) await round();
	for (let i = 0; i < 100 && (await counts()).threads > before.threads; i++)
		await new Promise((done) => setTimeout(done, 20));
	expect(await counts()).toEqual(before);
}, 900_000);
