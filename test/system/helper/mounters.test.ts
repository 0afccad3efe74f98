/** One suite over every way to mount, through the interface that they share; as root, to whom all of them are open. */

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { DirectMounter } from "../../../src/mount/direct.ts";
import { FuseMounter } from "../../../src/mount/fuse.ts";
import { HelperMounter } from "../../../src/mount/helper.ts";
import type { Mounter } from "../../../src/mount/mounter.ts";
import { statTarget } from "../../../src/native/verbs.ts";
import { whyNoFuse } from "../../support/fuse.ts";
import { buildHelper, inode, makeImage, type Sandbox, sandbox } from "../../support/helper.ts";
import { loopsBelow, mountsBelow } from "../../support/scratch.ts";

beforeAll(() => void buildHelper());

const ways: readonly [string, (box: Sandbox) => Mounter, string | undefined][] = [
	["direct", () => new DirectMounter(), undefined],
	["helper", (box) => new HelperMounter(box.program), undefined],
	["fuse", () => new FuseMounter(), whyNoFuse()],
];

describe.each(ways)("the mounter %s", (kind, make, missing) => {
	interface Ready {
		box: Sandbox;
		mounter: Mounter;
		image: string;
		target: string;
	}
	const ready = async (): Promise<Ready> => {
		const box = await sandbox();
		return { box, mounter: make(box), image: box.place("linux-6.1"), target: box.path("src/linux-6.1") };
	};
	const test = it.skipIf(missing !== undefined);
	if (missing !== undefined) it.skip(`has nothing to work with: ${missing}`, () => undefined);

	test("mounts read-only, nosuid, nodev, once; and takes it off", async () => {
		const { box, mounter, image, target } = await ready();
		expect(mounter.kind).toBe(kind);
		const file = inode(image);
		const mounted = await mounter.mount(image, target, { expect: file });
		expect(mounted).toMatchObject({ file, already: false });
		expect(mounted.fuse ?? false).toBe(kind === "fuse");
		expect(mounted.device === undefined).toBe(kind === "fuse");
		expect(readFileSync(`${target}/content`, "utf8")).toBe("linux-6.1");
		expect(execFileSync("findmnt", ["-no", "VFS-OPTIONS", target], { encoding: "utf8" })).toMatch(/^ro,nosuid,nodev/);
		expect(await statTarget(target, image)).toMatchObject({ state: "mounted", file, deleted: false });
		expect(await mounter.mount(image, target)).toEqual({ ...mounted, already: true });
		expect(mountsBelow(target)).toEqual([target]);
		expect(await mounter.umount(target, { expect: file })).toMatchObject({ stillHeld: false });
		expect([mountsBelow(target), loopsBelow(box.base)]).toEqual([[], []]);
		expect((await statTarget(target, image)).state).toBe("unmounted");
	});

	test("refuses what is occupied, what is no image, and what is not there; nothing is left", async () => {
		const { box, mounter, image, target } = await ready();
		const refused = async (code: unknown): Promise<void> => {
			await expect(mounter.mount(image, target)).rejects.toMatchObject({ code });
			expect(loopsBelow(box.base)).toEqual([]);
		};
		writeFileSync(`${target}/mine`, "");
		await refused("ERR_KSQUASH_OCCUPIED");
		rmSync(`${target}/mine`);
		execFileSync("mount", ["-t", "tmpfs", "none", target]);
		await refused("ERR_KSQUASH_OCCUPIED");
		await expect(mounter.umount(target, { expect: inode(image) })).rejects.toThrow();
		execFileSync("umount", [target]);
		const good = readFileSync(image);
		writeFileSync(image, good.subarray(0, 100));
		await refused("ERR_KSQUASH_IMAGE");
		writeFileSync(image, good);
		rmSync(target, { recursive: true });
		await refused(expect.stringMatching(/NO_INPUT|PRIVILEGE/)); // the helper says no more than "not permitted"
		expect(mountsBelow(box.images)).toEqual([]);
	});

	test("takes the very image that is expected, mounting and unmounting", async () => {
		const { mounter, image, target } = await ready();
		const other = "1:1";
		await expect(mounter.mount(image, target, { expect: other })).rejects.toMatchObject({
			code: "ERR_KSQUASH_CHANGED",
		});
		await mounter.mount(image, target);
		await expect(mounter.umount(target, { expect: other })).rejects.toMatchObject({ code: "ERR_KSQUASH_CHANGED" });
		expect(mountsBelow(target)).toEqual([target]);
	});

	test("leaves a busy mount, and says so", async () => {
		const { mounter, image, target } = await ready();
		await mounter.mount(image, target);
		const child = spawn("sleep", ["60"], { cwd: target, stdio: "ignore" });
		onTestFinished(() => void child.kill());
		await once(child, "spawn");
		await expect(mounter.umount(target)).rejects.toMatchObject({ code: "ERR_KSQUASH_BUSY" });
		child.kill();
		await once(child, "close");
		await mounter.umount(target);
		expect(mountsBelow(target)).toEqual([]);
	});

	test("tells a stale image, and one whose file is gone", async () => {
		const { box, mounter, image, target } = await ready();
		const { file } = await mounter.mount(image, target);
		makeImage(box.base, box.path("new"), "new");
		renameSync(box.path("new"), image);
		expect(await statTarget(target, image)).toMatchObject({ state: "stale", deleted: true, file });
		await expect(mounter.mount(image, target)).rejects.toMatchObject({ code: "ERR_KSQUASH_OCCUPIED" });
		await mounter.umount(target, { expect: file });
		const next = await mounter.mount(image, target);
		expect(readFileSync(`${target}/content`, "utf8")).toBe("new");
		unlinkSync(image);
		expect(await statTarget(target, image)).toMatchObject({ state: "mounted", deleted: true, file: next.file });
		makeImage(box.base, box.path("src/other.sqfs"), "other");
		expect((await statTarget(target, box.path("src/other.sqfs"))).state).toBe("other");
	});
});
