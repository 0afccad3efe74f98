/**
 * What only FUSE brings: the whole job for a user whom root gave nothing, a process that can end, mounts that nobody else
 * may look at, and a mark that anybody could write.
 */

import { execFileSync, spawnSync } from "node:child_process";
import { chownSync, copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { allowFuse, whyNoFuse } from "../../support/fuse.ts";
import { asUser, GROUP, inode, type Machine, machine, makeImage, type Ran, USER } from "../../support/helper.ts";
import { placeTarball, scratchRoot, smallRelease } from "../../support/scratch.ts";

const missing = whyNoFuse();

/** A user's own root, with the image of one release. */
interface Home {
	box: Machine;
	root: string;
	image: string;
	target: string;
	/** The CLI as the user, below that root. */
	ksquash(...args: string[]): Ran;
}

function home(): Home {
	const box = machine();
	const root = `${box.base}/home`;
	const [image, target] = [`${root}/usr/src/linux-6.1.sqfs`, `${root}/usr/src/linux-6.1`];
	mkdirSync(target, { recursive: true });
	makeImage(box.base, image, "tree");
	for (const path of [root, `${root}/usr`, `${root}/usr/src`, image, target]) chownSync(path, USER, GROUP);
	allowFuse(target);
	onTestFinished(() => void execFileSync("rm", ["-rf", `/tmp/ksquash-${USER}`]));
	const ksquash = (...args: string[]): Ran => box.ksquash([...args, "--root", root], asUser());
	return { box, root, image, target, ksquash };
}

interface Row {
	state: string;
	fuse?: boolean;
	problems: string[];
}

function rowOf({ stdout }: Ran): Row {
	return (JSON.parse(stdout) as { releases: Row[] }).releases[0] as Row;
}

/** The processes of USER that serve an image. */
function servers(): number[] {
	return readdirSync("/proc")
		.filter((name) => /^\d+$/.test(name))
		.map(Number)
		.filter((pid) => {
			try {
				const status = readFileSync(`/proc/${pid}/status`, "latin1");
				return /^Name:\tsquashfuse[\s\S]*^State:\t[^Z]/m.test(status) && status.includes(`\nUid:\t${USER}\t`);
			} catch {
				return false; // it has ended
			}
		});
}

describe.skipIf(missing !== undefined)("by FUSE", () => {
	it("a user does the whole job below a root of their own, and removes it", () => {
		const { box, root, ksquash } = home();
		const source = `${box.base}/linux.tar`;
		copyFileSync(placeTarball(scratchRoot(), "linux.tar"), source);
		const installed = ksquash("install", source, "--json");
		expect(installed).toMatchObject({ status: 0 });
		expect(JSON.parse(installed.stdout)).toMatchObject({
			release: smallRelease,
			mount: { fuse: true, already: false },
		});
		const table = ksquash("status").stdout;
		expect(table).toMatch(new RegExp(`${smallRelease} \\*? +mounted \\(FUSE\\)`));
		const build = join(root, "usr/src", `build-${smallRelease}`);
		const make = spawnSync("setpriv", [...asUser().slice(1), "make", "-C", build, "modules_prepare"], {
			encoding: "utf8",
		});
		expect(make).toMatchObject({ status: 0 });
		expect(ksquash("verify", "--deep", smallRelease).status).toBe(0);
		const removed = ksquash("remove", "--purge", smallRelease);
		expect(removed).toMatchObject({ status: 0 });
		expect(readdirSync(join(root, "usr/src")).toSorted()).toEqual(["linux-6.1", "linux-6.1.sqfs"]);
	});

	it("says that it is FUSE, before, at, and after mounting; and the setting and the flag forbid or choose it", () => {
		const { box, root, ksquash } = home();
		expect(ksquash("mount", "6.1", "--dry-run").stdout).toContain("by FUSE");
		expect(ksquash("mount", "6.1", "--fuse", "never")).toMatchObject({
			status: 77,
			stderr: expect.stringMatching(/CAP_SYS_ADMIN[\s\S]*squashfuse/),
		});
		mkdirSync(`${root}/etc/ksquash`, { recursive: true });
		writeFileSync(`${root}/etc/ksquash/config.toml`, 'fuse = "never"\n');
		expect(ksquash("mount", "6.1").status).toBe(77);
		expect(ksquash("mount", "6.1", "--fuse", "auto").stdout).toMatch(/mounted on .*FUSE: squashfuse serves it/);
		expect(rowOf(ksquash("status", "--json"))).toMatchObject({
			state: "mounted",
			fuse: true,
			problems: expect.any(Array),
		});
		expect(ksquash("umount", "6.1").status).toBe(0);
		// Root may want it, too; its mounts are everybody's.
		writeFileSync(`${root}/etc/ksquash/config.toml`, 'fuse = "always"\n');
		expect(box.ksquash(["mount", "6.1", "--root", root])).toMatchObject({ status: 0 });
		expect(rowOf(ksquash("status", "--json"))).toMatchObject({ state: "mounted", fuse: true });
		expect(ksquash("umount", "6.1")).toMatchObject({ status: 77, stderr: expect.stringContaining("only root") });
		expect(box.ksquash(["umount", "6.1", "--root", root])).toMatchObject({ status: 0 });
		const doctor = JSON.parse(ksquash("doctor", "--json").stdout) as { checks: { name: string; found: string }[] };
		expect(doctor.checks.find(({ name }) => name === "mounting")?.found).toContain("by FUSE only");
	});

	it("tells a mount whose process has ended, and mends it", () => {
		const { ksquash, target } = home();
		expect(ksquash("mount", "6.1").status).toBe(0);
		const [server = 0, ...others] = servers();
		expect(others).toEqual([]);
		process.kill(server, "SIGKILL");
		while (servers().length > 0) execFileSync("sleep", ["0.05"]);
		const dead = rowOf(ksquash("status", "--json"));
		expect(dead).toMatchObject({ state: "stale", fuse: true });
		expect(dead.problems.join()).toMatch(
			/squashfuse has ended.*ksquash umount 6\.1 --root \S+ && ksquash mount 6\.1 --root \S+/,
		);
		expect(ksquash("mount", "6.1")).toMatchObject({
			status: 73,
			stderr: expect.stringContaining("squashfuse has ended"),
		});
		expect(ksquash("umount", "6.1").status).toBe(0);
		expect(ksquash("mount", "6.1").status).toBe(0);
		expect(execFileSync("setpriv", [...asUser().slice(1), "cat", `${target}/content`], { encoding: "utf8" })).toBe(
			"tree",
		);
	});

	it("is no mount of ours to root and to others, whatever its mark says", () => {
		const { box, root, image, target, ksquash } = home();
		expect(ksquash("mount", "6.1").status).toBe(0);
		const seen = box.ksquash(["status", "--json", "--root", root]);
		expect([seen.status, rowOf(seen).state, rowOf(seen).fuse]).toEqual([0, "other", undefined]);
		expect(box.ksquash(["umount", "6.1", "--root", root])).toMatchObject({ status: 73 });
		expect(ksquash("umount", "6.1").status).toBe(0);
		// The same mark from another user, who lets everybody in.
		allowFuse(target, USER + 1);
		writeFileSync("/etc/fuse.conf", "user_allow_other\n");
		const options = `ro,allow_other,subtype=ksquash,fsname=${inode(image)}:linux-6.1.sqfs`;
		execFileSync("setpriv", [...asUser(USER + 1).slice(1), "squashfuse_ll", "-o", options, image, target]);
		for (const look of [box.ksquash(["status", "--json", "--root", root]), ksquash("status", "--json")]) {
			expect([look.status, rowOf(look).state]).toEqual([0, "other"]);
		}
		expect(ksquash("mount", "6.1").status).toBe(73);
	});

	it("serves in a user namespace, and where the helper's policy does not name the user", () => {
		const { box, root, ksquash } = home();
		const script = '"$@" mount 6.1 --root "$root" && "$@" status --root "$root" && "$@" umount 6.1 --root "$root"';
		const inside = ["sh", "-c", script, "sh"];
		const words = [
			...asUser(),
			`root=${root}`,
			"unshare",
			"--user",
			"--map-current-user",
			"--keep-caps",
			"--mount",
			...inside,
		];
		const ran = box.ksquash([], words);
		expect([ran.status, ran.stdout]).toEqual([0, expect.stringContaining("mounted (FUSE)")]);
		expect(box.ksquash(["helper", "install", "--user", String(USER + 9)]).status).toBe(0);
		expect(ksquash("mount", "6.1")).toMatchObject({ status: 0, stdout: expect.stringContaining("FUSE") });
		expect(ksquash("umount", "6.1").status).toBe(0);
	});

	it("is refused on a directory of root's, with what to do instead; nothing is left", () => {
		const { box, target, ksquash } = home();
		chownSync(target, 0, 0);
		const refused = ksquash("mount", "6.1");
		expect([refused.status, refused.stderr]).toEqual([
			77,
			expect.stringMatching(/no write access[\s\S]*helper install/),
		]);
		expect(servers()).toEqual([]);
		expect(box.ksquash(["status"]).status).toBe(0);
	});
});

if (missing !== undefined) it.skip(`FUSE is missing here: ${missing}`, () => undefined);
