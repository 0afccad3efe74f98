/**
 * Every system call of mount and umount fails once with each errno, and once the process is killed there. The calls are
 * taken from a trace of the run itself, so a new one cannot be forgotten. KSQUASH_EVERY_ERRNO=1: all of them.
 */

import { execFile } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { detach, inspectImage, mounts, umount } from "../../../src/native/verbs.ts";
import { cleanUp, deny, drive, fresh, oldKernel, ownLoops, scratch, smallImage } from "./support.ts";

afterAll(cleanUp);

const image = smallImage();
const target = fresh();
const traceFile = join(scratch, "trace");

interface Outcome {
	/** Of the process; 128 + signal when killed. */
	status: number;
	stdout: string;
}

function run(command: readonly string[]): Promise<Outcome> {
	const [file = "", ...args] = command;
	return new Promise((done) => {
		const child = execFile(file, args, (_error, stdout) =>
			done({ status: child.exitCode ?? 128 + (constants.signals[child.signalCode ?? "SIGKILL"] ?? 0), stdout }),
		);
	});
}

interface Call {
	name: string;
	/** Which of the calls of that name since the program's start. */
	nth: number;
	line: string;
}

/** The calls between the two getppid of the driver. */
function callsOf(trace: string): Call[] {
	const seen = new Map<string, number>();
	const out: Call[] = [];
	let marks = 0;
	for (const line of trace.split("\n")) {
		const name = /^(\w+)\(/.exec(line)?.[1];
		if (name === undefined) continue;
		const nth = (seen.get(name) ?? 0) + 1;
		seen.set(name, nth);
		if (name === "getppid") marks++;
		else if (marks === 1) out.push({ name, nth, line });
	}
	expect(marks).toBe(2);
	return out;
}

/** Each number once, by the name that the kernel's headers define it with: strace does not know the aliases. */
const every = Object.keys(constants.errno).filter((name) => name !== "ENOTSUP" && name !== "EWOULDBLOCK");
const usual: Record<string, string[]> = {
	openat: ["EACCES", "ENOENT", "EMFILE", "EIO"],
	ioctl: ["EBUSY", "EAGAIN", "EINVAL", "EPERM", "ENXIO"],
	flock: ["EAGAIN", "EINTR", "ENOLCK"],
	fsopen: ["ENOSYS", "EPERM", "ENODEV", "EMFILE"],
	umount2: ["EBUSY", "EINVAL", "EPERM"],
	mount: ["EBUSY", "EINVAL", "EPERM", "ENODEV"],
	close: ["EINTR", "EIO"],
	brk: ["ENOMEM"],
	mmap: ["ENOMEM"],
	munmap: ["EINVAL"],
};
const errnosFor = (name: string): string[] =>
	process.env.KSQUASH_EVERY_ERRNO === "1" ? every : (usual[name] ?? ["EIO", "EPERM", "EINTR"]);

/** The command that makes one call fail, or kills there. strace does not know statmount(2): a notifier does it. */
function injection(call: Call, errno: string | "KILL", command: readonly string[]): string[] {
	const unknown = /^syscall_(0x[0-9a-f]+)$/.exec(call.name)?.[1];
	if (unknown !== undefined) {
		const code = errno === "KILL" ? errno : constants.errno[errno as keyof typeof constants.errno];
		return [deny, `${unknown}@${call.nth}=${code}`, "--", ...command];
	}
	const what = errno === "KILL" ? "signal=KILL" : `error=${errno}`;
	const inject = `inject=${call.name}:${what}:when=${call.nth}`;
	return ["strace", "-qq", "-o", traceFile, "-e", `trace=${call.name}`, "-e", inject, ...command];
}

async function rowsOn(path: string): Promise<number> {
	return (await mounts()).filter((row) => row.target === path).length;
}

/** Autoclear may follow a moment after the last close. */
async function loopsLeft(): Promise<string[]> {
	for (let i = 0; i < 50 && ownLoops().length > 0; i++) await new Promise((done) => setTimeout(done, 20));
	return ownLoops();
}

/**
 * The one state that no order of calls avoids: before 5.8 a device cannot get autoclear together with its file, so a
 * process killed between LOOP_SET_FD and LOOP_SET_STATUS64 leaves it attached.
 */
async function detachLeft(): Promise<void> {
	const left = ownLoops();
	expect(left).toHaveLength(1);
	const { file } = await inspectImage(image);
	expect(await detach({ device: `/dev/${left[0]}`, file })).toEqual({ stillHeld: false });
}

async function clear(): Promise<void> {
	if ((await rowsOn(target)) > 0) await umount(target);
	expect(await loopsLeft()).toEqual([]);
}

/** What must hold after each run, whatever was injected. */
async function judge(verb: "mount" | "umount", call: Call, errno: string, outcome: Outcome): Promise<void> {
	const rows = await rowsOn(target);
	expect(rows).toBeLessThanOrEqual(1);
	if (errno === "KILL" && call.line.includes("LOOP_SET_STATUS64")) await detachLeft();
	if (rows === 1) expect(readFileSync(join(target, "file"), "utf8")).toBe("hello\n");
	else expect(await loopsLeft()).toEqual([]);
	// Without memory the process ends; it must end cleanly as above.
	const noMemory = ["brk", "mmap"].includes(call.name) && outcome.status >= 128;
	if (errno === "KILL" || noMemory) {
		expect(outcome.status).toBeGreaterThanOrEqual(128);
		return;
	}
	const said = JSON.parse(outcome.stdout) as Record<string, unknown>;
	if (said.errno === undefined) expect(rows).toBe(verb === "mount" ? 1 : 0);
	else {
		expect(said.step).not.toBe("");
		expect(said.syscall).not.toBe("");
		expect(rows).toBe(verb === "mount" ? 0 : 1);
		const code = constants.errno[errno as keyof typeof constants.errno];
		if (said.errno !== code) expect(said.reason).not.toBe("");
	}
	// A close that strace keeps from happening leaks its descriptor by that.
	if (call.name !== "close") expect(said.leaked).toBe(0);
}

const ladders = [
	["new", []],
	["old", [deny, ...oldKernel, "--"]],
] as const;

describe.each(ladders)("the %s ladder", (_name, prefix) => {
	it.each(["mount", "umount"] as const)(
		"leaves nothing behind when %s fails or is killed anywhere",
		async (verb) => {
			const command = [...prefix, drive, verb, ...(verb === "mount" ? [image] : []), target];
			const prepare = async () => {
				if (verb === "umount") expect(await run([drive, "mount", image, target])).toMatchObject({ status: 0 });
			};
			await prepare();
			const whole = await run(["strace", "-o", traceFile, ...command]);
			expect(whole).toMatchObject({ status: 0 });
			const calls = callsOf(readFileSync(traceFile, "utf8"));
			await clear();
			let runs = 0;
			const broken: string[] = [];
			for (const call of calls) {
				for (const errno of ["KILL", ...errnosFor(call.name)]) {
					await prepare();
					rmSync(traceFile, { force: true });
					const outcome = await run(injection(call, errno, command));
					runs++;
					const where = `${verb}: ${call.name} no. ${call.nth}, ${errno}`;
					try {
						if (!call.name.startsWith("syscall_")) {
							expect(readFileSync(traceFile, "utf8")).toMatch(errno === "KILL" ? /killed by SIGKILL/ : /INJECTED/);
						}
						await judge(verb, call, errno, outcome);
					} catch (error) {
						broken.push(`${where}: ${outcome.stdout.trim()} ${error instanceof Error ? error.message : error}`);
					}
					await clear();
				}
			}
			const names = new Set(calls.map(({ name }) => name));
			console.log(`${verb}, ${_name} ladder: ${calls.length} calls (${[...names].join(" ")}), ${runs} runs`);
			expect(broken).toEqual([]);
			expect(runs).toBeGreaterThan(calls.length);
		},
		process.env.KSQUASH_EVERY_ERRNO === "1" ? 3_600_000 : 900_000,
	);
});
