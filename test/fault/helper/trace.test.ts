/**
 * The helper under strace, as root, who may trace it: which capability is effective around which call, what a kill or a
 * failing call leaves behind.
 */

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { buildHelper, sandbox } from "../../support/helper.ts";
import { loopsBelow, mountsBelow } from "../../support/scratch.ts";
import { type Call, traced } from "../../support/trace.ts";

beforeAll(() => void buildHelper());

const name = "linux-6.1";

/** What the helper does with both capabilities away, and with one of them. */
const READ_SEARCH = "1<<CAP_DAC_READ_SEARCH";
const SYS_ADMIN = "1<<CAP_SYS_ADMIN";

describe("capabilities are effective around the calls that need them only", () => {
	const verbs = ["mount", "umount"] as const;
	it("CAP_SYS_ADMIN, CAP_DAC_READ_SEARCH, and none for whatever opens what a caller could choose", async () => {
		const box = await sandbox();
		box.place(name);
		const calls = verbs.flatMap((verb) => {
			const run = traced(box, [verb, name]);
			expect(run.status).toBe(0);
			return run.calls.slice(run.calls.findIndex(({ syscall }) => syscall === "capset") + 1);
		});
		expect(new Set(calls.map(({ effective }) => effective))).toEqual(new Set(["0", READ_SEARCH, SYS_ADMIN]));
		const during = (set: string): string[] => [
			...new Set(calls.filter(({ effective }) => effective === set).map(({ syscall }) => syscall)),
		];
		const memory = ["brk", "mmap", "munmap"];
		const admin = ["capset", "fsopen", "fsconfig", "read", "fsmount", "move_mount", "umount2", "close", ...memory];
		expect(during(SYS_ADMIN).filter((syscall) => !admin.includes(syscall))).toEqual([]);
		for (const needed of ["fsopen", "fsconfig", "fsmount", "move_mount", "umount2"]) {
			expect(during(SYS_ADMIN)).toContain(needed);
		}
		// Attaching a loop device: these, and looking at what is attached.
		const loop = [
			"capset",
			"openat",
			"open",
			"fcntl",
			"ioctl",
			"statx",
			"readlink",
			"readlinkat",
			"close",
			"read",
			"clock_nanosleep",
		];
		const time = ["clock_gettime", "nanosleep", ...memory];
		expect(during(READ_SEARCH).filter((syscall) => ![...loop, ...time].includes(syscall))).toEqual([]);
		// musl's open(3) is open(2) where there is one, and fcntl(2) after it.
		const opened = calls.filter(({ syscall, effective }) => /^open(?:at)?$/.test(syscall) && effective === READ_SEARCH);
		expect(opened.length).toBeGreaterThan(0);
		for (const { line } of opened)
			expect(line).toMatch(/"\/dev\/loop(?:-control|\d+)"|"\/sys\/dev\/block\/7:\d+\/loop\/backing_file"/);
		// The policy, the directories, the image, and the kernel's answer through the mount.
		for (const { line, effective } of calls.filter(({ syscall }) =>
			["openat2", "pread64", "getdents64", "flock"].includes(syscall),
		)) {
			expect([line, effective]).toEqual([line, "0"]);
		}
		const last = calls.findLastIndex(({ line }) => line.includes("LOOP_CONFIGURE"));
		const mounting = calls.slice(last).find(({ syscall }) => syscall === "fsopen");
		expect(mounting?.effective).toBe(SYS_ADMIN);
		const raised = calls.slice(last).find(({ line }) => line.includes(`effective=${SYS_ADMIN}`));
		// Read access is dropped for good before the mount.
		expect(raised?.line).toContain(`permitted=${SYS_ADMIN},`);
	});
});

/** Every call of a mount that can leave something behind, each as often as it comes. */
function points(calls: readonly Call[], syscalls: readonly string[]): { syscall: string; when: number }[] {
	return syscalls.flatMap((syscall) => {
		const count = calls.filter((each) => each.syscall === syscall).length;
		return Array.from({ length: count }, (_, i) => ({ syscall, when: i + 1 }));
	});
}

describe("38, 40: nothing is left", () => {
	const watched = [
		"open",
		"openat",
		"openat2",
		"ioctl",
		"flock",
		"fsopen",
		"fsconfig",
		"fsmount",
		"move_mount",
		"capset",
		"statx",
	];

	it("when it is killed at any call of a mount", async () => {
		const box = await sandbox();
		box.place(name);
		const whole = traced(box, ["mount", name]);
		execFileSync("umount", [box.path("src", name)]);
		const all = points(whole.calls, watched);
		expect(all.length).toBeGreaterThan(40);
		for (const { syscall, when } of all) {
			traced(box, ["mount", name], `trace=${syscall}`, `inject=${syscall}:signal=KILL:when=${when}`);
			const [mounts, loops] = [mountsBelow(box.images), loopsBelow(box.base)];
			expect([syscall, when, loops.length]).toEqual([syscall, when, mounts.length]);
			for (const mount of mounts) execFileSync("umount", [mount]);
		}
		expect(loopsBelow(box.base)).toEqual([]);
	});

	it.each(["ENOMEM", "EPERM", "ENOSYS"])("when any call fails with %s", async (code) => {
		const box = await sandbox();
		box.place(name);
		const whole = traced(box, ["mount", name]);
		execFileSync("umount", [box.path("src", name)]);
		for (const { syscall, when } of points(whole.calls, watched.slice(0, -1))) {
			const { status } = traced(
				box,
				["mount", name],
				`trace=seccomp,${syscall}`,
				// strace fails a call by making it another, for which the filter would end the process.
				"inject=seccomp:error=ENOSYS",
				`inject=${syscall}:error=${code}:when=${when}`,
			);
			const [mounts, loops] = [mountsBelow(box.images), loopsBelow(box.base)];
			expect([0, 65, 66, 69, 73, 75, 77], `${syscall} ${when}`).toContain(status);
			expect([syscall, when, loops.length]).toEqual([syscall, when, mounts.length]);
			// A process that cannot give a capability back ends at once, though the mount is made.
			if (syscall !== "capset") expect([syscall, when, mounts.length]).toEqual([syscall, when, status === 0 ? 1 : 0]);
			for (const mount of mounts) execFileSync("umount", [mount]);
		}
	});
});

it("needs /dev/loop-control: without it the reason is named, 69", async () => {
	const box = await sandbox();
	box.place(name);
	mkdirSync(box.path("dev"));
	const script = 'mount --bind "$1" /dev && shift && exec "$@"';
	const words = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", box.path("dev")];
	const [file = "", ...rest] = words;
	const { status, stderr } = spawnSync(file, [...rest, box.program, "mount", name], { encoding: "utf8" });
	expect([status, stderr]).toEqual([69, expect.stringMatching(/no loop driver/)]);
});
