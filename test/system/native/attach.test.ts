import { execFileSync } from "node:child_process";
import { closeSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { attach, detach, inspectImage, mountImage, umount } from "../../../src/native/verbs.ts";
import { cleanUp, fresh, ownFds, ownLoops, rejection, smallImage } from "./support.ts";

afterAll(cleanUp);

const image = smallImage();

describe("attach and detach", () => {
	it("attaches read-only, without autoclear and partitions, and frees the device again", async () => {
		const fds = ownFds();
		const { device, file } = await attach({ image });
		expect(file).toBe((await inspectImage(image)).file);
		const columns = ["--noheadings", "--raw", "--output", "RO,AUTOCLEAR,PARTSCAN,BACK-FILE", device];
		expect(execFileSync("losetup", columns, { encoding: "utf8" }).trim()).toBe(`1 0 0 ${image}`);
		expect(readFileSync(device).subarray(0, 4).toString()).toBe("hsqs");
		expect(await detach({ device, file })).toEqual({ stillHeld: false });
		expect(ownLoops()).toEqual([]);
		expect(ownFds()).toBe(fds);
		expect(await rejection(detach({ device, file }))).toMatchObject({ code: "ENXIO", path: device });
	});

	it("leaves a device alone that carries another file", async () => {
		const other = smallImage("other\n");
		const { device, file } = await attach({ image });
		const wrong = (await inspectImage(other)).file;
		expect(await rejection(detach({ device, file: wrong }))).toMatchObject({ code: "ESTALE", step: "loop-status" });
		expect(ownLoops()).toHaveLength(1);
		// Replaced under its name: the device still carries the old file.
		const moved = fresh("moved.sqfs", false);
		renameSync(other, moved);
		expect(await rejection(detach({ device, file: (await inspectImage(moved)).file }))).toMatchObject({
			code: "ESTALE",
		});
		await detach({ device, file });
	});

	it("refuses a mounted device, and says of one that is open that it is still held", async () => {
		const target = fresh();
		const mounted = await mountImage({ image, target });
		expect(await rejection(detach(mounted))).toMatchObject({ code: "EBUSY", reason: `it is mounted at ${target}` });
		await umount(target);
		const { device, file } = await attach({ image });
		const fd = openSync(device, "r");
		expect(await detach({ device, file })).toEqual({ stillHeld: true });
		closeSync(fd);
		expect(ownLoops()).toEqual([]);
	});

	it("refuses what is no image, not the expected one, and no loop device", async () => {
		const text = fresh("x.sqfs", false);
		writeFileSync(text, "text\n".repeat(100));
		expect(await rejection(attach({ image: text }))).toMatchObject({ code: "EINVAL", step: "superblock" });
		expect(await rejection(attach({ image, expect: "1:2" }))).toMatchObject({ code: "ESTALE", step: "image" });
		const file = "1:2";
		for (const device of ["/dev/null", "/dev/loop", "/dev/loop-control", "/dev/loop01", "/dev/loop1 ", "loop1"]) {
			expect(await rejection(detach({ device, file }))).toMatchObject({
				code: "ENODEV",
				reason: "this is not a loop device",
			});
		}
		expect(ownLoops()).toEqual([]);
	});
});
