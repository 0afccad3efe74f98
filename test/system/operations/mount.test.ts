/** mount, umount, status and verify, as a program and as forty of them at once see them. */

import { spawn } from "node:child_process";
import {
	closeSync,
	copyFileSync,
	mkdirSync,
	openSync,
	readFileSync,
	renameSync,
	rmSync,
	truncateSync,
	unlinkSync,
	writeFileSync,
} from "node:fs";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { mount, mountAll, pack, status, umount, umountAll, verify } from "../../../src/index.ts";
import { openLayout } from "../../../src/layout.ts";
import { type Entry, findEntry, scan } from "../../../src/release/catalog.ts";
import { cli } from "../../support/cli.ts";
import {
	loopsBelow,
	mountsBelow,
	placeTarball,
	type Scratch,
	scratchRoot,
	smallRelease,
} from "../../support/scratch.ts";

interface Packed extends Scratch {
	image: string;
	target: string;
}

async function packed(release = smallRelease): Promise<Packed> {
	const scratch = scratchRoot();
	const { image, mountPoint } = await pack(placeTarball(scratch), { root: scratch.root, release });
	return { ...scratch, image, target: mountPoint };
}

describe("mount", () => {
	it("finds no image, and never a bad one, where it goes or comes while one looks", async () => {
		const { root, image } = await packed();
		const [layout, away] = [await openLayout(root), `${image}.away`];
		let looking = true;
		const moving = (async (): Promise<void> => {
			for (let i = 0; looking; i++)
				await rename(...((i % 2 === 0 ? [image, away] : [away, image]) as [string, string]));
		})();
		const seen = new Set<string>();
		const note = (entry: Entry | undefined): unknown => seen.add(entry ? (entry.imageProblem ?? "good") : "absent");
		try {
			for (let i = 0; i < 1500; i++) {
				for (const entry of await scan(layout)) note(entry);
				note(await findEntry(layout, smallRelease));
			}
		} finally {
			looking = false;
			await moving;
		}
		expect([...seen].toSorted()).toEqual(["absent", "good"]);
	});

	it("mounts once, however often and by however many it is asked", async () => {
		const { root, target } = await packed();
		const calls = Array.from({ length: 40 }, async () => await mount(smallRelease, { root }));
		const processes = Array.from({ length: 4 }, async () => await cli(["mount", "--root", root, smallRelease]));
		const results = await Promise.all(calls);
		for (const { status: code, stderr } of await Promise.all(processes))
			expect([code, stderr.includes("✗")]).toEqual([0, false]);
		expect(results.filter(({ already }) => !already).length).toBeLessThanOrEqual(1);
		expect(mountsBelow(root)).toEqual([target]);
		expect(loopsBelow(root)).toHaveLength(1);
	});

	it("is a handle: what this call mounted goes at the end of the block, what was mounted before stays", async () => {
		const { root, target, image } = await packed();
		{
			await using first = await mount(smallRelease, { root });
			expect(Object.keys(first).toSorted()).toEqual(["already", "device", "image", "release", "target"]);
			{
				await using second = await mount(smallRelease, { root });
				expect([first.already, second.already]).toEqual([false, true]);
			}
			expect(mountsBelow(root)).toEqual([target]);
		}
		expect([mountsBelow(root), loopsBelow(root)]).toEqual([[], []]);
		const handle = await mount(smallRelease, { root });
		const reader = openSync(join(target, "Makefile"), "r");
		await expect(handle[Symbol.asyncDispose]()).rejects.toMatchObject({ code: "ERR_KSQUASH_BUSY" });
		expect(mountsBelow(root)).toEqual([target]);
		closeSync(reader);
		await handle[Symbol.asyncDispose]();
		await handle[Symbol.asyncDispose]();
		expect(mountsBelow(root)).toEqual([]);
		// Another image of that name, mounted since by somebody else, is not this handle's to take.
		const again = await mount(smallRelease, { root });
		await umount(smallRelease, { root });
		copyFileSync(image, `${image}.new`);
		renameSync(`${image}.new`, image);
		await mount(smallRelease, { root });
		await again[Symbol.asyncDispose]();
		expect(mountsBelow(root)).toEqual([target]);
	});

	it("makes the mount point, and refuses one that is not empty, a file or a link", async () => {
		const { root, target, path } = await packed();
		mkdirSync(target);
		writeFileSync(join(target, "mine"), "x");
		await expect(mount(smallRelease, { root })).rejects.toMatchObject({ code: "ERR_KSQUASH_OCCUPIED", exitStatus: 73 });
		rmSync(target, { recursive: true });
		writeFileSync(target, "a file");
		for (const dryRun of [false, true]) {
			const refused = mount(smallRelease, { root, dryRun });
			await expect(refused).rejects.toMatchObject({
				code: "ERR_KSQUASH_OCCUPIED",
				message: expect.stringMatching(/^cannot mount \S+ on \S+: the mount point is a file, not a directory$/),
				hint: expect.stringContaining("move it away"),
			});
		}
		expect(readFileSync(target, "utf8")).toBe("a file");
		rmSync(target);
		mkdirSync(path("elsewhere"));
		const { symlinkSync } = await import("node:fs");
		symlinkSync(path("elsewhere"), target);
		await expect(mount(smallRelease, { root })).rejects.toMatchObject({ exitStatus: 73 });
		expect(mountsBelow(root)).toEqual([]);
		expect(loopsBelow(root)).toEqual([]);
	});

	it("says that a release is not here, and what a bad image is", async () => {
		const { root, image } = await packed();
		await expect(mount("6.2", { root })).rejects.toMatchObject({ code: "ERR_KSQUASH_NO_RELEASE", exitStatus: 66 });
		truncateSync(image, 4096);
		await expect(mount(smallRelease, { root })).rejects.toMatchObject({ code: "ERR_KSQUASH_IMAGE", exitStatus: 65 });
		expect(loopsBelow(root)).toEqual([]);
	});

	it("goes on with the others when one fails", async () => {
		const { root, src } = await packed("6.1");
		await pack(placeTarball({ root, src, path: (...parts) => join(root, ...parts) }), { root, release: "6.2" });
		writeFileSync(join(src, "linux-6.0.sqfs"), "no image");
		const { done, failed } = await mountAll({ root });
		expect(done.map(({ release }) => release)).toEqual(["6.1", "6.2"]);
		expect(failed.map(({ release }) => release)).toEqual(["6.0"]);
		expect((await umountAll({ root })).done.map(({ already }) => already)).toEqual([true, false, false]);
	});
});

describe("umount", () => {
	it("done twice is done once", async () => {
		const { root } = await packed();
		await mount(smallRelease, { root });
		expect((await umount(smallRelease, { root })).already).toBe(false);
		expect((await umount(smallRelease, { root })).already).toBe(true);
		expect(loopsBelow(root)).toEqual([]);
	});

	it("names who keeps it busy, and detaches nothing unless told to", async () => {
		const { root, target } = await packed();
		await mount(smallRelease, { root });
		const child = spawn("sleep", ["100"], { cwd: target, stdio: "ignore" });
		onTestFinished(() => {
			child.kill("SIGKILL");
		});
		const result = await cli(["umount", "--root", root, smallRelease]);
		expect(result.status).toBe(75);
		expect(result.stderr).toContain(`sleep (pid ${child.pid}`);
		expect(mountsBelow(root)).toEqual([target]);
		const lazy = await cli(["umount", "--lazy", "--root", root, smallRelease]);
		expect([lazy.status, lazy.stderr]).toEqual([0, expect.stringContaining("still held")]);
		expect(mountsBelow(root)).toEqual([]);
	});

	it("leaves alone what is not ours", async () => {
		const { root, target } = await packed();
		mkdirSync(target);
		const { execFileSync } = await import("node:child_process");
		execFileSync("mount", ["-t", "tmpfs", "none", target]);
		await expect(umount(smallRelease, { root })).rejects.toMatchObject({ code: "ERR_KSQUASH_OCCUPIED" });
		await expect(mount(smallRelease, { root })).rejects.toMatchObject({ code: "ERR_KSQUASH_OCCUPIED" });
		expect(mountsBelow(root)).toEqual([target]);
	});
});

describe("status", () => {
	const only = async (root: string): Promise<object | undefined> => (await status({ root })).releases[0];

	it("says stale when the image was replaced, and when it was deleted", async () => {
		const { root, image } = await packed();
		await mount(smallRelease, { root });
		expect(await only(root)).toMatchObject({ state: "mounted", problems: [] });
		copyFileSync(image, `${image}.new`);
		renameSync(`${image}.new`, image);
		expect(await only(root)).toMatchObject({ state: "stale", problems: [expect.stringContaining("older image")] });
		expect((await umount(smallRelease, { root })).already).toBe(false);
		expect(loopsBelow(root)).toEqual([]);
	});

	it.each([
		["absent", (path: string) => unlinkSync(path), "absent"],
		["empty", (path: string) => writeFileSync(path, ""), "empty"],
		["cut off", (path: string) => truncateSync(path, 100), "not JSON"],
		["of a newer version", (path: string) => writeFileSync(path, '{"manifest": 99}'), "newer"],
		[
			"of another image",
			(path: string) => writeFileSync(path, readFileSync(path, "utf8").replace(/"bytes": \d+/, '"bytes": 1')),
			"another image",
		],
	])("mounts an image whose manifest is %s, and says so", async (_, damage, word) => {
		const { root, image } = await packed();
		damage(`${image}.json`);
		await mount(smallRelease, { root });
		expect(await only(root)).toMatchObject({ state: "mounted", problems: [expect.stringContaining(word)] });
		await expect(verify(smallRelease, { root })).rejects.toMatchObject({ code: "ERR_KSQUASH_MANIFEST" });
	});

	it("counts what is saved", async () => {
		const { root } = await packed();
		const row = (await status({ root })).releases[0];
		expect(row?.saved?.inodes).toBe((row?.source?.entries ?? 0) - 4);
		expect(row?.saved?.bytes).toBe((row?.source?.bytes ?? 0) - (row?.imageBytes ?? 0));
	});
});

describe("verify", () => {
	it("finds nothing wrong with a good image, at every depth", async () => {
		const { root } = await packed();
		for (const [depth, checks] of [
			["quick", 2],
			["full", 3],
			["deep", 4],
		] as const) {
			expect((await verify(smallRelease, { root, depth })).checked).toHaveLength(checks);
		}
		expect(loopsBelow(root)).toEqual([]);
	});

	it("finds a flipped byte by the image's sha256", async () => {
		const { root, image } = await packed();
		const bytes = readFileSync(image);
		bytes[200] = (bytes[200] ?? 0) ^ 1;
		writeFileSync(image, bytes);
		await expect(verify(smallRelease, { root })).rejects.toMatchObject({ code: "ERR_KSQUASH_IMAGE", exitStatus: 65 });
		expect((await verify(smallRelease, { root, depth: "quick" })).checked).toHaveLength(2);
	});
});
