/** `ksquash helper …`, and the CLI over both mounters: root by the add-on, a user by the helper that root installed. */

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, it, onTestFinished, test } from "vitest";
import { hasRule, withoutRule, withRule } from "../../../src/mount/helper-policy.ts";
import { fileCapabilities } from "../../../src/native/verbs.ts";
import { allowFuse, whyNoFuse } from "../../support/fuse.ts";
import {
	asUser,
	buildHelper,
	CAPABILITIES,
	GROUP,
	type Machine,
	machine,
	makeImage,
	USER,
} from "../../support/helper.ts";
import { mountsBelow } from "../../support/scratch.ts";

beforeAll(() => void buildHelper());

const [program, policy] = ["/usr/libexec/ksquash/ksquash-helper", "/etc/ksquash/helper.conf"];
const [image, target] = ["/usr/src/linux-6.1.sqfs", "/usr/src/linux-6.1"];

function place(box: Machine): void {
	makeImage(box.base, image, "tree");
	mkdirSync(target);
	onTestFinished(() => rmSync(`/tmp/ksquash-${USER}`, { recursive: true, force: true }));
}

describe("the policy's text", () => {
	const rule = { name: "ksquash", directory: "/usr/src", uids: [1] };
	it("gets and loses our rules, and keeps the administrator's words", () => {
		const first = withRule(undefined, rule);
		expect(withRule(first, rule)).toBe(first);
		const own = `# mine\n${first}\n# theirs\n[rule other] # x\nimages = /srv\nsuffix = .img\nmountpoints = /srv\n`;
		const both = withRule(own, { ...rule, gids: [7], uids: [2] });
		expect(both).toContain("# mine\n");
		expect(both).toMatch(/\[rule other\] # x\nimages = \/srv\nsuffix = \.img\nmountpoints = \/srv\n/);
		expect(both.match(/rule ksquash/g)).toHaveLength(1);
		expect(both).toMatch(/uids = 2\ngids = 7\n/);
		expect(hasRule(both, "other")).toBe(true);
		expect(hasRule(withoutRule(both, "ksquash"), "ksquash")).toBe(false);
		expect(withoutRule(first, "ksquash")).toBeUndefined();
	});
});

describe("helper install, status, uninstall", () => {
	it("put everything there, once, let the user mount, and leave nothing", async () => {
		const box = machine();
		place(box);
		expect(box.ksquash(["helper", "status"])).toMatchObject({
			status: 69,
			stdout: expect.stringContaining("not installed"),
		});
		expect(box.ksquash(["helper", "install"]).status).toBe(64);
		expect(box.ksquash(["helper", "install", "--user", "nobody-has-this-name"]).status).toBe(64);
		expect(box.ksquash(["helper", "install", "--user", "0"], asUser()).status).toBe(77);
		const planned = box.ksquash(["helper", "install", "--user", String(USER), "--dry-run"]);
		expect([planned.status, existsSync(program), existsSync(policy)]).toEqual([0, false, false]);
		const installed = box.ksquash(["helper", "install", "--user", String(USER)]);
		expect(installed).toMatchObject({ status: 0, stderr: "" });
		expect(installed.stdout.split("\n").filter(Boolean)).toHaveLength(3);
		expect(await fileCapabilities(program)).toEqual({ permitted: CAPABILITIES, inheritable: 0, effective: false });
		const { mode, uid, gid } = statSync(program);
		expect([mode & 0o7777, uid, gid]).toEqual([0o755, 0, 0]);
		expect(statSync(policy).mode & 0o7777).toBe(0o644);
		expect(box.ksquash(["helper", "install", "--user", String(USER)]).stdout).toBe("nothing to do\n");
		expect(box.ksquash(["helper", "status"], asUser())).toMatchObject({
			status: 0,
			stdout: expect.stringContaining("works"),
		});
		const without = box.ksquash(["helper", "status"], asUser(USER, [], "--no-new-privs"));
		expect([without.status, without.stdout]).toEqual([69, expect.stringContaining("no_new_privs")]);
		expect(box.ksquash(["helper", "status"], asUser(USER + 1)).status).toBe(69);
		const doctor = JSON.parse(box.ksquash(["doctor", "--json"], asUser()).stdout).checks as {
			name: string;
			found: string;
		}[];
		expect(doctor.find(({ name }) => name === "privilege")?.found).toContain("but the helper");
		expect(doctor.find(({ name }) => name === "helper")?.found).toBe("it mounts for this user");
		// Another file in its place is seen, and replaced with its capabilities.
		writeFileSync(program, readFileSync(program).subarray(0, -1));
		expect(await fileCapabilities(program)).toBeUndefined();
		chmodSync(program, 0o755);
		expect(box.ksquash(["doctor"]).stdout).toMatch(/helper .*not this package's/);
		for (const words of [["status"], ["mount", "6.1"], ["umount", "6.1"]])
			expect([words, box.ksquash(words).stderr]).toEqual([words, expect.stringContaining("not this package's")]);
		const again = box.ksquash(["helper", "install", "--group", String(GROUP + 5)]);
		expect(again.stdout).toMatch(/replace .*\n.*write .*\n.*give it/);
		expect(box.ksquash(["helper", "status"], asUser(USER + 1, [GROUP + 5])).status).toBe(0);
		expect(box.ksquash(["helper", "status"], asUser()).status).toBe(69);
		expect(box.ksquash(["helper", "uninstall"]).status).toBe(0);
		expect([program, "/usr/libexec/ksquash", policy].map((path) => existsSync(path))).toEqual([false, false, false]);
		expect(box.ksquash(["helper", "uninstall"]).stdout).toBe("nothing to do\n");
	});

	it("leave what boot needs, without privileges, and what the administrator added", async () => {
		const box = machine();
		expect(box.ksquash(["boot", "enable", "--init", "local.d"]).status).toBe(0);
		expect(await fileCapabilities(program)).toBeUndefined();
		expect(box.ksquash(["helper", "install", "--user", String(USER)]).status).toBe(0);
		writeFileSync(
			policy,
			`${readFileSync(policy, "utf8")}\n[rule mine]\nimages = /srv\nsuffix = .sqfs\nmountpoints = /srv\n`,
		);
		expect(box.ksquash(["helper", "uninstall"]).status).toBe(0);
		expect(await fileCapabilities(program)).toBeUndefined();
		expect(readFileSync(policy, "utf8")).toMatch(/\[rule boot\][\s\S]*\[rule mine\]/);
		expect(box.ksquash(["boot", "disable"]).status).toBe(0);
		expect(readFileSync(policy, "utf8")).toMatch(/^[\s\S]*version = 1\s+\[rule mine\]/);
		expect(existsSync(program)).toBe(false);
	});

	it("do it below --root with that root's paths, and run nothing of it", () => {
		const box = machine();
		const root = `${box.base}/root`;
		mkdirSync(`${root}/usr/src`, { recursive: true });
		expect(box.ksquash(["helper", "install", "--root", root, "--user", "0"]).status).toBe(0);
		expect(readFileSync(root + policy, "utf8")).toContain("images = /usr/src\n");
		expect([existsSync(root + program), existsSync(program), existsSync(policy)]).toEqual([true, false, false]);
		const status = (): string => box.ksquash(["helper", "status", "--root", root]).stdout;
		expect(status()).toMatch(/another system's.*\nversion \d/);
		writeFileSync(root + program, "#!/bin/sh\ntouch /run/ksquash-was-run\n", { mode: 0o755 });
		expect(status()).toMatch(/another system's.*\nnot this package's/);
		expect(existsSync("/run/ksquash-was-run")).toBe(false);
		expect(box.ksquash(["helper", "uninstall", "--root", root]).status).toBe(0);
		expect(existsSync(`${root}/usr/libexec/ksquash`)).toBe(false);
	});
});

describe.each([
	["root, by the add-on", ["env"], "direct"],
	["a user, by the helper", asUser(), "helper"],
	["a user, by FUSE", asUser(), "fuse"],
] as const)("mount and umount as %s", (_, as, kind) => {
	const run = (box: Machine, ...args: string[]) => box.ksquash([...args, "--json"], as);
	const ready = (): Machine => {
		const box = machine();
		place(box);
		if (kind === "fuse") allowFuse(target);
		else expect(box.ksquash(["helper", "install", "--user", String(USER)]).status).toBe(0);
		return box;
	};
	const it = kind === "fuse" ? test.skipIf(whyNoFuse() !== undefined) : test;

	it("once, however often asked; status agrees", () => {
		const box = ready();
		for (const already of [false, true]) {
			const { status, stdout, stderr } = run(box, "mount", "6.1");
			expect([status, stderr]).toEqual([0, expect.not.stringContaining("✗")]);
			expect(JSON.parse(stdout).results[0]).toMatchObject({
				already,
				target,
				image,
				...(kind === "fuse" ? { fuse: true } : { device: expect.stringMatching(/loop\d/) }),
			});
		}
		expect(mountsBelow("/usr/src/linux-6.1")).toEqual([target]);
		const [file = "", ...rest] = [...as, "cat", `${target}/content`];
		expect(execFileSync(file, rest, { encoding: "utf8" })).toBe("tree");
		expect(JSON.parse(run(box, "status").stdout).releases[0]).toMatchObject({ state: "mounted", release: "6.1" });
		for (const already of [false, true]) {
			expect(JSON.parse(run(box, "umount", "6.1").stdout).results[0]).toMatchObject({ already, stillHeld: false });
		}
		expect(mountsBelow("/usr/src/linux-6.1")).toEqual([]);
	});

	it("refuses what is not there (66), busy (75), not empty (73), no image (65)", async () => {
		const box = ready();
		expect(run(box, "mount", "6.2").status).toBe(66);
		expect(run(box, "mount", "6.1").status).toBe(0);
		// Not even root may look at what a user mounted by FUSE.
		const words = [...as.slice(1), "sh", "-c", 'cd "$1" && echo there && exec sleep 60', "sh", target];
		const child = spawn(as[0], words, { stdio: ["ignore", "pipe", "inherit"] });
		onTestFinished(() => void child.kill());
		await once(child.stdout, "data");
		expect(run(box, "umount", "6.1").status).toBe(75);
		child.kill();
		await new Promise((done) => child.once("close", done));
		expect(run(box, "umount", "6.1").status).toBe(0);
		writeFileSync(`${target}/mine`, "");
		expect(run(box, "mount", "6.1").status).toBe(73);
		rmSync(`${target}/mine`);
		execFileSync("truncate", ["-s", "100", image]);
		expect(run(box, "mount", "6.1").status).toBe(65);
		expect(mountsBelow(target)).toEqual([]);
	});
});

it("says that the helper does not permit it, and works under ambient capabilities without it", () => {
	const box = machine();
	place(box);
	expect(box.ksquash(["helper", "install", "--user", String(USER + 1)]).status).toBe(0);
	const refused = box.ksquash(["mount", "6.1", "--fuse", "never"], asUser());
	expect([refused.status, refused.stderr]).toEqual([
		77,
		expect.stringMatching(/not permitted[\s\S]*ksquash helper status/),
	]);
	// The image is not to blame for what others could write.
	chmodSync("/etc/ksquash/helper.conf", 0o666);
	const unsafe = box.ksquash(["mount", "6.1", "--fuse", "never"], asUser());
	expect([unsafe.status, unsafe.stderr]).toEqual([78, expect.stringMatching(/unsafe[^\n]*\n +→ mend what is named/)]);
	const caps = "+sys_admin,+dac_read_search";
	const ambient = asUser(USER, [], `--inh-caps=${caps}`, `--ambient-caps=${caps}`);
	expect(box.ksquash(["mount", "6.1"], ambient)).toMatchObject({ status: 0 });
	expect(box.ksquash(["umount", "6.1"], ambient)).toMatchObject({ status: 0 });
});
