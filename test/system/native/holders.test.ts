/** Each way to hold a mount, by processes of the test's own; what the unmount then says. */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { holders, mountImage, umount } from "../../../src/native/verbs.ts";
import { cleanUp, fresh, ownLoops, pack, rejection } from "./support.ts";

const children: ChildProcess[] = [];
afterEach(async () => {
	for (const child of children.splice(0)) {
		const closed = new Promise((done) => child.once("close", done));
		if (child.kill("SIGKILL")) await closed;
	}
});
afterAll(cleanUp);

const tree = fresh();
copyFileSync("/bin/sleep", join(tree, "sleep"));
chmodSync(join(tree, "sleep"), 0o755);
writeFileSync(join(tree, "file"), "x".repeat(5000));
mkdirSync(join(tree, "sub"));
const image = pack(tree);

async function mounted(): Promise<string> {
	const target = fresh();
	await mountImage({ image, target });
	return target;
}

/** Starts a program that says a line when it holds what it is to hold. */
async function start(
	file: string,
	args: string[],
	options: { cwd?: string } = {},
): Promise<ChildProcess & { pid: number }> {
	const child = spawn(file, args, { ...options, stdio: ["pipe", "pipe", "inherit"] });
	children.push(child);
	await new Promise((done) => child.stdout?.once("data", done));
	return child as ChildProcess & { pid: number };
}

const python = (code: string, ...args: string[]) =>
	start("python3", ["-c", `import mmap,os,sys,time\n${code}\nprint(flush=True)\ntime.sleep(60)`, ...args]);

async function end(child: ChildProcess): Promise<void> {
	const closed = new Promise((done) => child.once("close", done));
	child.kill("SIGKILL");
	await closed;
}

describe("holders of a mount", () => {
	const ways: [string, (target: string) => Promise<ChildProcess & { pid: number }>, string][] = [
		["cwd", (target) => start("sh", ["-c", "echo; exec sleep 60"], { cwd: join(target, "sub") }), "sub"],
		["root", (target) => python("os.chroot(sys.argv[1])", target), ""],
		["fd", (target) => python("f = open(sys.argv[1])", join(target, "file")), "file"],
		[
			"map",
			(target) =>
				python(
					"f = open(sys.argv[1]); m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ); f.close()",
					join(target, "file"),
				),
			"file",
		],
	];
	it.each(ways)("names who holds it by %s, and the unmount does too", async (how, hold, below) => {
		const target = await mounted();
		const child = await hold(target);
		const found = await holders(target);
		expect(found).toHaveLength(1);
		expect(found[0]).toMatchObject({
			pid: child.pid,
			uid: 0,
			path: below === "" ? target : join(target, below),
			writes: false,
		});
		// Python's mmap keeps a descriptor of its own.
		expect(found[0]?.how).toContain(how);
		const error = await rejection(umount(target));
		expect(error).toMatchObject({ code: "EBUSY", reason: `in use by ${found[0]?.comm} (pid ${child.pid})` });
		await end(child);
		expect(await holders(target)).toEqual([]);
		await umount(target);
		expect(ownLoops()).toEqual([]);
	});

	it("names the program that runs from it (exe), mapped too", async () => {
		const target = await mounted();
		const child = spawn(join(target, "sleep"), ["60"], { stdio: "ignore" });
		children.push(child);
		await new Promise((done) => child.once("spawn", done));
		const [found] = await holders(target);
		expect(found).toMatchObject({ pid: child.pid, comm: "sleep", how: ["exe", "map"], path: join(target, "sleep") });
		expect((await rejection(umount(target))).reason).toBe(`in use by sleep (pid ${child.pid})`);
		await end(child);
		await umount(target);
	});

	it("names a file system mounted below it", async () => {
		const target = await mounted();
		execFileSync("mount", ["-t", "tmpfs", "none", join(target, "sub")]);
		expect(await holders(target)).toEqual([
			{ pid: 0, comm: "tmpfs", uid: 0, how: ["mount"], path: join(target, "sub"), writes: false },
		]);
		expect((await rejection(umount(target))).reason).toBe(`in use by tmpfs mounted at ${join(target, "sub")}`);
		await umount(join(target, "sub"));
		await umount(target);
	});

	it("names one process of each other namespace with a copy, which keeps the device bound", async () => {
		const target = await mounted();
		const child = await start("unshare", ["--mount", "--propagation", "private", "sh", "-c", "echo; exec sleep 60"]);
		expect(await holders(target)).toMatchObject([{ pid: child.pid, how: ["namespace"], path: target }]);
		expect(await umount(target)).toEqual({ stillHeld: true });
		expect(ownLoops()).toHaveLength(1);
		await end(child);
		expect(ownLoops()).toEqual([]);
	});

	it("says of a busy mount which of its users are only in another namespace", async () => {
		const target = await mounted();
		const copy = await start("unshare", ["--mount", "--propagation", "private", "sh", "-c", "echo; exec sleep 60"]);
		const user = await start("sh", ["-c", "echo; exec sleep 60"], { cwd: target });
		const reason = String((await rejection(umount(target))).reason);
		expect(reason).toContain(`(pid ${copy.pid}, whose mount namespace has a copy)`);
		expect(reason).toContain(`(pid ${user.pid})`);
		await end(copy);
		await end(user);
		await umount(target);
		expect(ownLoops()).toEqual([]);
	});

	it("does not name a namespace that our unmount reaches", async () => {
		const shared = fresh();
		execFileSync("mount", ["-t", "tmpfs", "none", shared]);
		execFileSync("mount", ["--make-shared", shared]);
		const target = join(shared, "m");
		mkdirSync(target);
		await mountImage({ image, target });
		const child = await start("unshare", ["--mount", "--propagation", "slave", "sh", "-c", "echo; exec sleep 60"]);
		const copies = () =>
			readFileSync(`/proc/${child.pid}/mountinfo`, "utf8")
				.split("\n")
				.filter((row) => row.includes(target));
		expect(copies()).toHaveLength(1);
		expect(await holders(target)).toEqual([]);
		expect(await umount(target)).toEqual({ stillHeld: false });
		expect(copies()).toHaveLength(0);
		await end(child);
		await umount(shared);
	});

	it("names five and counts the rest", async () => {
		const target = await mounted();
		for (let i = 0; i < 7; i++) await start("sh", ["-c", "echo; exec sleep 60"], { cwd: target });
		const { reason } = await rejection(umount(target));
		expect(reason).toMatch(/^in use by (sleep \(pid \d+\), ){4}sleep \(pid \d+\) and 2 more$/);
		for (const child of children.splice(0)) await end(child);
		await umount(target);
	});
});

describe("holders of a tree", () => {
	it("finds files mapped for writing, and mounts below, and not a neighbour's", async () => {
		const top = fresh();
		mkdirSync(join(top, "a/m"), { recursive: true });
		mkdirSync(join(top, "a.b"));
		for (const name of ["a/x", "a.b/x"]) writeFileSync(join(top, name), "y".repeat(4096));
		const code = "f = open(sys.argv[1], 'r+b'); m = mmap.mmap(f.fileno(), 0); f.close()";
		const child = await python(code, join(top, "a/x"));
		await python(code, join(top, "a.b/x"));
		execFileSync("mount", ["-t", "tmpfs", "none", join(top, "a/m")]);
		expect(await holders(join(top, "a"))).toMatchObject([
			{ pid: 0, how: ["mount"], path: join(top, "a/m") },
			{ pid: child.pid, how: expect.arrayContaining(["map"]), writes: true },
		]);
		await umount(join(top, "a/m"));
	});
});
