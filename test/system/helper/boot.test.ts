/** What `boot` and `unboot` make of each state that they may find: what is in order counts, what is not is named, the rest goes on. */

import { execFileSync, spawn } from "node:child_process";
import {
	chmodSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmdirSync,
	rmSync,
	symlinkSync,
	unlinkSync,
	writeFileSync,
} from "node:fs";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { buildHelper, call, makeImage, policyText, type Ran, type Sandbox, sandbox } from "../../support/helper.ts";
import { loopsBelow, mountsBelow } from "../../support/scratch.ts";

beforeAll(() => void buildHelper());

describe("boot and unboot", () => {
	it("mount all images of their rule as root, name each failure, and go on", async () => {
		const box = await sandbox();
		for (const name of ["linux-6.1", "linux-6.2", "linux-6.3", "linux-6.4"]) box.place(name);
		box.policy(policyText(box.images, "umount = yes").replace("rule test", "rule boot"));
		rmSync(box.path("src/linux-6.2"), { recursive: true });
		writeFileSync(box.path("src/linux-6.3.sqfs"), "no image");
		writeFileSync(box.path("src/linux-6.4/mine"), "");
		mkdirSync(box.path("src/linux-6.5.sqfs"));
		const bare = box.path("without-capabilities");
		execFileSync("cp", [box.program, bare]);
		expect(call(box, ["boot"])).toMatchObject({ status: 77 });
		const first = call(box, ["boot"], { as: ["env"], program: bare });
		expect(first.status).toBe(65);
		expect(first.stdout).toMatch(/2 done, 0 already, 3 failed/);
		for (const name of ["6.3", "6.4", "6.5"]) expect(first.stderr).toContain(`linux-${name}: `);
		expect(mountsBelow(box.images).toSorted()).toEqual(["6.1", "6.2"].map((name) => box.path(`src/linux-${name}`)));
		for (const name of ["6.3", "6.4", "6.5"]) rmSync(box.path(`src/linux-${name}.sqfs`), { recursive: true });
		// As the systemd unit starts it.
		const bounds = "--bounding-set=-all,+sys_admin,+dac_read_search";
		const service = ["setpriv", "--no-new-privs", "--inh-caps=-all", bounds, "--"];
		execFileSync("umount", [box.path("src/linux-6.1")]);
		rmSync(box.path("src/linux-6.1"), { recursive: true });
		expect(call(box, ["boot"], { as: service, program: bare }).stdout).toContain("1 done, 1 already, 0 failed");
		const second = call(box, ["--json", "boot"], { as: ["env"], program: bare });
		expect(second.status).toBe(0);
		const { results } = JSON.parse(second.stdout) as { results: { name: string; result: string }[] };
		expect(results.map(({ name, result }) => `${name} ${result}`)).toEqual(["linux-6.1 already", "linux-6.2 already"]);
		execFileSync("mount", ["-t", "tmpfs", "none", box.path("src/linux-6.4")]);
		expect(call(box, ["unboot"], { as: service, program: bare })).toMatchObject({ status: 0 });
		expect(mountsBelow(box.images)).toEqual([box.path("src/linux-6.4")]);
		expect(loopsBelow(box.base)).toEqual([]);
	});

	it("need their rule", async () => {
		const box = await sandbox();
		const { status, stderr } = call(box, ["boot"], { as: ["env"] });
		expect([status, stderr]).toEqual([66, expect.stringContaining("no [rule boot]")]);
	});
});

interface Box extends Sandbox {
	run(verb: "boot" | "unboot"): Ran;
	target(name: string): string;
	content(name: string): string;
}

/** linux-a, linux-m and linux-z: what is wrong with the middle one must not touch the others. */
async function three(): Promise<Box> {
	const box = await sandbox();
	box.policy(policyText(box.images, "umount = yes").replace("rule test", "rule boot"));
	for (const name of ["a", "m", "z"]) box.place(`linux-${name}`, `content of ${name}`);
	const target = (name: string): string => box.path(`src/linux-${name}`);
	return {
		...box,
		run: (verb) => call(box, [verb], { as: ["env"] }),
		target,
		content: (name) => readFileSync(`${target(name)}/content`, "utf8"),
	};
}

/** Replaces an image as `pack --replace` does: another file of that name. */
function replace(box: Box, name: string, content: string): void {
	makeImage(box.base, box.path("new.sqfs"), content);
	renameSync(box.path("new.sqfs"), box.path(`src/linux-${name}.sqfs`));
}

describe("boot meets", () => {
	it("an image that is mounted already: it counts, and is not mounted twice", async () => {
		const box = await three();
		execFileSync("mount", ["-o", "loop,ro", box.path("src/linux-m.sqfs"), box.target("m")]);
		expect(box.run("boot")).toMatchObject({
			status: 0,
			stdout: expect.stringContaining("2 done, 1 already, 0 failed"),
		});
		expect(box.run("boot")).toMatchObject({ status: 0, stdout: "0 done, 3 already, 0 failed\n", stderr: "" });
		expect(mountsBelow(box.images).toSorted()).toEqual(["a", "m", "z"].map(box.target));
	});

	it("a stale mount: it is named and stays, and unboot and boot mount what is there now", async () => {
		const box = await three();
		expect(box.run("boot").status).toBe(0);
		replace(box, "m", "newer");
		const met = box.run("boot");
		expect([met.status, met.stdout]).toEqual([73, "0 done, 2 already, 1 failed\n"]);
		expect(met.stderr).toMatch(/^ksquash-helper: linux-m: .*older image/);
		expect(box.content("m")).toBe("content of m");
		expect(box.run("unboot")).toMatchObject({ status: 0, stdout: expect.stringContaining("3 done") });
		expect(box.run("boot").status).toBe(0);
		expect(box.content("m")).toBe("newer");
	});

	it("a stale mount that is busy: unboot names it, and takes the others away", async () => {
		const box = await three();
		expect(box.run("boot").status).toBe(0);
		replace(box, "m", "newer");
		const user = spawn("sleep", ["60"], { cwd: box.target("m"), stdio: "ignore" });
		onTestFinished(() => void user.kill());
		await new Promise((done) => user.once("spawn", done));
		const met = box.run("unboot");
		expect([met.status, mountsBelow(box.images)]).toEqual([75, [box.target("m")]]);
		expect(met.stderr).toMatch(/linux-m: .*uses it/);
	});

	it("a mount that another one hides: neither is touched, at boot and at shutdown", async () => {
		const box = await three();
		expect(box.run("boot").status).toBe(0);
		execFileSync("mount", ["-t", "tmpfs", "none", box.target("m")]);
		for (const verb of ["boot", "unboot"] as const) {
			const met = box.run(verb);
			if (verb === "boot")
				expect([met.status, met.stderr]).toEqual([73, expect.stringMatching(/linux-m: .*something else/)]);
			expect(mountsBelow(box.target("m"))).toEqual([box.target("m"), box.target("m")]);
		}
		expect(mountsBelow(box.images)).toHaveLength(2);
		execFileSync("umount", [box.target("m")]);
		expect(box.content("m")).toBe("content of m");
	});

	it("a mount point without its image: nothing is to do, and the mount of a deleted image stays to the end", async () => {
		const box = await three();
		unlinkSync(box.path("src/linux-m.sqfs"));
		expect(box.run("boot")).toMatchObject({
			status: 0,
			stdout: expect.stringContaining("2 done, 0 already, 0 failed"),
		});
		expect(readdirSync(box.target("m"))).toEqual([]);
		unlinkSync(box.path("src/linux-z.sqfs"));
		expect(box.run("boot")).toMatchObject({ status: 0, stdout: "0 done, 1 already, 0 failed\n" });
		expect(box.run("unboot")).toMatchObject({ status: 0, stderr: "" });
		expect([mountsBelow(box.images), box.content("z")]).toEqual([[box.target("z")], "content of z"]);
	});

	it("a link in the place of an image, or of a mount point: it is refused, and not followed", async () => {
		const box = await three();
		renameSync(box.path("src/linux-m.sqfs"), box.path("elsewhere.sqfs"));
		symlinkSync(box.path("elsewhere.sqfs"), box.path("src/linux-m.sqfs"));
		mkdirSync(box.path("elsewhere"));
		rmdirSync(box.target("z"));
		symlinkSync(box.path("elsewhere"), box.target("z"));
		const met = box.run("boot");
		expect([met.status, met.stdout]).toEqual([66, expect.stringContaining("1 done, 0 already, 2 failed")]);
		for (const name of ["m", "z"]) expect(met.stderr).toContain(`linux-${name}: `);
		expect(mountsBelow(box.base)).not.toContain(box.path("elsewhere"));
	});

	it("a missing mount point: it is made where only root can write, and nowhere else", async () => {
		const box = await three();
		for (const name of ["a", "m", "z"]) rmdirSync(box.target(name));
		chmodSync(box.images, 0o777);
		const refused = box.run("boot");
		expect(refused.status).toBe(66);
		expect(["a", "m", "z"].map((name) => existsSync(box.target(name)))).toEqual([false, false, false]);
		chmodSync(box.images, 0o755);
		expect(box.run("boot")).toMatchObject({ status: 0, stdout: expect.stringContaining("3 done") });
		expect(["a", "m", "z"].map(box.content)).toEqual(["content of a", "content of m", "content of z"]);
	});

	it("no directory of images at all: it is named", async () => {
		const box = await three();
		rmSync(box.images, { recursive: true });
		const met = box.run("boot");
		expect([met.status, met.stderr]).toEqual([66, expect.stringContaining(box.images)]);
		mkdirSync(box.images);
		expect(box.run("boot")).toMatchObject({ status: 0, stdout: "0 done, 0 already, 0 failed\n" });
	});
});
