/** Whose a build directory is: one owner for all of it, and another user's. */

import { execFileSync } from "node:child_process";
import {
	chmodSync,
	chownSync,
	cpSync,
	existsSync,
	lstatSync,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	renameSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { prepareDirectory } from "../../../src/build/directory.ts";
import { readOwned, writeOwned } from "../../../src/build/files.ts";
import { runTarget } from "../../../src/build/kbuild.ts";
import { findOwner, type Owner } from "../../../src/build/ownership.ts";

const fixture = new URL("../../fixtures/small-kernel", import.meta.url).pathname;
const RELEASE = "6.1.99-small";

let root: string;
let source: string;
let build: string;
let owner: Owner;

beforeEach(async () => {
	root = mkdtempSync(join(tmpdir(), "ksquash-build-"));
	chmodSync(root, 0o755);
	source = join(root, "linux");
	build = join(root, "out");
	cpSync(fixture, source, { recursive: true, verbatimSymlinks: true });
	owner = await findOwner(process.geteuid?.() ?? 0);
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

const prepare = (changes: Partial<Parameters<typeof prepareDirectory>[0]> = {}) =>
	prepareDirectory({ path: build, source, release: RELEASE, owner, ...changes });

describe.skipIf(process.geteuid?.() !== 0)("one owner (root only)", () => {
	let nobody: Owner;
	beforeEach(async () => {
		nobody = await findOwner("nobody");
	});

	test("planted programs in a directory that another user can write are not run", async () => {
		const proof = join(root, "proof");
		mkdirSync(join(build, "scripts/kconfig"), { recursive: true });
		writeFileSync(join(build, "scripts/kconfig/conf"), `#!/bin/sh\ntouch ${proof}\n`, { mode: 0o755 });
		writeFileSync(join(build, "scripts/kconfig/.conf.cmd"), `x := $(shell touch ${proof})\n`);
		symlinkSync(source, join(build, "source"));
		for (const path of ["scripts/kconfig/conf", "scripts/kconfig/.conf.cmd"])
			chownSync(join(build, path), nobody.uid, nobody.gid);
		const refused = {
			code: "ERR_KSQUASH_FOREIGN_OWNER",
			exitStatus: 77,
			hint: expect.stringContaining("chown -R -h 0:0"),
		};
		await expect(prepare()).rejects.toMatchObject(refused);
		await expect(runTarget({ source, build, owner }, ["olddefconfig"])).rejects.toMatchObject(refused);
		expect(existsSync(proof)).toBe(false);
	});
	test("writable by others is foreign, too", async () => {
		await prepare();
		writeFileSync(join(build, "x"), "");
		chmodSync(join(build, "x"), 0o666);
		await expect(prepare()).rejects.toMatchObject({ notes: [expect.stringContaining("x")] });
	});
	test("an ancestor that another user owns or can write", async () => {
		const above = join(root, "above");
		mkdirSync(above);
		chownSync(above, nobody.uid, nobody.gid);
		await expect(prepare({ path: join(above, "out") })).rejects.toThrow(`${above} belongs to the user ${nobody.uid}`);
		chownSync(above, 0, 0);
		chmodSync(above, 0o777);
		await expect(prepare({ path: join(above, "out") })).rejects.toThrow(`${above} can be written by others`);
		chmodSync(above, 0o1777);
		expect((await prepare({ path: join(above, "out") })).state).toBe("created");
	});
});

describe.skipIf(process.geteuid?.() !== 0)("another owner's directory (root only)", () => {
	let nobody: Owner;
	beforeEach(async () => {
		nobody = await findOwner("nobody");
	});

	test("an owner's directory is made, marked and written as the owner's", async () => {
		await prepare({ owner: nobody });
		for (const name of [".", ".ksquash.json", "GNUmakefile"]) expect(lstatSync(join(build, name)).uid).toBe(nobody.uid);
		expect(lstatSync(build).mode & 0o777).toBe(0o755);
		expect((await prepare({ owner: nobody })).state).toBe("opened");
		await expect(prepare()).rejects.toMatchObject({ code: "ERR_KSQUASH_FOREIGN_OWNER" });
	});
	test("in a place of the owner's own, too", async () => {
		const home = join(root, "home");
		mkdirSync(home);
		chownSync(home, nobody.uid, nobody.gid);
		await prepare({ path: join(home, "out"), owner: nobody });
		expect(lstatSync(join(home, "out")).uid).toBe(nobody.uid);
	});
	test("a link that the owner leaves leads root nowhere", async () => {
		await prepare({ owner: nobody });
		const secret = join(root, "secret");
		writeFileSync(secret, "CONFIG_SECRET=y\n", { mode: 0o600 });
		symlinkSync(secret, join(build, ".config"));
		await expect(readOwned(build, ".config", nobody)).rejects.toMatchObject({ code: "ERR_KSQUASH_FOREIGN_OWNER" });
		await writeOwned(build, ".config", "CONFIG_A=y\n", nobody);
		expect(readFileSync(secret, "latin1")).toBe("CONFIG_SECRET=y\n");
		expect(lstatSync(join(build, ".config"))).toMatchObject({ uid: nobody.uid });
		symlinkSync(".config", join(build, "link"));
		await expect(readOwned(build, "link", nobody)).rejects.toMatchObject({ code: "ERR_KSQUASH_FOREIGN_OWNER" });
		execFileSync("mkfifo", [join(build, "fifo")]);
		chownSync(join(build, "fifo"), nobody.uid, nobody.gid);
		await expect(readOwned(build, "fifo", nobody)).rejects.toMatchObject({ code: "ERR_KSQUASH_FOREIGN_OWNER" });
	});
	test("a directory swapped for a link to root's place is not written through", async () => {
		await prepare({ owner: nobody });
		const place = join(root, "etc");
		mkdirSync(place);
		renameSync(build, `${build}.gone`);
		symlinkSync(place, build);
		await expect(writeOwned(build, "GNUmakefile", "x", nobody)).rejects.toMatchObject({ code: "ERR_KSQUASH_IO" });
		expect(execFileSync("ls", ["-A", place]).toString()).toBe("");
	});
	test("every byte arrives, whoever owns the file", async () => {
		await prepare({ owner: nobody });
		for (const data of [Buffer.from(Array.from({ length: 70_000 }, (_, at) => at % 256)), Buffer.alloc(0)]) {
			await writeOwned(build, "x", data, nobody);
			expect(await readOwned(build, "x", nobody)).toEqual(data);
		}
		expect(execFileSync("ls", ["-A", build]).toString()).not.toContain("tmp");
	});
	test("users are found by name and number; made-up numbers are users, made-up names are not", async () => {
		expect(await findOwner("root")).toMatchObject({ uid: 0, gid: 0, known: true, home: "/root" });
		expect(await findOwner("54321")).toMatchObject({ uid: 54321, gid: 54321, known: false });
		await expect(findOwner("no-such-user-here")).rejects.toMatchObject({ code: "ERR_KSQUASH_USAGE" });
		await expect(findOwner("-x")).rejects.toMatchObject({ code: "ERR_KSQUASH_USAGE" });
	});
});
