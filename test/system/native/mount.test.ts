import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { inspectImage, mountImage, mounts, statTarget, umount } from "../../../src/native/verbs.ts";
import { cleanUp, fresh, ownFds, ownLoops, rejection, smallImage } from "./support.ts";

afterAll(cleanUp);

const image = smallImage();

describe("mountImage", () => {
	it("mounts read-only, nosuid, nodev, and says so in the table", async () => {
		const target = fresh();
		const result = await mountImage({ image, target });
		expect(result.already).toBe(false);
		expect(result.file).toBe((await inspectImage(image)).file);
		expect(readFileSync(join(target, "file"), "utf8")).toBe("hello\n");
		const row = (await mounts()).find((entry) => entry.target === target);
		expect(row?.options.split(",")).toEqual(expect.arrayContaining(["ro", "nosuid", "nodev"]));
		expect(row).toMatchObject({ fstype: "squashfs", source: result.device });
		expect(await umount(target)).toEqual({ stillHeld: false });
		expect(ownLoops()).toEqual([]);
	});

	it("does it once when asked twice", async () => {
		const target = fresh();
		const first = await mountImage({ image, target });
		const second = await mountImage({ image, target });
		expect(second).toEqual({ ...first, already: true });
		expect((await mounts()).filter((entry) => entry.target === target)).toHaveLength(1);
		await umount(target);
	});

	it("makes one mount of forty requests at the same moment from eight processes, ten times", async () => {
		const targets = Array.from({ length: 10 }, () => fresh());
		const addon = new URL("../../../build/Release/ksquash.node", import.meta.url).pathname;
		// All fire at the same moments of the clock, so that they really meet.
		const script = `const n=require(${JSON.stringify(addon)}),[image,start,...targets]=process.argv.slice(1);
			targets.forEach((target,i)=>{
				while(Date.now()<Number(start)+i*60);
				for(let k=0;k<5;k++)n.mountImage(image,target,"",undefined,new BigInt64Array(3)).then(r=>console.log(i,r.already));
			})`;
		const start = String(Date.now() + 1500);
		const ask = () =>
			new Promise<string>((done) => {
				const child = spawn(process.execPath, ["-e", script, image, start, ...targets], {
					stdio: ["ignore", "pipe", "inherit"],
				});
				let text = "";
				child.stdout.on("data", (data) => {
					text += data;
				});
				child.on("close", () => done(text));
			});
		const answers = (await Promise.all(Array.from({ length: 8 }, ask))).join("").trim().split("\n");
		const table = await mounts();
		for (const [i, target] of targets.entries()) {
			expect(answers.filter((answer) => answer.startsWith(`${i} `))).toHaveLength(40);
			expect(answers.filter((answer) => answer === `${i} false`)).toHaveLength(1);
			expect(table.filter((entry) => entry.target === target)).toHaveLength(1);
			await umount(target);
		}
		expect(ownLoops()).toEqual([]);
	});

	it("takes options: noexec, and refuses rw and what the file system does not know", async () => {
		const target = fresh();
		await mountImage({ image, target, options: "noexec,suid,x-comment=1,nofail" });
		const options = (await mounts()).find((entry) => entry.target === target)?.options.split(",");
		expect(options).toContain("noexec");
		expect(options).not.toContain("nosuid");
		await umount(target);
		expect(await rejection(mountImage({ image, target, options: "ro,rw" }))).toMatchObject({
			code: "EINVAL",
			step: "options",
		});
		const unknown = await rejection(mountImage({ image, target, options: "nonsense=1" }));
		expect(unknown).toMatchObject({ code: "EINVAL", step: "options", reason: expect.stringContaining("nonsense") });
		expect(unknown.kernelLog).toMatch(/nonsense/);
		expect(ownLoops()).toEqual([]);
	});

	it("refuses each unfit mount point with its reason, and leaves nothing behind", async () => {
		const full = fresh();
		writeFileSync(join(full, "x"), "");
		const link = fresh("link", false);
		symlinkSync(fresh(), link);
		const file = fresh("file", false);
		writeFileSync(file, "");
		const occupied = fresh();
		execFileSync("mount", ["-t", "tmpfs", "none", occupied]);
		const before = ownFds();
		const cases = [
			[full, "ENOTEMPTY", /not empty/],
			[link, "ELOOP", /symbolic link/],
			[file, "ENOTDIR", /not a directory/],
			[fresh("absent", false), "ENOENT", /does not exist/],
			[occupied, "EBUSY", /something else is mounted/],
		] as const;
		for (const [target, code, reason] of cases) {
			expect(await rejection(mountImage({ image, target }))).toMatchObject({
				code,
				path: target,
				reason: expect.stringMatching(reason),
			});
		}
		expect(ownFds()).toBe(before);
		expect(ownLoops()).toEqual([]);
		await umount(occupied);
	});

	it("refuses another image on a mounted target, and an image that is not the expected one", async () => {
		const target = fresh();
		const other = smallImage("another\n");
		await mountImage({ image, target });
		expect(await rejection(mountImage({ image: other, target }))).toMatchObject({ code: "EBUSY" });
		const { file } = await inspectImage(other);
		expect(await rejection(mountImage({ image, target, expect: file }))).toMatchObject({ code: "ESTALE" });
		expect(await rejection(umount(target, { expect: file }))).toMatchObject({ code: "ESTALE" });
		await umount(target, { expect: (await inspectImage(image)).file });
	});

	it.each(["a b", "a\tb", "a\nb", "a\\b", "a\\040b", "-x", "x (deleted)", "é", "n".repeat(255)])(
		"takes the name %j",
		async (name) => {
			const target = fresh(name);
			const own = join(fresh(), name);
			renameSync(smallImage(), own);
			await mountImage({ image: own, target });
			expect((await mounts()).some((entry) => entry.target === target)).toBe(true);
			expect(await statTarget(target, own)).toMatchObject({ state: "mounted", deleted: false });
			await umount(target);
		},
	);

	it("takes names that are not UTF-8", async () => {
		const target = Buffer.concat([Buffer.from(`${fresh()}/`), Buffer.from([0xff, 0x41])]);
		mkdirSync(target);
		await mountImage({ image, target });
		const row = (await mounts()).find((entry) => typeof entry.target !== "string");
		expect(row && Buffer.from(row.target as Uint8Array).equals(target)).toBe(true);
		expect((await rejection(mountImage({ image: smallImage("q"), target }))).path).toMatch(/\\377A$/);
		await umount(target);
	});
});

describe("umount", () => {
	it("says what is not a mount point, and what is busy", async () => {
		const target = fresh();
		expect(await rejection(umount(target))).toMatchObject({ code: "EINVAL", reason: "not a mount point" });
		await mountImage({ image, target });
		const child = spawn("sleep", ["60"], { cwd: join(target, "sub"), stdio: "ignore" });
		await new Promise((done) => child.once("spawn", done));
		expect(await rejection(umount(target))).toMatchObject({
			code: "EBUSY",
			syscall: "umount2",
			step: "umount",
			reason: `in use by sleep (pid ${child.pid})`,
		});
		expect(await umount(target, { lazy: true })).toEqual({ stillHeld: true });
		child.kill();
		await new Promise((done) => child.once("close", done));
		expect(ownLoops()).toEqual([]);
	});
});

describe("statTarget", () => {
	it("tells 6.1 from 6.1.1, unmounted, absent, other", async () => {
		const dir = fresh();
		for (const release of ["6.1", "6.1.1"]) {
			renameSync(smallImage(release), join(dir, `linux-${release}.sqfs`));
			mkdirSync(join(dir, `linux-${release}`));
		}
		const [a, b] = ["6.1", "6.1.1"].map((release) => join(dir, `linux-${release}`)) as [string, string];
		expect(await statTarget(a, `${a}.sqfs`)).toEqual({ state: "unmounted", deleted: false });
		await mountImage({ image: `${b}.sqfs`, target: a });
		expect(await statTarget(a, `${a}.sqfs`)).toMatchObject({ state: "other" });
		expect(await statTarget(a, `${b}.sqfs`)).toMatchObject({ state: "mounted", fstype: "squashfs" });
		expect(await statTarget(b, `${b}.sqfs`)).toMatchObject({ state: "unmounted" });
		expect(await statTarget(join(dir, "none"))).toMatchObject({ state: "absent" });
		await umount(a);
	});

	it("sees an image that was replaced, and one that was deleted", async () => {
		const target = fresh();
		const own = smallImage("v1");
		await mountImage({ image: own, target });
		renameSync(smallImage("v2"), own);
		expect(await statTarget(target, own)).toMatchObject({ state: "stale", deleted: true });
		expect(await rejection(mountImage({ image: own, target }))).toMatchObject({ code: "EBUSY" });
		unlinkSync(own);
		expect(await statTarget(target, own)).toMatchObject({ state: "mounted", deleted: true });
		expect(await statTarget(target)).toMatchObject({ state: "mounted", deleted: true });
		await umount(target);
	});

	it("knows a former image by its name also where that is longer than a loop device remembers", async () => {
		const target = fresh();
		const directory = join(fresh(), "a".repeat(70));
		mkdirSync(directory);
		const [own, other] = ["linux-6.1.sqfs", "linux-6.2.sqfs"].map((name) => join(directory, name)) as [string, string];
		renameSync(smallImage("v1"), own);
		await mountImage({ image: own, target });
		// sysfs follows this; the device's own name does not.
		renameSync(own, join(directory, "aside.sqfs"));
		for (const path of [own, other]) renameSync(smallImage("v2"), path);
		expect(await statTarget(target, own)).toMatchObject({ state: "stale", deleted: true });
		expect(await statTarget(target, other)).toMatchObject({ state: "other" });
		await umount(target);
	});

	it("sees a mount that a later one covers", async () => {
		const parent = fresh();
		const target = join(parent, "linux");
		mkdirSync(target);
		await mountImage({ image, target });
		execFileSync("mount", ["-t", "tmpfs", "none", parent]);
		expect(await statTarget(target, image)).toMatchObject({ state: "hidden" });
		mkdirSync(target);
		expect(await statTarget(target, image)).toMatchObject({ state: "hidden" });
		await umount(parent);
		expect(await statTarget(target, image)).toMatchObject({ state: "mounted" });
		await umount(target);
	});
});
