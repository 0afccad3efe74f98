/**
 * One system call of the add-on's mount or umount fails, and then every later one: nothing can be undone any more, and
 * still no loop device, mount or descriptor is left, the reason has its name, and the same process mounts again afterwards.
 *
 * One process of the library does it all; strace looks at the thread that mounts, and at nothing else of Node.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Death, deaths, dying } from "../support/dying.ts";
import { makeImage } from "../support/helper.ts";
import { loopsBelow, mountsBelow, scratchRoot } from "../support/scratch.ts";
import { has, spread } from "./support.ts";

/** Calls of the kernel's that can fail for a reason; not close and memory: strace would keep them from happening. */
const watched = [
	...["openat", "openat2", "ioctl", "flock", "statx", "newfstatat", "readlinkat", "readlink", "getdents64", "pread64"],
	...["read", "fstatfs", "statfs", "fsopen", "fsconfig", "fsmount", "move_mount", "mount", "umount2"],
];
/** EAGAIN, EBUSY and EINTR are tried again: that must end, too. */
const errnos = ["EIO", "EPERM", "ENOMEM", "EBUSY", "EAGAIN", "EINTR"];

const native = join(import.meta.dirname, "../../dist/native.js");
const program = `
import { readdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { mountImage, umount } from ${JSON.stringify(native)};
const fds = () => readdirSync("/proc/self/fd").length;
for await (const line of createInterface({ input: process.stdin })) {
	const [verb, image, target] = JSON.parse(line);
	const before = fds();
	const work = verb === "mount" ? mountImage({ image, target }) : umount(target);
	const said = await work.then(
		() => ({ good: true }),
		({ code, step, syscall, reason, message }) => ({ good: false, code, step, syscall, reason, message }),
	);
	console.log(JSON.stringify({ ...said, leaked: fds() - before }));
}
`;

interface Said {
	good: boolean;
	leaked: number;
	code?: string;
	step?: string;
	syscall?: string;
	reason?: string;
	message?: string;
}

type Verb = "mount" | "umount";

interface Driver {
	pid: number;
	ask(verb: Verb): Promise<Said>;
}

const ends = (child: ChildProcess): Promise<void> => new Promise((done) => child.once("close", () => done()));

function driver(image: string, target: string): Driver {
	const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
		stdio: ["pipe", "pipe", "inherit"],
		env: { PATH: process.env.PATH, UV_THREADPOOL_SIZE: "1" },
	});
	onTestFinished(() => void child.kill("SIGKILL"));
	const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
	const ask = async (verb: Verb): Promise<Said> => {
		child.stdin.write(`${JSON.stringify([verb, image, target])}\n`);
		const late = sleep(30_000).then(() => {
			throw new Error(`${verb} does not end`);
		});
		late.catch(() => undefined);
		const { value } = await Promise.race([lines.next(), late]);
		return JSON.parse(value as string) as Said;
	};
	return { pid: child.pid ?? 0, ask };
}

/** strace on one thread, or with -f on all of a process, while `work` is done. */
async function watching<T>(words: readonly string[], work: () => Promise<T>): Promise<T> {
	const tracer = spawn("strace", words, { stdio: ["ignore", "ignore", "pipe"] });
	const ended = ends(tracer);
	let said = "";
	await new Promise<void>((attached, failed) => {
		tracer.stderr.setEncoding("utf8").on("data", (text: string) => {
			said += text;
			if (/attached/.test(said)) attached();
		});
		void ended.then(() => failed(new Error(`strace ended: ${said}`)));
	});
	try {
		return await work();
	} finally {
		tracer.kill("SIGINT");
		await ended;
	}
}

interface Bench extends Driver {
	log: string;
	target: string;
	/** The thread that mounts. */
	thread: string;
	left(): { mounts: number; loops: number };
}

async function bench(): Promise<Bench> {
	const scratch = scratchRoot();
	const [image, target, log] = [scratch.path("image.sqfs"), scratch.path("target"), scratch.path("log")];
	makeImage(scratch.root, image, "content\n");
	mkdirSync(target);
	const { pid, ask } = driver(image, target);
	expect(await ask("mount")).toMatchObject({ good: true });
	await watching(["-f", "-p", `${pid}`, "-o", log, "-e", "trace=umount2"], async () => {
		expect(await ask("umount")).toMatchObject({ good: true });
	});
	const thread = /^(\d+) +umount2\(/m.exec(readFileSync(log, "utf8"))?.[1];
	if (thread === undefined) throw new Error("no thread unmounted");
	const left = () => ({ mounts: mountsBelow(target).length, loops: loopsBelow(scratch.root).length });
	return { pid, ask, log, target, thread, left };
}

/** Autoclear may follow a moment after the last close. */
async function settled({ left }: Bench): Promise<ReturnType<Bench["left"]>> {
	for (let i = 0; i < 50 && left().loops !== left().mounts; i++) await sleep(20);
	return left();
}

/** What is wrong with the outcome, in words. */
async function judge(at: Bench, verb: Verb, errno: string, said: Said): Promise<string[]> {
	const wrong: string[] = [];
	const left = await settled(at);
	if (left.mounts > 1 || left.loops !== left.mounts) wrong.push(`${left.loops} loops, ${left.mounts} mounts`);
	if (said.leaked !== 0) wrong.push(`${said.leaked} descriptors are left`);
	const mounted = left.mounts === 1;
	// What the kernel will not take away any more is told.
	const told = mounted && verb === "mount" && /and stays: unmount it/.test(said.reason ?? "");
	if (!told && mounted !== ((verb === "mount") === said.good)) wrong.push(`${mounted ? "" : "not "}mounted`);
	if (said.good) return wrong;
	if (said.code !== errno && !said.reason) wrong.push("another cause, and no reason");
	if (!said.step || !said.syscall) wrong.push("no step or system call");
	return wrong;
}

async function callsOf(at: Bench, verb: Verb): Promise<string[]> {
	await watching(["-p", at.thread, "-o", at.log], async () => {
		expect(await at.ask(verb)).toMatchObject({ good: true });
	});
	const lines = readFileSync(at.log, "utf8").split("\n");
	return lines.flatMap((line) => /^([a-z_0-9]+)\(/.exec(line)?.[1] ?? []);
}

async function tried(at: Bench, verb: Verb, death: Death, errno: string): Promise<string[]> {
	if (verb === "umount") await at.ask("mount");
	const expressions = dying(death, watched, () => errno).flatMap((expression) => ["-e", expression]);
	const words = ["-p", at.thread, "-o", at.log, "-e", `trace=${watched.join(",")}`, ...expressions];
	const said = await watching(words, () => at.ask(verb));
	const wrong = await judge(at, verb, errno, said);
	if (!readFileSync(at.log, "utf8").includes("INJECTED")) wrong.push("nothing failed");
	if (at.left().mounts > 0 && !(await at.ask("umount")).good) wrong.push("cannot be unmounted afterwards");
	return wrong.map((what) => `${death.syscall} no. ${death.when}, ${errno}: ${what}: ${JSON.stringify(said)}`);
}

/** A read that is interrupted for ever once held the thread that mounts, and a look at the new mount once lied. */
function known(points: readonly Death[]): (readonly [Death, string])[] {
	const moved = points.findIndex(({ syscall }) => syscall === "move_mount");
	const read = points.find(({ syscall }) => syscall === "pread64");
	const look = points.find(({ syscall }, i) => moved !== -1 && i > moved && syscall === "statx");
	return [...(read ? [[read, "EINTR"] as const] : []), ...(look ? [[look, "EIO"] as const] : [])];
}

describe.skipIf(!has("strace"))("one call and then every later one fails", () => {
	it.each<Verb>(["mount", "umount"])("in the add-on's %s: nothing is left", { timeout: 3_600_000 }, async (verb) => {
		const at = await bench();
		if (verb === "umount") await at.ask("mount");
		const calls = await callsOf(at, verb);
		if (verb === "mount") await at.ask("umount");
		// The new ladder, and not the old one.
		if (verb === "mount") expect(calls).toEqual(expect.arrayContaining(["fsopen", "fsmount", "move_mount"]));
		const points = deaths(calls, watched);
		const all = points.flatMap((death) => errnos.map((errno) => [death, errno] as const));
		const chosen = [...spread(all, 24), ...known(points)];
		if (verb === "mount") expect(known(points)).toHaveLength(2);
		const wrong: string[] = [];
		for (const [death, errno] of chosen) wrong.push(...(await tried(at, verb, death, errno)));
		expect(wrong).toEqual([]);
		console.log(`${verb}: ${points.length} calls, ${chosen.length} times broken off for good`);
	});

	it("and this test finds a mount that stays, a loop device, a descriptor, and a message without its cause", async () => {
		const at = await bench();
		const left = (mounts: number, loops: number): Bench => ({ ...at, left: () => ({ mounts, loops }) });
		const failed: Said = { good: false, leaked: 0, code: "EIO", step: "loop", syscall: "ioctl" };
		expect(await judge(left(0, 0), "mount", "EIO", failed)).toEqual([]);
		expect(await judge(left(1, 1), "mount", "EIO", failed)).toHaveLength(1);
		expect(await judge(left(0, 1), "mount", "EIO", failed)).toHaveLength(1);
		expect(await judge(left(0, 0), "mount", "EIO", { ...failed, leaked: 1 })).toHaveLength(1);
		expect(await judge(left(0, 0), "mount", "EPERM", failed)).toHaveLength(1);
		expect(await judge(left(0, 0), "umount", "EIO", failed)).toHaveLength(1);
	});
});
