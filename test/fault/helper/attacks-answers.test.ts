/** Rows 47 and 48 of the faults: what a refusal must not tell. All as a real other user. */

import { execFileSync } from "node:child_process";
import {
	chmodSync,
	chownSync,
	copyFileSync,
	linkSync,
	mkdirSync,
	renameSync,
	rmSync,
	symlinkSync,
	unlinkSync,
	writeFileSync,
} from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { buildHelper, call, makeImage, type Sandbox, sandbox, USER } from "../../support/helper.ts";
import { loopsBelow, mountsBelow } from "../../support/scratch.ts";

beforeAll(() => void buildHelper());

const name = "linux-6.1";

async function placed(): Promise<Sandbox> {
	const box = await sandbox();
	box.place(name);
	return box;
}

function expectNothing(box: Sandbox): void {
	expect(mountsBelow(box.images)).toEqual([]);
	expect(loopsBelow(box.base)).toEqual([]);
}

describe("47 and 48: one answer for everything that is not permitted", () => {
	it("47: images", async () => {
		const box = await placed();
		const image = box.path(`src/${name}.sqfs`);
		makeImage(box.base, box.path("good.sqfs"), "good");
		const said = new Set<string>();
		const refused = (put: () => void): void => {
			rmSync(image, { recursive: true, force: true });
			put();
			const { status, stdout, stderr } = call(box, ["mount", name]);
			expect([status, put.toString()]).toEqual([66, put.toString()]);
			said.add(stdout + stderr);
			expectNothing(box);
		};
		const copy = (): void => copyFileSync(box.path("good.sqfs"), image);
		refused(() => undefined);
		for (const mode of [0o666, 0o664, 0o646, 0o600, 0o640]) {
			refused(() => {
				copy();
				chmodSync(image, mode);
			});
		}
		refused(() => {
			copy();
			chownSync(image, USER, 0);
		});
		refused(() => symlinkSync("../good.sqfs", image));
		refused(() => execFileSync("mkfifo", [image]));
		refused(() => execFileSync("mknod", [image, "b", "7", "250"]));
		refused(() => execFileSync("mknod", [image, "c", "1", "5"]));
		refused(() => mkdirSync(image));
		refused(() => linkSync(box.path("good.sqfs"), image));
		expect([...said]).toEqual([`ksquash-helper: ${name}: not permitted\n`]);
		unlinkSync(box.path("good.sqfs")); // the second name: now it is the only one
		expect(call(box, ["mount", name]).status).toBe(0);
	});

	it("48: mount points and the directories above", async () => {
		const box = await placed();
		const [place, above] = [box.path("src", name), box.path("src")];
		const refused = (status = 66): void => {
			const { stderr, ...ran } = call(box, ["mount", name]);
			expect(ran.status).toBe(status);
			if (status === 66) expect(stderr).toBe(`ksquash-helper: ${name}: not permitted\n`);
			expectNothing(box);
		};
		chownSync(place, USER, 0);
		refused();
		chownSync(place, 0, 0);
		for (const mode of [0o777, 0o1777, 0o775]) {
			chmodSync(place, mode);
			refused();
		}
		chmodSync(place, 0o755);
		rmSync(place, { recursive: true });
		refused();
		mkdirSync(box.path("other"));
		symlinkSync("../other", place);
		refused();
		unlinkSync(place);
		writeFileSync(place, "");
		refused();
		unlinkSync(place);
		mkdirSync(place);
		for (const mode of [0o777, 0o1777, 0o775]) {
			chmodSync(above, mode);
			refused();
		}
		chmodSync(above, 0o755);
		chmodSync(box.base, 0o777);
		refused();
		chmodSync(box.base, 0o755);
		chownSync(above, USER, 0);
		refused();
		chownSync(above, 0, 0);
		renameSync(above, box.path("real"));
		symlinkSync("real", above);
		refused();
		unlinkSync(above);
		renameSync(box.path("real"), above);
		expect(call(box, ["mount", name]).status).toBe(0);
	});

	it("root is told what it is", async () => {
		const box = await placed();
		chmodSync(box.path(`src/${name}.sqfs`), 0o666);
		expect(call(box, ["mount", name], { as: ["env"] }).stderr).toMatch(
			/not permitted \(\S+\.sqfs: can be written by others\)/,
		);
	});

	it("never unmounts another's mount, or by a name that merely looks like it", async () => {
		const box = await placed();
		makeImage(box.base, box.path("other.sqfs"), "other");
		execFileSync("mount", ["-o", "loop,ro", box.path("other.sqfs"), box.path("src", name)]);
		expect(call(box, ["umount", name])).toMatchObject({
			status: 73,
			stderr: expect.stringContaining("something else"),
		});
		expect(call(box, ["mount", name]).status).toBe(73);
		expect(mountsBelow(box.images)).toHaveLength(1);
	});
});
