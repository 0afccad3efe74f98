/**
 * The helper's filter of system calls: it is on before a word of the caller's is looked at, ends whoever calls anything
 * else, and its list (native/helper/syscalls.h) is what the helper needs, no less and no more.
 */

import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { asUser, buildHelper, call, placeProgram, policyText, sandbox, USER } from "../../support/helper.ts";
import { loopsBelow, mountsBelow } from "../../support/scratch.ts";
import { syslogLines } from "../../support/syslog.ts";
import { traced, tracedAs } from "../../support/trace.ts";

const native = join(import.meta.dirname, "../../../native");
const name = "linux-6.1";

beforeAll(() => void buildHelper());

/** The names in the list, as strace writes them: those that a trace shows, and those that are there for other machines. */
function listed(): [Set<string>, Set<string>] {
	const text = readFileSync(join(native, "helper/syscalls.h"), "utf8");
	const [seen = "", unseen = ""] = text.slice(text.indexOf("allowedCalls[] = {")).split("// Not seen in every trace.");
	// moveMountNr is move_mount.
	const names = (table: string): Set<string> =>
		new Set(
			[...table.matchAll(/\{(?:SYS_(\w+)|abi::(\w+)Nr)/g)].map(
				([, own, raw = ""]) => own ?? raw.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
			),
		);
	return [names(seen), names(unseen)];
}

/** Holds the lock of /dev/loop-control, for which the helper waits, until the function that it answers is called. */
async function holdLoops(): Promise<() => void> {
	const words = ["-o", "/dev/loop-control", "-c", "echo held && exec sleep 60"];
	const holder = spawn("flock", words, { stdio: ["ignore", "pipe", "inherit"], detached: true });
	let held = true;
	const release = (): void => {
		if (held) process.kill(-(holder.pid ?? 0), "SIGKILL");
		held = false;
	};
	onTestFinished(release);
	await once(holder.stdout, "data");
	return release;
}

it("is on while the helper works, with no_new_privs, for a user; to be stopped and continued is no harm", async () => {
	const box = await sandbox();
	box.place(name);
	const release = await holdLoops();
	const [file = "", ...words] = [...asUser(), box.program, "mount", name];
	const helper = spawn(file, words, { stdio: "ignore" });
	const ended = once(helper, "close");
	const status = (): string => readFileSync(`/proc/${helper.pid}/status`, "utf8");
	while (!status().startsWith("Name:\tksquash-helper")) execFileSync("sleep", ["0.02"]);
	execFileSync("sleep", ["0.3"]);
	expect(status()).toMatch(/^Seccomp:\t2$/m);
	expect(status()).toMatch(/^NoNewPrivs:\t1$/m);
	// The kernel resumes a sleep that was stopped by a system call of its own: restart_syscall(2).
	for (let i = 0; i < 20; ++i) {
		execFileSync("sh", ["-c", 'kill -STOP "$1"; sleep 0.01; kill -CONT "$1"', "sh", String(helper.pid)]);
	}
	release();
	expect(await ended).toEqual([0, null]);
});

it("does its work, or none, when its caller lowers its limits or signals it under way", async () => {
	const box = await sandbox();
	box.place(name);
	const attacks = [
		'prlimit --pid "$1" --nofile=3:3 --fsize=0:0 --as=1000000:1000000 --stack=8192:8192',
		'kill -TERM "$1"',
		'kill -XFSZ "$1"; kill -PIPE "$1"; prlimit --pid "$1" --nofile=4:4',
	];
	for (const attack of attacks) {
		const release = await holdLoops();
		const [file = "", ...words] = [...asUser(), box.program, "mount", name];
		const helper = spawn(file, words, { stdio: "ignore" });
		const ended = once(helper, "close");
		while (!/^Seccomp:\t2$/m.test(readFileSync(`/proc/${helper.pid}/status`, "utf8"))) execFileSync("sleep", ["0.02"]);
		execFileSync("sleep", ["0.1"]);
		const [shell = "", ...rest] = [...asUser(), "sh", "-c", attack, "sh", String(helper.pid)];
		expect([attack, spawnSync(shell, rest, { encoding: "utf8" }).stderr]).toEqual([attack, ""]);
		release();
		const [status] = (await ended) as [number | null];
		const mounts = mountsBelow(box.images);
		expect([attack, mounts.length]).toEqual([attack, status === 0 ? 1 : 0]);
		expect([attack, loopsBelow(box.base).length]).toEqual([attack, mounts.length]);
		for (const mount of mounts) execFileSync("umount", [mount]);
	}
});

describe("what it lets through", () => {
	const directory = mkdtempSync(join(tmpdir(), "ksquash-confined-"));
	const program = join(directory, "confined");
	beforeAll(() => {
		const listed = execFileSync(process.execPath, [join(native, "../scripts/native-sources.mjs"), "confined"], {
			encoding: "utf8",
		});
		const sources = listed
			.trim()
			.split("\n")
			.map((path) => join(native, "..", path));
		execFileSync(process.env.CXX ?? "g++", ["-std=c++20", "-D_GNU_SOURCE", ...sources, "-o", program]);
	});
	afterAll(() => rmSync(directory, { recursive: true }));

	it("is harmless; everything else ends the process at once", () => {
		const good = ["getuid", "open", "socket-unix", "map", "protect", "umount-nofollow", "umount-detach"];
		const all = execFileSync(program, { encoding: "utf8" }).trim().split("\n");
		expect(all.length).toBeGreaterThan(18);
		for (const call of all) {
			const { status, signal } = spawnSync(program, [call]);
			expect([call, status, signal]).toEqual(good.includes(call) ? [call, 0, null] : [call, null, "SIGSYS"]);
		}
	});
});

it.each<readonly [string, number]>([
	["ENOSYS", 0], // no seccomp at all
	["EINVAL", 0], // seccomp without filters
	["EPERM", 77],
	["ENOMEM", 77],
])("where the kernel answers %s to the filter: %i", async (code, expected) => {
	const box = await sandbox();
	box.place(name);
	expect(traced(box, ["mount", name], "trace=seccomp", `inject=seccomp:error=${code}`).status).toBe(expected);
	expect(mountsBelow(box.images)).toHaveLength(expected === 0 ? 1 : 0);
});

it("has the very calls in its list that the helper makes", async () => {
	const box = await sandbox();
	box.place(name);
	const log = syslogLines(box);
	box.policy(policyText(box.images, "umount = yes\nmax_mounts = 9").replace("rule test", "rule boot"));
	const made = new Set<string>();
	const before = new Set<string>();
	const trace = (args: readonly string[], as: readonly string[] = [], program = box.program): void => {
		const { calls } = tracedAs(box, args, { as, program });
		const at = calls.findLastIndex(({ syscall }) => syscall === "seccomp");
		const began = calls.findLastIndex(({ syscall }) => syscall === "execve");
		expect(at).toBeGreaterThan(0);
		for (const { syscall } of calls.slice(began, at)) before.add(syscall);
		for (const { syscall } of calls.slice(at + 1)) made.add(syscall);
	};
	for (const args of [["status"], ["--json", "status", name], ["-x"], ["--version"], ["mount", "absent"]]) trace(args);
	for (const verb of ["mount", "mount", "status", "umount", "umount"]) trace([verb, name]);
	for (const verb of ["boot", "boot", "unboot"]) trace([verb]);
	// A mount that another namespace keeps is waited for.
	trace(["mount", name]);
	const copy = spawn("unshare", ["--mount", "sh", "-c", "echo there && exec sleep 60"], {
		stdio: ["ignore", "pipe", "ignore"],
	});
	onTestFinished(() => void copy.kill("SIGKILL"));
	await once(copy.stdout, "data");
	trace(["umount", name]);
	// What is missing is found out, and why.
	for (const missing of ["sys_admin", "dac_read_search"]) trace(["status"], ["setpriv", `--bounding-set=-${missing}`]);
	const nosuid = box.path("nosuid");
	mkdirSync(nosuid);
	execFileSync("mount", ["-t", "tmpfs", "-o", "nosuid,mode=0755", "none", nosuid]);
	await placeProgram(box.program, join(nosuid, "helper"));
	trace(["status"], ["setpriv", "--reuid", String(USER), "--clear-groups"], join(nosuid, "helper"));
	expect(log().length).toBeGreaterThan(10);
	const [seen, unseen] = listed();
	expect(seen.size).toBeGreaterThan(25);
	expect([...made].filter((call) => !seen.has(call) && !unseen.has(call))).toEqual([]);
	expect([...seen].filter((call) => !made.has(call))).toEqual([]);
	// And before it nothing of the caller's files is touched.
	expect([...before].filter((call) => /openat2|statx|getdents|pread|socket|ioctl|mount/.test(call))).toEqual([]);
});

it("is as narrow and as wide enough where there is no musl: the same with static glibc", async () => {
	const box = await sandbox();
	await placeProgram(buildHelper("ksquash-helper-glibc"), box.program);
	box.place(name);
	for (const words of [
		["mount", name],
		["status", name],
		["umount", name],
	]) {
		const run = traced(box, words);
		expect([words, run.status]).toEqual([words, 0]);
		const [seen, unseen] = listed();
		const after = run.calls.slice(run.calls.findIndex(({ syscall }) => syscall === "seccomp") + 1);
		expect(after.length).toBeGreaterThan(10);
		expect(after.map(({ syscall }) => syscall).filter((one) => !seen.has(one) && !unseen.has(one))).toEqual([]);
		expect(call(box, words).status).toBe(0);
	}
	expect(loopsBelow(box.base)).toEqual([]);
});

it.each<readonly [string, number, number]>([
	["EPERM", 1, 77],
	["ENOSYS", 38, 69],
])("says so, and is not ended, where another filter answers %s to fsopen", async (_name, code, expected) => {
	const box = await sandbox();
	box.place(name);
	const deny = join(native, "../build/Release/deny");
	const ran = call(box, ["mount", name], { as: [deny, `430=${code}`, "--", "/usr/bin/env"] });
	expect(ran, ran.stderr).toMatchObject({ status: expected, signal: null });
	expect(mountsBelow(box.images)).toEqual([]);
	expect(loopsBelow(box.base)).toEqual([]);
	expect(call(box, ["mount", name], { as: ["env"] }).status).toBe(0);
});
