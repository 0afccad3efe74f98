/** Rows 41 to 45 of the faults: what a caller can hand over and bring along, and who is not in the policy. All as a real other user. */

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import {
	asUser,
	buildHelper,
	call,
	placeProgram,
	policyText,
	type Sandbox,
	sandbox,
	sharedSandbox,
	USER,
} from "../../support/helper.ts";
import { loopsBelow, mountsBelow } from "../../support/scratch.ts";
import { syslogLines } from "../../support/syslog.ts";

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

describe("41: arguments", () => {
	const shared = sharedSandbox();
	beforeAll(() => void shared().place(name));
	it.each<readonly [string, readonly string[]]>([
		["none", []],
		["empty", ["mount", ""]],
		["no name", ["mount"]],
		["two names", ["mount", name, name]],
		["an unknown verb", ["remount", name]],
		["up", ["mount", "../etc"]],
		["absolute", ["mount", "/etc"]],
		["an option", ["mount", "-rf"]],
		["an option before", ["-v", "mount", name]],
		["--json behind", ["mount", name, "--json"]],
		["--json twice", ["--json", "--json", "mount"]],
		["a space", ["mount", "linux 6.1"]],
		["a leading dot", ["mount", ".linux-6.1"]],
		["201 characters", ["mount", "a".repeat(201)]],
		["a newline", ["mount", "linux-6.1\n"]],
		["UTF-8", ["mount", "linux-6.1-é"]],
		["a slash", ["mount", "linux-6.1/x"]],
		["a name for boot", ["boot", name]],
	])("%s: usage, 64", (_, args) => {
		const box = shared();
		const { status, stdout, stderr } = call(box, args);
		expect([status, stdout + stderr]).toEqual([64, expect.stringContaining("mount|umount|status NAME")]);
		expectNothing(box);
	});

	it("with --json the refusal is an object, too", () => {
		const { status, stdout, stderr } = call(shared(), ["--json", "mount", "../etc"]);
		expect([status, stderr, JSON.parse(stdout)]).toMatchObject([
			64,
			"",
			{ status: 64, message: expect.stringContaining("NAME") },
		]);
	});

	it("0xff and terminal controls are refused, and escaped in the log", async () => {
		const box = await placed();
		const log = syslogLines(box);
		const as = [...asUser(), "sh", "-c", 'exec "$0" mount "$(printf "x\\377\\033[2J\\ny")"'];
		expect(call(box, [], { as }).status).toBe(64);
		expect(call(box, ["mount", "absent"]).status).toBe(66);
		const lines = log();
		expect(lines).toHaveLength(2);
		expect(lines[0]).toMatch(/uid 64201: wrong arguments, the last one: x\\377\\033\[2J\\012y$/);
		expect(lines[1]).toMatch(/uid 64201: mount absent: not permitted: \S+absent: No such file or directory$/);
		expect(lines.join()).toMatch(/^[ -~]*$/);
	});

	it("no argument at all, not even a name for itself", async () => {
		const box = await placed();
		const code = `import ctypes,os,sys
os.setgroups([]); os.setresgid(${USER},${USER},${USER}); os.setresuid(${USER},${USER},${USER})
none=(ctypes.c_char_p*1)(None); p=sys.argv[1].encode()
ctypes.CDLL(None).execve(p,none,none)`;
		expect(call(box, [], { as: ["python3", "-c", code] }).status).toBe(64);
	});

	it("200 characters and every allowed byte are a name", async () => {
		const box = await sandbox();
		const long = `A.b_c+d-${"9".repeat(192)}`;
		box.place(long);
		expect(call(box, ["mount", long]).status).toBe(0);
	});
});

describe("42 and 43: surroundings", () => {
	const shell = (script: string): string[] => [...asUser(), "bash", "-c", `${script}; exec "$0" "$@"`];
	it.each<readonly [string, readonly string[]]>([
		["descriptors 0 to 2 closed", shell("exec <&- >&- 2>&-")],
		["1000 open descriptors", shell('ulimit -n 1100; for i in {3..1003}; do eval "exec $i</dev/null"; done')],
		["address space of 8 MiB", [...asUser(), "prlimit", "--as=8388608", "--"]],
		["no file may grow", [...asUser(), "prlimit", "--fsize=0", "--"]],
		["umask 0", shell("umask 0")],
		["umask 777", shell("umask 777")],
		["signals ignored", shell('trap "" CHLD TERM PIPE XFSZ HUP')],
		["the working directory deleted", shell('d=$(mktemp -d); cd "$d"; rmdir "$d"')],
		["an alarm and a low stack", [...asUser(), "prlimit", "--stack=262144", "--cpu=5", "--"]],
	])("42: %s: the same result", async (_, as) => {
		const box = await placed();
		expect(call(box, ["mount", name], { as }).status).toBe(0);
		expect(mountsBelow(box.images)).toHaveLength(1);
		expect(call(box, ["umount", name], { as }).status).toBe(0);
		expectNothing(box);
	});

	it.each([3, 4, 5, 6, 7, 8])("42: %i descriptors at most: done, or clean", async (limit) => {
		const box = await placed();
		const as = [...asUser(), "prlimit", `--nofile=${limit}:${limit}`, "--"];
		const { status } = call(box, ["mount", name], { as });
		expect([0, 75]).toContain(status);
		if (limit === 3) expect(status).toBe(75);
		if (status !== 0) expectNothing(box);
	});

	it("43: the environment has no effect", async () => {
		const box = await placed();
		const library = box.path("evil.so");
		writeFileSync(box.path("evil.c"), "#include <unistd.h>\n__attribute__((constructor)) void x(void){_exit(99);}");
		execFileSync("gcc", ["-shared", "-fPIC", "-o", library, box.path("evil.c")]);
		const env = {
			...{ LD_PRELOAD: library, LD_LIBRARY_PATH: box.base, LD_AUDIT: library, GLIBC_TUNABLES: "glibc.malloc.check=3" },
			...{ LIBMOUNT_FSTAB: "/x", LIBMOUNT_FORCE_MOUNT2: "always", LOOPDEV_DEBUG: "all", TZ: ":/etc/shadow" },
			...{ LANG: "xx", LC_ALL: "../../x", PATH: box.base, IFS: "/", TMPDIR: "/root", KSQUASH_HELPER_CONF: "/x" },
		};
		const words = Object.entries(env).map(([key, value]) => `${key}=${value}`);
		const { status, stdout, stderr } = call(box, ["mount", name], { as: [...asUser(), "env", ...words] });
		expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
		expect(stdout).toMatch(/^linux-6\.1: mounted on /);
	});
});

describe("44: privilege that the kernel withholds is named, 77", () => {
	it.each<readonly [string, readonly string[], RegExp]>([
		["no_new_privs", asUser(USER, [], "--no-new-privs"), /CAP_SYS_ADMIN is missing: this process has no_new_privs/],
		["bounding set", asUser(USER, [], "--bounding-set=-sys_admin"), /CAP_SYS_ADMIN is missing: .*bounding set/],
		["bounding set", asUser(USER, [], "--bounding-set=-dac_read_search"), /CAP_DAC_READ_SEARCH .*bounding set/],
		["user namespace", [...asUser(), "unshare", "--user", "--map-root-user"], /user namespace/],
		["user namespace", [...asUser(), "unshare", "--user", "--map-root-user", "--mount"], /user namespace/],
		["traced", [...asUser(), "strace", "-qq", "-e", "trace=none", "-o", "/dev/null"], /this process is traced/],
	])("%s", async (_, as, reason) => {
		const box = await placed();
		for (const verb of ["mount", "umount"]) {
			const { status, stderr } = call(box, [verb, name], { as });
			expect([status, stderr]).toEqual([77, expect.stringMatching(reason)]);
		}
		expectNothing(box);
	});

	it("nosuid, and a file that lost its capabilities", async () => {
		const box = await placed();
		mkdirSync(box.path("nosuid"));
		execFileSync("mount", ["-t", "tmpfs", "-o", "nosuid,mode=0755", "none", box.path("nosuid")]);
		await placeProgram(box.program, box.path("nosuid/helper"));
		const nosuid = call(box, ["mount", name], { program: box.path("nosuid/helper") });
		expect([nosuid.status, nosuid.stderr]).toEqual([77, expect.stringMatching(/mounted nosuid/)]);
		copyFileSync(box.program, box.path("copy"));
		const copy = call(box, ["mount", name], { program: box.path("copy") });
		expect([copy.status, copy.stderr]).toEqual([77, expect.stringMatching(/no capabilities.*helper install/)]);
		expectNothing(box);
	});
});

describe("45: who is not in the policy", () => {
	it("a user, or a group, that no rule names is not permitted anything, 66", async () => {
		const box = await placed();
		box.policy(policyText(box.images, "uids = 4242\ngids = 4243 4244\numount = yes"));
		const said = new Set<string>();
		const refused = (...as: readonly string[]): void => {
			for (const verb of ["mount", "umount", "status"]) {
				const { status, stdout, stderr } = call(box, [verb, name], { as });
				expect([verb, status]).toEqual([verb, 66]);
				said.add(stdout + stderr);
			}
			expectNothing(box);
		};
		refused(...asUser());
		refused(...asUser(USER, [4242, 4245]));
		refused(...asUser(4243));
		expect([...said]).toEqual([`ksquash-helper: ${name}: not permitted\n`]);
		expect(call(box, ["status"]).status).toBe(66);
		expect(call(box, ["mount", name], { as: asUser(USER, [7, 4244]) }).status).toBe(0);
	});

	it("the real user counts, not an effective or saved one; and a rule without users is root's", async () => {
		const box = await placed();
		const as = (real: number, other: number): readonly string[] => [
			...["python3", "-c"],
			"import os,sys\nos.setgroups([]); os.setresgid(7,7,7); os.setresuid(*map(int,sys.argv[1:4])); os.execv(sys.argv[4],sys.argv[4:])",
			...[real, other, other].map(String),
		];
		expect(call(box, ["mount", name], { as: as(4242, USER) }).status).toBe(66);
		expect(call(box, ["mount", name], { as: as(USER, 4242) }).status).toBe(0);
		expect(call(box, ["umount", name]).status).toBe(0);
		box.policy(policyText(box.images, "umount = yes"));
		expect(call(box, ["mount", name]).status).toBe(66);
		expect(call(box, ["mount", name], { as: ["env"] }).status).toBe(0);
	});
});
