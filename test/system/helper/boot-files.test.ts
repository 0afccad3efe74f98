/** `ksquash boot …`: the files of each init system, what they run, and that all of it goes again. */

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
	existsSync,
	lstatSync,
	mkdirSync,
	readFileSync,
	readlinkSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { bootDisable, bootEnable, bootStatus } from "../../../src/index.ts";
import { buildHelper, type Machine, machine, makeImage } from "../../support/helper.ts";
import { loopsBelow, mountsBelow, scratchRoot } from "../../support/scratch.ts";

beforeAll(() => void buildHelper());

const share = join(import.meta.dirname, "../../../share");
const [program, policy] = ["/usr/libexec/ksquash/ksquash-helper", "/etc/ksquash/helper.conf"];
const files = {
	systemd: ["/etc/systemd/system/ksquash.service", "/etc/systemd/system/multi-user.target.wants/ksquash.service"],
	openrc: ["/etc/init.d/ksquash", "/etc/runlevels/boot/ksquash"],
	"local.d": ["/etc/local.d/ksquash.start", "/etc/local.d/ksquash.stop"],
} as const;

function place(box: Machine, release: string): string {
	makeImage(box.base, `/usr/src/linux-${release}.sqfs`, release);
	return `/usr/src/linux-${release}`;
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
/** Does a link or file stand there? */
const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;

it("knows that a running OpenRC starts local.d by a service that must be in a runlevel", async () => {
	const { root, path } = scratchRoot();
	for (const place of ["run/openrc", "etc/runlevels/default"]) mkdirSync(path(place), { recursive: true });
	const helper = path("usr/libexec/ksquash/ksquash-helper");
	await bootEnable({ root, init: "local.d" });
	expect(existsSync(helper)).toBe(true);
	const before = await bootStatus({ root });
	expect(before).toMatchObject({ enabled: ["local.d"], ready: false });
	expect(before.problems.join()).toMatch(/service local, which is in no runlevel/);
	symlinkSync("/etc/init.d/local", path("etc/runlevels/default/local"));
	expect(await bootStatus({ root })).toMatchObject({ detected: "openrc", ready: true, problems: [] });
});

describe.each(["systemd", "openrc", "local.d"] as const)("boot enable --init %s", (init) => {
	it("puts its files and the rule there, is seen by status, and all of it goes again", () => {
		const box = machine();
		place(box, "6.1");
		const planned = box.ksquash(["boot", "enable", "--init", init, "--dry-run"]);
		expect([planned.status, files[init].some(isThere), existsSync(policy)]).toEqual([0, false, false]);
		expect(box.ksquash(["boot", "enable", "--init", init])).toMatchObject({ status: 0 });
		expect(files[init].every(isThere)).toBe(true);
		expect(readFileSync(policy, "utf8")).toMatch(/\[rule boot\]\nimages = \/usr\/src\nprefix = linux-\n/);
		expect(readFileSync(policy, "utf8")).not.toMatch(/uids|gids/);
		if (init !== "systemd") expect(statSync(files[init][0]).mode & 0o7777).toBe(0o755);
		expect(box.ksquash(["boot", "enable", "--init", init]).stdout).toBe("nothing to do\n");
		const row = JSON.parse(box.ksquash(["status", "--json"]).stdout).releases[0];
		expect(row).toMatchObject({ release: "6.1", boot: init });
		expect(JSON.parse(box.ksquash(["boot", "status", "--json"]).stdout)).toMatchObject({
			enabled: [init],
			fstab: ["/usr/src/linux-6.1.sqfs /usr/src/linux-6.1 squashfs ro,loop,nosuid,nodev,nofail 0 0"],
		});
		expect(box.ksquash(["boot", "disable"])).toMatchObject({ status: 0 });
		expect([...files[init], program, policy, "/usr/libexec/ksquash"].filter(isThere)).toEqual([]);
		expect(box.ksquash(["boot", "disable"]).stdout).toBe("nothing to do\n");
		expect(JSON.parse(box.ksquash(["status", "--json"]).stdout).releases[0].boot).toBe("no");
	});

	it("leaves a file that is not ksquash's alone, and changes nothing for it", () => {
		const box = machine();
		mkdirSync(join(files[init][0], ".."), { recursive: true });
		writeFileSync(files[init][0], "# mine\n");
		expect(box.ksquash(["boot", "enable", "--init", init])).toMatchObject({ status: 73 });
		expect(box.ksquash(["boot", "disable"]).status).toBe(0);
		expect(readFileSync(files[init][0], "utf8")).toBe("# mine\n");
		expect([existsSync(policy), existsSync(program)]).toEqual([false, false]);
	});
});

it("knows a file of another ksquash and one that was changed: status, doctor and boot status say so", () => {
	const box = machine();
	place(box, "6.1");
	expect(box.ksquash(["boot", "enable", "--init", "local.d"])).toMatchObject({ status: 0 });
	const [start = "", stop = ""] = files["local.d"];
	const [first, sum] = /of ksquash (\S+), sha256 [0-9a-f]{64}/.exec(readFileSync(start, "utf8")) ?? [];
	expect(sum).toBe(JSON.parse(readFileSync(join(share, "../package.json"), "utf8")).version);
	// What an earlier version would have written: its own text with its own sum.
	const body = readFileSync(join(share, "local.d/ksquash.start"), "utf8").replace("modprobe -q", "modprobe");
	const older = body.replace(/"ksquash boot enable"/, `$& of ksquash 0.0.9, sha256 ${sha256(body)}`);
	expect(older).not.toContain(first);
	writeFileSync(start, older);
	writeFileSync(stop, `${readFileSync(stop, "utf8")}# mine\n`);
	const said = [`${start} is of ksquash 0.0.9`, `${stop} was changed since ksquash wrote it`];
	for (const words of [["status"], ["doctor"], ["boot", "status"]]) {
		const { stdout, stderr } = box.ksquash(words);
		for (const line of said) expect(stdout + stderr, words.join()).toContain(line);
	}
	expect(box.ksquash(["boot", "enable", "--init", "local.d"])).toMatchObject({ status: 73 });
	expect([readFileSync(start, "utf8"), readFileSync(stop, "utf8")]).toEqual([older, expect.stringContaining("# mine")]);
	expect(box.ksquash(["boot", "disable"]).stdout).toContain(`${stop}.edited`);
	expect([existsSync(start), existsSync(stop), readFileSync(`${stop}.edited`, "utf8")]).toEqual([
		...[false, false],
		expect.stringContaining("# mine"),
	]);
	expect(box.ksquash(["boot", "enable", "--init", "local.d"])).toMatchObject({ status: 0 });
	writeFileSync(start, older);
	expect(box.ksquash(["boot", "enable", "--init", "local.d"]).stdout).toBe(`done: put ${start}\n`);
});

it("finds the init system by itself below another root, and says when there is none", async () => {
	const { root, path } = scratchRoot();
	await expect(bootEnable({ root })).rejects.toMatchObject({ code: "ERR_KSQUASH_USAGE" });
	mkdirSync(path("etc/local.d"), { recursive: true });
	expect((await bootEnable({ root, dryRun: true })).init).toBe("local.d");
	mkdirSync(path("usr/lib/systemd"), { recursive: true });
	writeFileSync(path("usr/lib/systemd/systemd"), "");
	expect((await bootEnable({ root, dryRun: true })).init).toBe("systemd");
	mkdirSync(path("sbin"));
	writeFileSync(path("sbin/openrc-run"), "");
	expect((await bootEnable({ root })).init).toBe("openrc");
	expect(readlinkSync(path("etc/runlevels/boot/ksquash"))).toBe("/etc/init.d/ksquash");
	// A link that leads out of the root is followed inside it.
	expect(existsSync(path("etc/init.d/ksquash"))).toBe(true);
});

it("takes the runlevel that is entered: boot, but sysinit where Debian's OpenRC mounts in it; disable knows both", async () => {
	const { root, path } = scratchRoot();
	const links = (): boolean[] => ["boot", "sysinit"].map((level) => isThere(path(`etc/runlevels/${level}/ksquash`)));
	await bootEnable({ root, init: "openrc" });
	expect(links()).toEqual([true, false]);
	mkdirSync(path("etc/runlevels/sysinit"));
	symlinkSync("/etc/init.d/mountall.sh", path("etc/runlevels/sysinit/mountall.sh"));
	expect((await bootStatus({ root })).enabled).toEqual([]);
	await bootEnable({ root, init: "openrc" });
	expect(links()).toEqual([true, true]);
	expect((await bootStatus({ root })).enabled).toEqual(["openrc"]);
	await bootDisable({ root });
	expect(links()).toEqual([false, false]);
});

describe("the scripts", () => {
	it("mount and unmount all images as root at boot and at shutdown: local.d", () => {
		const box = machine();
		const [one, two] = [place(box, "6.1"), place(box, "6.2")];
		expect(box.ksquash(["boot", "enable", "--init", "local.d"]).status).toBe(0);
		const start = spawnSync(files["local.d"][0], { encoding: "utf8" });
		expect([start.status, start.stdout]).toEqual([0, expect.stringContaining("2 done, 0 already, 0 failed")]);
		expect(mountsBelow("/usr/src").toSorted()).toEqual(["/usr/src", one, two]);
		expect(
			JSON.parse(box.ksquash(["status", "--json"]).stdout).releases.map(({ state }: { state: string }) => state),
		).toEqual(["mounted", "mounted"]);
		expect(spawnSync(files["local.d"][1]).status).toBe(0);
		expect(mountsBelow("/usr/src")).toEqual(["/usr/src"]);
		expect(loopsBelow(" /usr/src/linux-6.")).toEqual([]);
	});

	it("run the same program in OpenRC's service, whose functions say so to OpenRC", async () => {
		const box = machine();
		const target = place(box, "6.1");
		expect(box.ksquash(["boot", "enable", "--init", "openrc"]).status).toBe(0);
		// What openrc-run would bring: its messages, and its question.
		const frame = `ebegin() { echo "begin $*"; }; eend() { echo "end $1"; return "$1"; }; yesno() { [ "$1" = YES ]; }
need() { echo "need $*"; }; after() { :; }; before() { :; }; keyword() { :; }; . /etc/init.d/ksquash; "$@"`;
		const run = (word: string, env: Record<string, string> = {}) =>
			spawnSync("sh", ["-c", frame, "sh", word], { encoding: "utf8", env: { PATH: process.env.PATH, ...env } });
		mkdirSync("/etc/init.d", { recursive: true });
		expect(run("depend").stdout).toContain("need mountall");
		writeFileSync("/etc/init.d/localmount", "");
		expect(run("depend").stdout).toContain("need localmount");
		expect(run("start")).toMatchObject({ status: 0, stdout: expect.stringContaining("end 0") });
		expect(mountsBelow(target)).toEqual([target]);
		const busy = spawn("sleep", ["60"], { cwd: target, stdio: "ignore" });
		onTestFinished(() => void busy.kill());
		await new Promise((done) => busy.once("spawn", done));
		expect(run("stop").status).toBe(75);
		expect(run("stop", { RC_GOINGDOWN: "YES" }).status).toBe(0);
		expect(mountsBelow(target)).toEqual([target]);
		busy.kill();
		await new Promise((done) => busy.once("close", done));
		expect(run("stop").status).toBe(0);
		expect(mountsBelow(target)).toEqual([]);
	});
});
