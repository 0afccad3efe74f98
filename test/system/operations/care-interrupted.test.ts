/** What another could lose: an image that was deleted while it is mounted, and what an interrupted pack left. */

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { install, mount, pack, remove, status, umount, umountAll } from "../../../src/index.ts";
import { placeTarball, placeTree, type Scratch, scratchRoot, smallRelease } from "../../support/scratch.ts";

const base = "defconfig";
const name = `linux-${smallRelease}`;

interface Installed extends Scratch {
	build: string;
	image: string;
	mountPoint: string;
}

async function installed(
	options: { buildDir?: string; owner?: string } = {},
	scratch = scratchRoot(),
): Promise<Installed> {
	const made = await install(placeTarball(scratch), { root: scratch.root, base, ...options });
	const { image, mountPoint } = made.pack;
	return { ...scratch, build: made.configure.buildDir, image, mountPoint };
}

describe("an image that was deleted while it is mounted", () => {
	it("is listed, not given up without force, and comes back from its device", async () => {
		const { root, image, mountPoint, build } = await installed();
		const bytes = readFileSync(image);
		unlinkSync(image);
		unlinkSync(`${image}.json`);
		const [row] = (await status({ root })).releases;
		expect(row).toMatchObject({ release: smallRelease, state: "mounted", buildDirs: [{ path: build }] });
		expect(row?.problems.join()).toContain(`cp ${row?.device} ${image}`);
		const refusal = { code: "ERR_KSQUASH_BUSY", hint: expect.stringContaining(`cp ${row?.device} ${image}`) };
		await expect(umount(smallRelease, { root })).rejects.toMatchObject(refusal);
		expect((await umountAll({ root })).failed).toMatchObject([{ release: smallRelease, error: refusal }]);
		await expect(remove(smallRelease, { root })).rejects.toMatchObject(refusal);
		expect(existsSync(join(mountPoint, "Makefile"))).toBe(true);
		execFileSync("cp", [row?.device ?? "", image]);
		expect(readFileSync(image).equals(bytes)).toBe(true);
		unlinkSync(image);
		expect((await umount(smallRelease, { root, force: true })).already).toBe(false);
		expect((await status({ root })).releases).toMatchObject([{ state: "no image" }]);
		expect(await umountAll({ root })).toEqual({ done: [], failed: [] });
		expect((await remove(smallRelease, { root })).removed).toContain(build);
	});

	it("is listed also when nothing but the mount tells of it", async () => {
		const scratch = scratchRoot();
		const { root } = scratch;
		const { image } = await pack(placeTarball(scratch), { root });
		await mount(smallRelease, { root });
		for (const file of [image, `${image}.json`]) unlinkSync(file);
		expect((await status({ root })).releases).toMatchObject([{ release: smallRelease, state: "mounted" }]);
		const { failed } = await umountAll({ root });
		expect(failed).toMatchObject([{ release: smallRelease, error: { code: "ERR_KSQUASH_BUSY" } }]);
	});
});

describe("what an interrupted pack left", () => {
	it("a whole tree goes back when there is no image; the rest of one stays, and nothing is packed from it", async () => {
		const scratch = scratchRoot();
		const { root, src } = scratch;
		const tree = placeTree(scratch);
		const before = readdirSync(tree);
		renameSync(tree, join(src, `.${name}.replaced`));
		expect((await status({ root })).releases).toMatchObject([{ release: smallRelease, state: "no image" }]);
		expect(await pack(smallRelease, { root, keepSource: true })).toMatchObject({ already: false, source: "kept" });
		expect(readdirSync(tree)).toEqual(before);
		rmSync(join(src, `${name}.sqfs`));
		rmSync(join(tree, "Kbuild"));
		const rest = join(src, `.${name}.rest`);
		renameSync(tree, rest);
		const refusal = { code: "ERR_KSQUASH_OCCUPIED", message: expect.stringContaining(rest) };
		await expect(pack(smallRelease, { root })).rejects.toMatchObject(refusal);
		await expect(remove(smallRelease, { root })).rejects.toMatchObject(refusal);
		expect([existsSync(tree), existsSync(join(rest, "Makefile"))]).toEqual([false, true]);
	});

	it("remove completes it, and leaves what the image does not have", async () => {
		const { root, src, path, mountPoint } = await installed();
		await umount(smallRelease, { root });
		const rest = join(src, `.${name}.rest`);
		execFileSync("cp", ["-a", path(`tmp/${name}`), rest]);
		rmSync(join(rest, "Kbuild"));
		await remove(smallRelease, { root });
		expect(readdirSync(src)).toEqual([]);
		const scratch = await installed();
		await umount(smallRelease, { root: scratch.root });
		const other = join(scratch.src, `.${name}.rest`);
		execFileSync("cp", ["-a", scratch.path(`tmp/${name}`), other]);
		writeFileSync(join(other, "late"), "mine");
		await expect(remove(smallRelease, { root: scratch.root })).rejects.toMatchObject({
			code: "ERR_KSQUASH_OCCUPIED",
			message: expect.stringContaining(other),
		});
		expect(existsSync(scratch.image)).toBe(true);
		const { stays } = await remove(smallRelease, { root: scratch.root, force: true });
		expect(stays.join()).toContain(other);
		expect(readFileSync(join(other, "late"), "utf8")).toBe("mine");
		expect(existsSync(mountPoint)).toBe(false);
	});

	it("a tree set aside that lacks something was touched: unlike a rest, it stays", async () => {
		const scratch = scratchRoot();
		const tree = placeTree(scratch);
		await pack(tree, { root: scratch.root, keepSource: true });
		const aside = join(scratch.src, `.${name}.replaced`);
		renameSync(tree, aside);
		rmSync(join(aside, "Kbuild"));
		const { kept } = await pack(smallRelease, { root: scratch.root });
		expect(kept.join()).toContain("Kbuild: only in the image");
		expect(existsSync(join(aside, "Makefile"))).toBe(true);
	});

	it("pack --replace leaves a person's own .old files alone", async () => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch);
		await pack(tarball, { root: scratch.root });
		const mine = [".sqfs.old", ".sqfs.json.old"].map((end) => join(scratch.src, name + end));
		for (const file of mine) writeFileSync(file, "mine");
		await pack(tarball, { root: scratch.root, replace: true, preset: "fast" });
		await remove(smallRelease, { root: scratch.root });
		expect(mine.map((file) => readFileSync(file, "utf8"))).toEqual(["mine", "mine"]);
	});
});
