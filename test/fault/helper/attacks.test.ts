/** Rows 41 to 48 of the faults: what a caller can hand over, and what root may have left unsafe. All as a real other user. */

import { execFileSync } from "node:child_process";
import {
	chmodSync,
	chownSync,
	copyFileSync,
	linkSync,
	mkdirSync,
	readFileSync,
	renameSync,
	rmSync,
	symlinkSync,
	unlinkSync,
	writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import {
	asUser,
	buildHelper,
	call,
	makeImage,
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

describe("46: a policy that is wrong or unsafe refuses everything", () => {
	const shared = sharedSandbox();
	beforeAll(() => void shared().place(name));
	const good = policyText("/srv", `uids = ${USER}`);
	it.each<readonly [string, string]>([
		["empty", ""],
		["no version", good.replace("version = 1\n", "")],
		["version 2", good.replace("version = 1", "version = 2")],
		["version twice", `version = 1\n${good}`],
		["an unknown key", `${good}options = suid\n`],
		["a duplicate key", `${good}uids = ${USER}\n`],
		["a duplicate rule", `${good}${good.replace("version = 1\n", "")}`],
		["NUL", `${good}#\0\n`],
		["CRLF", good.replaceAll("\n", "\r\n")],
		["BOM", `\ufeff${good}`],
		["64 KiB + 1", good + "#".repeat(64 * 1024 + 1 - good.length)],
		["a negative number", good.replace(`${USER}`, "-1")],
		["a number that overflows", good.replace(`${USER}`, `${2n ** 64n + BigInt(USER)}`)],
		["the number of nobody", good.replace(`${USER}`, "4294967295")],
		["a leading zero", good.replace(`${USER}`, `0${USER}`)],
		["a user's name", good.replace(`${USER}`, "root")],
		["no number", good.replace(`${USER}`, "")],
		["an overflowing size", `${good}max_size = 99999999999G\n`],
		["a size of no unit", `${good}max_size = 8X\n`],
		["umount maybe", `${good}umount = true\n`],
		["a relative path", good.replace("images = /srv", "images = srv")],
		["a path with ..", good.replace("images = /srv", "images = /srv/../etc")],
		["a path with //", good.replace("images = /srv", "images = //srv")],
		["a path with a final slash", good.replace("images = /srv", "images = /srv/")],
		["a suffix with a slash", good.replace("suffix = .sqfs", "suffix = ./x")],
		["an empty suffix", good.replace("suffix = .sqfs", "suffix =")],
		["no suffix", good.replace("suffix = .sqfs\n", "")],
		["no mount points", good.replace("mountpoints = /srv\n", "")],
		["a bad section", good.replace("[rule test]", "[Rule test]")],
		["a rule with a bad name", good.replace("[rule test]", "[rule ../x]")],
		["a line that is none", `${good}hello\n`],
		[
			"too many rules",
			`version = 1\n${Array.from({ length: 17 }, (_, i) => good.slice(12).replace("test", `r${i}`)).join("")}`,
		],
		["too many users", good.replace(`${USER}`, Array.from({ length: 65 }, (_, i) => i + 1).join(" "))],
		...[
			"/",
			"/etc",
			"/usr",
			"/bin",
			"/sbin",
			"/lib",
			"/lib64",
			"/libx32",
			"/dev",
			"/dev/shm",
			"/proc",
			"/proc/1",
			"/sys",
			"/run",
		].map((path) => [`mountpoints=${path}`, good.replace("mountpoints = /srv", `mountpoints = ${path}`)] as const),
		...["/boot", "/root", "/home", "/var"].map(
			(path) => [`mountpoints=${path}`, good.replace("mountpoints = /srv", `mountpoints = ${path}`)] as const,
		),
	])("%s: 65", (_, text) => {
		const box = shared();
		box.policy(text);
		const { status, stderr } = call(box, ["mount", name]);
		expect([status, stderr]).toEqual([65, expect.stringMatching(/^ksquash-helper: .*helper\.conf/)]);
		expectNothing(box);
	});

	it("64 KiB, comments, blank lines and no final newline are good", async () => {
		const box = await placed();
		const text =
			`# a comment\n\n${policyText(box.images, `uids = 1 2\t${USER}   # the third\n\tumount = no`)}`.trimEnd();
		box.policy(`${text}\n${"#".repeat(64 * 1024 - text.length - 1)}`);
		expect(call(box, ["mount", name]).status).toBe(0);
		expect(call(box, ["umount", name]).status).toBe(66);
	});

	it("absent (66), a link, writable by others, another user's, below an unsafe directory", async () => {
		const box = await placed();
		const text = readFileSync(box.policyFile);
		const refused = (status: number): void => {
			expect(call(box, ["mount", name]).status).toBe(status);
			rmSync(box.policyFile, { recursive: true, force: true });
			writeFileSync(box.policyFile, text, { mode: 0o644 });
		};
		rmSync(box.policyFile);
		refused(66);
		renameSync(box.policyFile, `${box.policyFile}.real`);
		symlinkSync("helper.conf.real", box.policyFile);
		refused(65);
		for (const mode of [0o666, 0o664, 0o646]) {
			chmodSync(box.policyFile, mode);
			refused(65);
		}
		chownSync(box.policyFile, USER, 0);
		refused(65);
		rmSync(box.policyFile);
		mkdirSync(box.policyFile);
		refused(65);
		execFileSync("mkfifo", [`${box.policyFile}.fifo`]);
		renameSync(`${box.policyFile}.fifo`, box.policyFile);
		refused(65);
		chmodSync(dirname(box.policyFile), 0o777);
		refused(65);
		chmodSync(dirname(box.policyFile), 0o755);
		expect(call(box, ["mount", name]).status).toBe(0);
	});
});

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
