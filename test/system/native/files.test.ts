import { execFile, spawn } from "node:child_process";
import {
	chmodSync,
	chownSync,
	closeSync,
	existsSync,
	mkdirSync,
	openSync,
	readFileSync,
	readlinkSync,
	renameSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";
import * as native from "../../../src/native/verbs.ts";
import { cleanUp, fresh, rejection, smallImage } from "./support.ts";

afterAll(cleanUp);

const file = (text: string) => {
	const path = fresh("file", false);
	writeFileSync(path, text);
	return path;
};
const addon = new URL("../../../build/Release/ksquash.node", import.meta.url).pathname;

describe("renames", () => {
	it("exchanges a directory and a file", async () => {
		const [a, b] = [fresh(), file("b")];
		await native.exchange(a, b);
		expect(readFileSync(a, "utf8")).toBe("b");
		expect(statSync(b).isDirectory()).toBe(true);
		expect(await rejection(native.exchange(a, `${b}.none`))).toMatchObject({
			code: "ENOENT",
			path: a,
			dest: `${b}.none`,
		});
	});

	it("takes a free name only, and never a link's target", async () => {
		const [a, b] = [file("a"), file("b")];
		expect(await rejection(native.renameNew(a, b))).toMatchObject({ code: "EEXIST" });
		const dangling = fresh("link", false);
		symlinkSync("none", dangling);
		expect(await rejection(native.renameNew(a, dangling))).toMatchObject({ code: "EEXIST" });
		await native.renameNew(a, `${b}.new`);
		expect(readFileSync(`${b}.new`, "utf8")).toBe("a");
		expect(readFileSync(b, "utf8")).toBe("b");
	});

	it("refuses paths without a name", async () => {
		expect(await rejection(native.renameNew("/", "/x"))).toMatchObject({ code: "EINVAL" });
		expect(await rejection(native.exchange(`${fresh()}/..`, fresh()))).toMatchObject({ code: "EINVAL" });
		expect((await rejection(native.flushFile("a\0b"))).message).toMatch(/NUL/);
		expect((await rejection(native.flushFile(""))).message).toMatch(/empty/);
	});
});

describe("resolveInRoot", () => {
	const root = fresh("root");
	mkdirSync(join(root, "usr/src/tree"), { recursive: true });
	symlinkSync("/usr", join(root, "abs"));
	symlinkSync("../../../../usr/src", join(root, "up"));
	symlinkSync("/nowhere/x", join(root, "dangling"));
	symlinkSync("loop", join(root, "loop"));
	symlinkSync("tree", join(root, "usr/src/linux"));

	it.each([
		["/usr/src", "/usr/src"],
		["usr//./src/", "/usr/src"],
		["/", ""],
		["/..", ""],
		["/../../etc/passwd", "/etc/passwd"],
		["/abs/src", "/usr/src"],
		["/abs/none/more", "/usr/none/more"],
		["/up/tree", "/usr/src/tree"],
		["/dangling/a", "/nowhere/x/a"],
		["/usr/src/linux", "/usr/src/linux"],
		["/usr/src/linux/.", "/usr/src/linux"],
		["/usr/src/linux/..", "/usr/src"],
		["/abs/..", ""],
		["/up/../x", "/usr/x"],
		["/none/../usr/src", "/usr/src"],
	])("%s", async (inside, outside) => {
		expect(await native.resolveInRoot(root, inside)).toBe(root + outside);
	});

	it("ends at a loop of links, and works for the real root", async () => {
		expect(await rejection(native.resolveInRoot(root, "/loop/x"))).toMatchObject({ code: "ELOOP" });
		expect(await native.resolveInRoot("/", join(root, "usr/src/linux"))).toBe(join(root, "usr/src/linux"));
		expect(await native.resolveInRoot("/", "/")).toBe("/");
		expect(await rejection(native.resolveInRoot(join(root, "none"), "/x"))).toMatchObject({ code: "ENOENT" });
	});
});

describe("lock", () => {
	it("is one's alone until it is given back, and then its file is gone", async () => {
		const path = fresh("lock", false);
		const token = await native.lock(path);
		expect(statSync(path).mode & 0o777).toBe(0o600);
		expect(await rejection(native.lock(path))).toMatchObject({ code: "EWOULDBLOCK", syscall: "flock", path });
		const waiting = native.lock(path, 5000);
		setTimeout(() => void native.unlock(token), 50);
		await native.unlock(await waiting);
		await native.unlock(12345);
		expect(existsSync(path)).toBe(false);
	});

	it("never removes a file that took the place of its own", async () => {
		const path = fresh("lock", false);
		const token = await native.lock(path);
		renameSync(path, `${path}.moved`);
		writeFileSync(path, "another's");
		await native.unlock(token);
		expect(readFileSync(path, "utf8")).toBe("another's");
	});

	it("is one process's at a time, though its file goes and comes", { timeout: 60_000 }, async () => {
		const path = fresh("lock", false);
		const witness = fresh("witness", false);
		// Who holds the lock makes a file that must not be there yet, and takes it away.
		const script = `const { tryLock, unlock } = require(${JSON.stringify(addon)}), fs = require("fs");
			(async () => { for (let held = 0; held < 400; ) {
				const token = await tryLock(${JSON.stringify(path)}).catch(() => undefined);
				if (token === undefined) continue;
				fs.closeSync(fs.openSync(${JSON.stringify(witness)}, "wx")); fs.unlinkSync(${JSON.stringify(witness)});
				held++; await unlock(token);
			} })().catch((error) => { console.error(error); process.exit(1); });`;
		const runs = Array.from({ length: 4 }, () => promisify(execFile)(process.execPath, ["-e", script]));
		onTestFinished(() => {
			for (const { child } of runs) child.kill("SIGKILL");
		});
		await Promise.all(runs);
		expect(existsSync(path)).toBe(false);
	});

	it("goes with the process that held it", async () => {
		const path = fresh("lock", false);
		const script = `require(${JSON.stringify(addon)}).tryLock(${JSON.stringify(path)}).then(()=>{console.log(1);setInterval(()=>{},1e3)})`;
		const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
		await new Promise((done) => child.stdout.once("data", done));
		expect(await rejection(native.lock(path))).toMatchObject({ code: "EWOULDBLOCK" });
		child.kill("SIGKILL");
		await native.unlock(await native.lock(path, 5000));
		expect(existsSync(path)).toBe(false);
	});

	it("is not taken through a link or on a directory", async () => {
		const link = fresh("link", false);
		symlinkSync(file(""), link);
		expect(await rejection(native.lock(link))).toMatchObject({ code: "ELOOP" });
		expect((await rejection(native.lock(fresh()))).code).toBe("EISDIR");
	});
});

describe("holders", () => {
	it("names a cwd, an open file and a mapping in a mount, and nobody after", async () => {
		const target = fresh();
		await native.mountImage({ image: smallImage(), target });
		expect(await native.holders(target)).toEqual([]);
		const child = spawn("sleep", ["60"], { cwd: join(target, "sub"), stdio: "ignore" });
		await new Promise((done) => child.once("spawn", done));
		expect(await native.holders(target)).toEqual([
			{ pid: child.pid, comm: "sleep", uid: 0, how: ["cwd"], path: join(target, "sub"), writes: false },
		]);
		child.kill();
		await new Promise((done) => child.once("close", done));
		const fd = openSync(join(target, "file"), "r");
		expect(await native.holders(target)).toMatchObject([{ pid: process.pid, how: ["fd"], path: join(target, "file") }]);
		closeSync(fd);
		expect(await native.umount(target)).toEqual({ stillHeld: false });
	});

	it("tells a writer in a plain tree, and not one in a tree with a longer name", async () => {
		const dir = fresh("linux-6.1");
		mkdirSync(`${dir}.1`);
		const fd = openSync(join(`${dir}.1`, "log"), "w");
		expect(await native.holders(dir)).toEqual([]);
		expect(await native.holders(`${dir}.1`)).toMatchObject([{ pid: process.pid, how: ["fd"], writes: true }]);
		closeSync(fd);
		expect(await rejection(native.holders(`${dir}.none`))).toMatchObject({ code: "ENOENT" });
	});
});

describe("foreignEntries", () => {
	it("finds other owners and others' write bits, at any depth", async () => {
		const dir = fresh();
		mkdirSync(join(dir, "a/b"), { recursive: true });
		for (const name of ["mine", "a/theirs", "a/b/open", "a/group"]) writeFileSync(join(dir, name), "");
		symlinkSync("/etc", join(dir, "link"));
		expect(await native.foreignEntries(dir, 0)).toEqual([]);
		chownSync(join(dir, "a/theirs"), 1000, 0);
		chmodSync(join(dir, "a/b/open"), 0o646);
		chmodSync(join(dir, "a/group"), 0o664);
		expect((await native.foreignEntries(dir, 0)).sort()).toEqual(
			["a/b/open", "a/group", "a/theirs"].map((name) => join(dir, name)),
		);
		for (let i = 0; i < 30; i++) {
			writeFileSync(join(dir, `${i}`), "");
			chmodSync(join(dir, `${i}`), 0o666);
		}
		expect(await native.foreignEntries(dir, 0)).toHaveLength(20);
		expect((await native.foreignEntries(dir, 1000)).length).toBe(20);
	});
});

describe("probe and flushFile", () => {
	it("says what this kernel has", async () => {
		const probe = await native.probe();
		expect(probe).toMatchObject({
			loopControl: "ok",
			squashfs: true,
			capabilities: { sysAdmin: true },
			initialMountNamespace: false,
			inUserNamespace: false,
		});
		expect(probe.kernel).toBe(readFileSync("/proc/sys/kernel/osrelease", "utf8").trim());
		expect(readlinkSync("/proc/self/ns/mnt")).toMatch(/mnt/);
	});

	it("syncs a file and a directory", async () => {
		await native.flushFile(file("x"));
		await native.flushFile(fresh());
		expect(await rejection(native.flushFile(fresh("none", false)))).toMatchObject({ code: "ENOENT", syscall: "open" });
	});
});
