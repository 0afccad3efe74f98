/** umount --dry-run: nothing is changed, what it names is what the run does, and what stops the run stops it, too. */

import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { mount, pack, umount, umountAll } from "../../../src/index.ts";
import { namedPaths, outside, refusals, watchDryRun, watchRun } from "../../support/outside.ts";
import { placeTarball, type Scratch, scratchRoot, smallRelease } from "../../support/scratch.ts";

interface Told {
	state: string;
	already: boolean;
	plan: string[];
	unchecked: string[];
	programs: string[];
}

async function mounted(): Promise<Scratch & { mountPoint: string; image: string }> {
	const scratch = scratchRoot();
	const { mountPoint, image } = await pack(placeTarball(scratch), { root: scratch.root });
	await mount(smallRelease, { root: scratch.root });
	return { ...scratch, mountPoint, image };
}

describe("umount --dry-run", () => {
	it("changes nothing and runs no program, and the run takes off exactly the mount that it names", async () => {
		const scratch = await mounted();
		const told = watchDryRun<Told>(scratch, ["umount", smallRelease]);
		expect(told).toMatchObject({ state: "planned", already: false, unchecked: [], programs: [] });
		const ran = watchRun(scratch, ["umount", smallRelease]);
		expect(ran.changed).toEqual(namedPaths(told.plan, scratch.root));
		expect(ran.changed).toEqual([scratch.mountPoint]);
		expect(outside(scratch).get(scratch.mountPoint)).toMatch(/^d /);
	});

	it("where nothing is mounted says so, and the run changes nothing", async () => {
		const scratch = await mounted();
		await umount(smallRelease, { root: scratch.root });
		const told = watchDryRun<Told>(scratch, ["umount", smallRelease]);
		expect(told).toMatchObject({ already: true, plan: [`nothing: ${scratch.mountPoint} is not mounted`] });
		expect(watchRun(scratch, ["umount", smallRelease]).changed).toEqual([]);
	});

	it("refuses a busy mount as the run does, and with nobody in it both end well", async () => {
		const scratch = await mounted();
		const child = spawn("sleep", ["60"], { cwd: scratch.mountPoint, stdio: "ignore" });
		onTestFinished(() => {
			child.kill("SIGKILL");
		});
		expect(refusals(scratch, ["umount", smallRelease])).toEqual(["ERR_KSQUASH_BUSY", "ERR_KSQUASH_BUSY"]);
		const ended = new Promise((resolve) => child.once("exit", resolve));
		child.kill("SIGKILL");
		await ended;
		expect(refusals(scratch, ["umount", smallRelease])).toEqual([undefined, undefined]);
	});

	it("refuses the last copy of an image as the run does, and with --force both end well", async () => {
		const scratch = await mounted();
		rmSync(scratch.image);
		expect(refusals(scratch, ["umount", smallRelease])).toEqual(["ERR_KSQUASH_BUSY", "ERR_KSQUASH_BUSY"]);
		expect(refusals(scratch, ["umount", smallRelease, "--force"])).toEqual([undefined, undefined]);
	});

	it("refuses a release that is not here as the run does", () => {
		const scratch = scratchRoot();
		expect(refusals(scratch, ["umount", "6.66"])).toEqual(["ERR_KSQUASH_NO_RELEASE", "ERR_KSQUASH_NO_RELEASE"]);
	});
});

describe("the types of umount's results", () => {
	it("are those of a plan with dryRun, of what was done without, and tell themselves apart by state", async () => {
		const { root, mountPoint } = await mounted();
		const planned: string[] = (await umount(smallRelease, { root, dryRun: true })).plan;
		expect(planned).toEqual([`unmount ${mountPoint}`]);
		const [all] = (await umountAll({ root, dryRun: true })).done;
		expect(all?.plan).toEqual(planned);
		const held: boolean = (await umount(smallRelease, { root })).stillHeld;
		expect(held).toBe(false);
		const dryRun: boolean = planned.length > 0;
		const either = await umount(smallRelease, { root, dryRun });
		expect(either.state === "planned" ? either.plan : either.stillHeld).toEqual([expect.stringMatching(/^nothing/)]);
	});
});
