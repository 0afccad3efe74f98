/** The helper's verbs, called by a real other user: what is permitted works, and says what it did. */

import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import {
	asUser,
	buildHelper,
	call,
	callMany,
	GROUP,
	inode,
	makeImage,
	policyText,
	sandbox,
	USER,
} from "../../support/helper.ts";
import { loopsBelow, mountsBelow } from "../../support/scratch.ts";

beforeAll(() => void buildHelper());

describe("mount and umount", () => {
	it("mount an image read-only, nosuid, nodev for a permitted user, and take it away again", async () => {
		const box = await sandbox();
		const image = box.place("linux-6.1");
		const mounted = call(box, ["--json", "mount", "linux-6.1"]);
		expect(mounted).toMatchObject({ status: 0, stderr: "" });
		const target = box.path("src/linux-6.1");
		const answer = JSON.parse(mounted.stdout);
		expect(answer).toMatchObject({
			status: 0,
			result: "mounted",
			name: "linux-6.1",
			image,
			target,
			file: inode(image),
		});
		expect(readFileSync(join(target, "content"), "utf8")).toBe("linux-6.1");
		const options = execFileSync("findmnt", ["-no", "VFS-OPTIONS,SOURCE", target], { encoding: "utf8" });
		expect(options).toMatch(/^ro,nosuid,nodev\S* +\/dev\/loop\d+/);
		expect(options).toContain(answer.device);
		expect(JSON.parse(call(box, ["--json", "mount", "linux-6.1"]).stdout)).toEqual({ ...answer, result: "already" });
		expect(JSON.parse(call(box, ["--json", "status", "linux-6.1"]).stdout)).toEqual({
			...answer,
			result: "mounted",
			mayUmount: true,
		});
		const gone = call(box, ["--json", "umount", "linux-6.1"]);
		expect(JSON.parse(gone.stdout)).toMatchObject({ status: 0, result: "unmounted", stillHeld: false });
		expect(loopsBelow(box.base)).toEqual([]);
		expect(call(box, ["umount", "linux-6.1"])).toMatchObject({
			status: 0,
			stdout: expect.stringContaining("not mounted"),
		});
		expect(JSON.parse(call(box, ["--json", "status", "linux-6.1"]).stdout)).toMatchObject({ result: "unmounted" });
	});

	it("ask for a group as well, and let root do it without one", async () => {
		const box = await sandbox();
		box.place("linux-6.1");
		box.policy(policyText(box.images, `gids = 77 ${GROUP + 1}`));
		expect(call(box, ["mount", "linux-6.1"]).status).toBe(66);
		expect(call(box, ["mount", "linux-6.1"], { as: asUser(USER, [5, GROUP + 1]) }).status).toBe(0);
		expect(call(box, ["umount", "linux-6.1"], { as: asUser(USER, [GROUP + 1]) }).status).toBe(66);
		expect(call(box, ["mount", "linux-6.1"], { as: ["env"] }).stdout).toContain("already");
		expect(call(box, ["umount", "linux-6.1"], { as: ["env"] })).toMatchObject({ status: 66 });
		expect(mountsBelow(box.images)).toEqual([box.path("src/linux-6.1")]);
	});

	it('49: make one mount of forty requests at once, 39 times "already", and one umount', async () => {
		const box = await sandbox();
		box.place("linux-6.1");
		const results = await callMany(box, ["mount", "linux-6.1"], 40);
		expect(results.map(({ status }) => status)).toEqual(Array(40).fill(0));
		expect(results.filter(({ stdout }) => stdout.includes("already"))).toHaveLength(39);
		expect(mountsBelow(box.images)).toHaveLength(1);
		expect(loopsBelow(box.base)).toHaveLength(1);
		const ends = await callMany(box, ["umount", "linux-6.1"], 10);
		expect(ends.filter(({ stdout }) => stdout.includes("unmounted"))).toHaveLength(1);
		expect(ends.map(({ status }) => status)).toEqual(Array(10).fill(0));
		expect(loopsBelow(box.base)).toEqual([]);
	});

	it("name what is busy (75), occupied (73), a bad image (65)", async () => {
		const box = await sandbox();
		box.place("linux-6.1");
		expect(call(box, ["mount", "linux-6.1"]).status).toBe(0);
		const child = spawn("sleep", ["60"], { cwd: box.path("src/linux-6.1"), stdio: "ignore" });
		onTestFinished(() => void child.kill());
		await new Promise((done) => child.once("spawn", done));
		expect(call(box, ["umount", "linux-6.1"])).toMatchObject({
			status: 75,
			stderr: expect.stringContaining("uses it"),
		});
		child.kill();
		await new Promise((done) => child.once("close", done));
		expect(call(box, ["umount", "linux-6.1"]).status).toBe(0);
		execFileSync("mount", ["-t", "tmpfs", "none", box.path("src/linux-6.1")]);
		for (const verb of ["mount", "umount"]) expect(call(box, [verb, "linux-6.1"]).status).toBe(73);
		expect(JSON.parse(call(box, ["--json", "status", "linux-6.1"]).stdout)).toMatchObject({ result: "other" });
		execFileSync("umount", [box.path("src/linux-6.1")]);
		writeFileSync(box.path("src/linux-6.1/file"), "mine");
		expect(call(box, ["mount", "linux-6.1"])).toMatchObject({
			status: 73,
			stderr: expect.stringContaining("not empty"),
		});
		rmSync(box.path("src/linux-6.1/file"));
		writeFileSync(box.path("src/linux-6.1.sqfs"), "text, and long enough for a superblock".repeat(9));
		expect(call(box, ["mount", "linux-6.1"])).toMatchObject({ status: 65, stderr: expect.stringContaining("text") });
		expect(mountsBelow(box.images)).toEqual([]);
		expect(loopsBelow(box.base)).toEqual([]);
	});

	it("take a stale image away, but never the last copy of a deleted one", async () => {
		const box = await sandbox();
		const image = box.place("linux-6.1", "old");
		expect(call(box, ["mount", "linux-6.1"]).status).toBe(0);
		makeImage(box.base, box.path("new.sqfs"), "new");
		renameSync(box.path("new.sqfs"), image);
		expect(JSON.parse(call(box, ["--json", "status", "linux-6.1"]).stdout)).toMatchObject({ result: "stale" });
		expect(call(box, ["mount", "linux-6.1"])).toMatchObject({
			status: 73,
			stderr: expect.stringContaining("older image"),
		});
		expect(call(box, ["umount", "linux-6.1"]).status).toBe(0);
		expect(call(box, ["mount", "linux-6.1"]).status).toBe(0);
		expect(readFileSync(box.path("src/linux-6.1/content"), "utf8")).toBe("new");
		unlinkSync(image);
		expect(call(box, ["umount", "linux-6.1"])).toMatchObject({
			status: 73,
			stderr: expect.stringContaining("last copy"),
		});
		expect(readFileSync(box.path("src/linux-6.1/content"), "utf8")).toBe("new");
	});

	it("keep to max_mounts, max_size and the prefix, and find the rule that knows the image", async () => {
		const box = await sandbox();
		for (const name of ["linux-6.1", "linux-6.2", "other-1"]) box.place(name);
		box.policy(policyText(box.images, `uids = ${USER}\nmax_mounts = 1\nprefix = linux-`));
		expect(call(box, ["mount", "linux-6.1"]).status).toBe(0);
		expect(call(box, ["mount", "linux-6.2"]).status).toBe(66);
		expect(call(box, ["mount", "other-1"]).status).toBe(66);
		box.policy(policyText(box.images, `uids = ${USER}\nmax_size = 1K`));
		expect(call(box, ["mount", "linux-6.2"]).status).toBe(66);
		mkdirSync(box.path("elsewhere"), { mode: 0o755 });
		const rule = `[rule first]\nimages = ${box.path("elsewhere")}\nsuffix = .sqfs\nmountpoints = ${box.path("elsewhere")}`;
		const first = `version = 1\n${rule}\nuids = ${USER}\n`;
		box.policy(first + policyText(box.images, `uids = ${USER}`).replace("version = 1\n", ""));
		expect(call(box, ["mount", "linux-6.2"]).status).toBe(0);
	});
});

describe("status without a name", () => {
	it("says which rules permit this user, or why none works", async () => {
		const box = await sandbox();
		const rules = [{ rule: "test", images: box.images, mountpoints: box.images, umount: true }];
		const good = call(box, ["--json", "status"]);
		expect(JSON.parse(good.stdout)).toMatchObject({ status: 0, uid: USER, privilege: "", policy: "", rules });
		const other = call(box, ["--json", "status"], { as: asUser(USER + 1) });
		expect([other.status, JSON.parse(other.stdout).rules]).toEqual([66, []]);
		const bare = box.path("without-capabilities");
		execFileSync("cp", [box.program, bare]);
		const without = call(box, ["--json", "status"], { program: bare });
		expect(without.status).toBe(77);
		expect(JSON.parse(without.stdout).privilege).toMatch(/CAP_SYS_ADMIN is missing: the file has no capabilities/);
		box.policy("nonsense");
		expect(JSON.parse(call(box, ["--json", "status"]).stdout)).toMatchObject({
			status: 65,
			policy: expect.stringContaining("line 1"),
		});
	});
});
