/** What few do: a second name for a tarball, a variant of an adopted tree, a lock held by another, a link by a third name. */

import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { KsquashError } from "../../../src/errors.ts";
import { install, pack, remove, select } from "../../../src/index.ts";
import { releasePaths } from "../../../src/layout.ts";
import { which } from "../../../src/process/run.ts";
import { openContext } from "../../../src/release/context.ts";
import { withLock } from "../../../src/release/locks.ts";
import { forEachRelease } from "../../../src/release/many.ts";
import { mustWork } from "../../support/kernel.ts";
import { placeTarball, placeTree, scratchRoot, smallRelease } from "../../support/scratch.ts";

const base = "defconfig";
const build = `build-${smallRelease}`;

describe("a tarball", () => {
	it("that was packed under another name has its own release all the same", async () => {
		const scratch = scratchRoot();
		const { root } = scratch;
		const tarball = placeTarball(scratch);
		expect(await pack(tarball, { root, release: "6.2-mine" })).toMatchObject({ release: "6.2-mine", already: false });
		expect(await pack(tarball, { root })).toMatchObject({ release: smallRelease, already: false });
		expect(await pack(tarball, { root, release: "6.2-mine" })).toMatchObject({ release: "6.2-mine", already: true });
		expect(await pack(tarball, { root })).toMatchObject({ release: smallRelease, already: true });
	});

	it("in a dry run goes where --release says", async () => {
		const scratch = scratchRoot();
		const { root, src } = scratch;
		const dry = await pack(placeTarball(scratch), { root, release: "6.2-mine", dryRun: true });
		expect(dry).toMatchObject({ release: "6.2-mine", image: join(src, "linux-6.2-mine.sqfs") });
		expect(dry.plan?.join("\n")).toContain(join(src, "linux-6.2-mine.sqfs"));
	});

	it("keeps its minutes of work when another holds the release for a moment at their end", async () => {
		const scratch = scratchRoot();
		const { root } = scratch;
		const tarball = placeTarball(scratch);
		const other = await openContext("status", { root });
		const { name } = releasePaths(other.layout, smallRelease);
		let held: Promise<void> | undefined;
		const packed = pack(tarball, {
			root,
			onProgress: ({ step }) => {
				if (step === "prove") held ??= withLock(other, name, async () => await sleep(1500));
			},
		});
		expect(await packed).toMatchObject({ release: smallRelease, already: false });
		expect(held).toBeDefined();
		await held;
	});
});

describe("--adopt with --variant", () => {
	it("saves the .config to the build directory that is configured", async () => {
		const scratch = scratchRoot();
		const { root, src } = scratch;
		const tree = placeTree(scratch);
		writeFileSync(join(tree, ".config"), 'CONFIG_LOCALVERSION="-own"\n');
		const steps = (await pack(tree, { root, adopt: true, variant: "own", keepSource: true, dryRun: true })).plan;
		expect(steps?.join("\n")).toContain(`copy .config to ${join(src, `${build}-own`)}`);
		await pack(tree, { root, adopt: true, variant: "own", keepSource: true });
		expect(readFileSync(join(src, `${build}-own`, ".config"), "utf8")).toContain('"-own"');
		expect(existsSync(join(src, build))).toBe(false);
	});
});

describe("the link linux", () => {
	it("never leads to the directory that goes, by whatever name", async () => {
		const scratch = scratchRoot();
		const { root, src, path } = scratch;
		mkdirSync(path("builds"));
		await install(placeTarball(scratch), { root, base, buildDir: path("builds/one") });
		// A person's second name for it, which comes first among all.
		symlinkSync(path("builds/one"), join(src, "build-0"));
		await select(smallRelease, { root });
		const { removed } = await remove(smallRelease, { root });
		expect(removed).toContain(join(src, "linux"));
		expect(() => readlinkSync(join(src, "linux"))).toThrow("ENOENT");
	});
});

describe("remove --dry-run", () => {
	it("says what is done: the tree that stands at the mount point stays, and the link goes there", async () => {
		const scratch = scratchRoot();
		const { root, src } = scratch;
		const tarball = placeTarball(scratch);
		await install(tarball, { root, base, release: "6.2" });
		const tree = placeTree(scratch);
		await install(tree, { root, base, keepSource: true, select: true });
		const dry = await remove(smallRelease, { root, dryRun: true });
		expect(dry.plan).toContain(`move ${join(src, "linux")} to build-6.2`);
		expect(dry.plan).not.toContain(`remove ${tree}`);
		const { stays, removed, link } = await remove(smallRelease, { root });
		expect(link).toBe("build-6.2");
		expect(stays).toEqual(dry.stays);
		expect(dry.plan?.filter((step) => step.startsWith("remove ")).toSorted()).toEqual(
			removed.map((gone) => `remove ${gone}`).toSorted(),
		);
		expect(readdirSync(tree)).toContain("Makefile");
	});
});

const lacks = "no mkfs.erofs (erofs-utils)";
describe.skipIf(which("mkfs.erofs") === undefined && !mustWork)(`install (skipped where there is ${lacks})`, () => {
	it("of a tree whose image is there in the other format names that one's fstab line", async () => {
		const scratch = scratchRoot();
		const { root } = scratch;
		const tarball = placeTarball(scratch);
		await pack(tarball, { root, format: "erofs" });
		const { fstabLine } = await install(tarball, { root, base });
		expect(fstabLine).toMatch(/ erofs /);
	});
});

describe("one operation on many releases", () => {
	it("has nothing to do for one that another process removed meanwhile", async () => {
		const context = await openContext("status", { root: scratchRoot().root });
		const gone = new KsquashError("ERR_KSQUASH_NO_RELEASE", "6.1 has no image");
		const bad = new KsquashError("ERR_KSQUASH_IMAGE", "6.2 is damaged");
		const { done, failed } = await forEachRelease(context, ["6.1", "6.2", "6.3"], async (release) => {
			if (release === "6.1") throw gone;
			if (release === "6.2") throw bad;
			return release;
		});
		expect([done, failed]).toEqual([["6.3"], [{ release: "6.2", error: bad }]]);
	});
});
