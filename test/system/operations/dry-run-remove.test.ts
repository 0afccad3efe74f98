/** remove --dry-run: nothing is changed; what it names is what the run removes; what stops the run stops it, too. */

import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { install, pack, umount } from "../../../src/index.ts";
import { mismatch, namedPaths, outside, refusals, WORKERS, watchDryRun, watchRun } from "../../support/outside.ts";
import {
	mountsBelow,
	placeTarball,
	placeTree,
	type Scratch,
	scratchRoot,
	smallRelease,
} from "../../support/scratch.ts";

interface Told {
	state: string;
	plan: string[];
	unchecked: string[];
	stays: string[];
	removed?: unknown;
	programs: string[];
}

const remove = ["remove", smallRelease];
const name = `linux-${smallRelease}`;

interface Installed extends Scratch {
	build: string;
	image: string;
	mountPoint: string;
}

async function installed(options: { buildDir?: string } = {}): Promise<Installed> {
	const scratch = scratchRoot();
	const { root, src, path } = scratch;
	mkdirSync(path("var/lib/ksquash/kept"), { recursive: true });
	mkdirSync(path("builds"));
	const buildDir = options.buildDir === undefined ? {} : { buildDir: path(options.buildDir) };
	const { pack: packed } = await install(placeTarball(scratch), { root, base: "defconfig", ...buildDir });
	return { ...scratch, image: packed.image, mountPoint: packed.mountPoint, build: join(src, `build-${smallRelease}`) };
}

/** A process of `sleep` there, until it is ended. */
function sleepIn(directory: string): () => Promise<void> {
	const child = spawn("sleep", ["60"], { cwd: directory, stdio: "ignore" });
	onTestFinished(() => {
		child.kill("SIGKILL");
	});
	const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
	return async () => {
		child.kill("SIGKILL");
		await ended;
	};
}

describe("remove --dry-run", () => {
	it("changes nothing; the run removes exactly what it names, and leaves what it says", async () => {
		const scratch = await installed();
		writeFileSync(join(scratch.build, "notes.txt"), "mine");
		const told = watchDryRun<Told>(scratch, remove);
		expect(told).toMatchObject({ state: "planned", unchecked: [] });
		expect(told.programs.filter((program) => WORKERS.includes(program))).toEqual([]);
		expect(told.removed).toBeUndefined();
		const [going, staying] = [false, true].map((stays) =>
			told.plan.filter((line) => line.startsWith("leave ") === stays),
		);
		const ran = watchRun(scratch, remove);
		expect(mismatch(ran.changed, namedPaths(going ?? [], scratch.root))).toEqual({ unnamed: [], unchanged: [] });
		expect(namedPaths(staying ?? [], scratch.root)).toEqual([join(scratch.build, "notes.txt")]);
		expect(existsSync(join(scratch.build, "notes.txt"))).toBe(true);
		expect(mountsBelow(scratch.root)).toEqual([]);
		expect([...outside(scratch).keys()].filter((path) => path.startsWith("/dev/"))).toEqual([]);
	});

	it("names the link of --build-dir and the directory behind it", async () => {
		const scratch = await installed({ buildDir: "builds/one" });
		const told = watchDryRun<Told>(scratch, remove);
		const named = namedPaths(told.plan, scratch.root);
		expect(named).toEqual(expect.arrayContaining([scratch.path("builds/one"), scratch.build]));
		expect(mismatch(watchRun(scratch, remove).changed, named)).toEqual({ unnamed: [], unchanged: [] });
	});

	it("names what an interrupted pack left: the run compares and removes it", async () => {
		const scratch = await installed();
		await umount(smallRelease, { root: scratch.root });
		const aside = join(scratch.src, `.${name}.replaced`);
		// What the tarball was made of.
		renameSync(scratch.path("tmp", name), aside);
		const told = watchDryRun<Told>(scratch, remove);
		expect(told.unchecked).toEqual([expect.stringContaining(aside)]);
		expect(told.plan[0]).toMatch(/^compare .*and remove it$/);
		const { changed } = watchRun(scratch, remove);
		expect(mismatch(changed, namedPaths(told.plan, scratch.root))).toEqual({ unnamed: [], unchanged: [] });
		expect(changed).toContain(aside);
	});

	it("of a tree set aside without an image says that it goes back to its place, and it does", async () => {
		const scratch = scratchRoot();
		const { src } = scratch;
		renameSync(placeTree(scratch), join(src, `.${name}.replaced`));
		const told = watchDryRun<Told>(scratch, remove);
		const { changed, stdout } = watchRun(scratch, remove);
		expect(mismatch(changed, namedPaths(told.plan, scratch.root))).toEqual({ unnamed: [], unchanged: [] });
		expect(changed).toEqual([join(src, `.${name}.replaced`), join(src, name)]);
		expect(JSON.parse(stdout).results[0].stays).toEqual(told.stays);
	});

	it("refuses a mount and a build directory in use as the run does, and without a user both end well", async () => {
		const scratch = await installed();
		for (const place of [scratch.mountPoint, scratch.build]) {
			const end = sleepIn(place);
			expect(refusals(scratch, remove)).toEqual(["ERR_KSQUASH_BUSY", "ERR_KSQUASH_BUSY"]);
			await end();
		}
		expect(refusals(scratch, remove)).toEqual([undefined, undefined]);
	});

	it.each<[string, (scratch: Scratch) => Promise<void>, string]>([
		["a release that is not here", async () => undefined, "ERR_KSQUASH_NO_RELEASE"],
		[
			"an image without a manifest",
			async (scratch) => {
				const { manifest } = await packed(scratch);
				rmSync(manifest);
			},
			"ERR_KSQUASH_MANIFEST",
		],
		[
			"the rest of a tree whose image is gone",
			async (scratch) => void renameSync(placeTree(scratch), join(scratch.src, `.${name}.rest`)),
			"ERR_KSQUASH_OCCUPIED",
		],
		[
			"a mount that is another's",
			async (scratch) => {
				const { mountPoint } = await packed(scratch);
				mkdirSync(mountPoint);
				execFileSync("mount", ["-t", "tmpfs", "none", mountPoint]);
			},
			"ERR_KSQUASH_OCCUPIED",
		],
	])("ends as the run does at %s", async (_, prepare, code) => {
		const scratch = scratchRoot();
		await prepare(scratch);
		expect(refusals(scratch, remove)).toEqual([code, code]);
	});
});

async function packed(scratch: Scratch): Promise<{ manifest: string; mountPoint: string }> {
	const { image, mountPoint } = await pack(placeTarball(scratch), { root: scratch.root });
	return { manifest: `${image}.json`, mountPoint };
}
