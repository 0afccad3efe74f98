/** Tarballs that must be refused: 65, the entry named, nothing written, the file kept. */

import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { type Header, pack as tarPack } from "tar-stream";
import { describe, expect, it } from "vitest";
import { placeTarball, type Scratch, scratchRoot } from "../support/scratch.ts";
import { expectClean, expectRefusal, ksquash, name, type Ran, replacedProgram } from "./support.ts";

async function pack(scratch: Scratch, source: string, ...more: string[]): Promise<Ran> {
	return await ksquash(["pack", source, "--root", scratch.root, ...more]);
}

type Extra = Partial<Header> & { name: string } & { body?: string };

/** The small kernel as a tar, with more entries behind its own. */
async function tarWith(scratch: Scratch, extras: readonly Extra[]): Promise<string> {
	const tarball = placeTarball(scratch, "bad.tar");
	const bytes = readFileSync(tarball);
	let end = bytes.length;
	while (bytes.subarray(end - 512, end).every((byte) => byte === 0)) end -= 512;
	truncateSync(tarball, end);
	const more = tarPack();
	for (const { body, ...header } of extras) more.entry({ mtime: new Date(1e12), ...header }, body ?? "");
	more.finalize();
	for await (const chunk of more) appendFileSync(tarball, chunk as Buffer);
	return tarball;
}

describe("tarballs that are refused", () => {
	it.each<[string, Extra[], string]>([
		["a name with ..", [{ name: `${name}/../../evil`, body: "x" }], "leads out of the tree"],
		["an absolute name", [{ name: "/tmp/evil", body: "x" }], "leads out of the tree"],
		["a link out", [{ name: `${name}/out`, type: "symlink", linkname: "../../etc" }], "outside of the tree"],
		["an absolute link", [{ name: `${name}/out`, type: "symlink", linkname: "/etc" }], "outside of the tree"],
		[
			"a file below a link",
			[
				{ name: `${name}/in`, type: "symlink", linkname: "lib" },
				{ name: `${name}/in/evil`, body: "x" },
			],
			"below what is no directory",
		],
		["a file twice", [{ name: `${name}/README`, body: "x" }], "twice"],
		["a link in place of a directory", [{ name: `${name}/lib`, type: "symlink", linkname: "init" }], "twice"],
		["a hard link to nothing", [{ name: `${name}/hard`, type: "link", linkname: `${name}/gone` }], "no file before it"],
		["a hard link out", [{ name: `${name}/hard`, type: "link", linkname: "/etc/passwd" }], "no file before it"],
		["two top directories", [{ name: "other/file", body: "x" }], "not below"],
		["a name that is too long", [{ name: `${name}/${"n".repeat(256)}`, body: "x" }], "longer than 255"],
		["an empty part", [{ name: `${name}/lib//x`, body: "x" }], "not plain"],
	])("%s: 65, named, nothing written", async (_, extras, what) => {
		const scratch = scratchRoot();
		const tarball = await tarWith(scratch, extras);
		const ran = await pack(scratch, tarball, "--replace-source");
		expectRefusal(ran, 65, tarball, what, basename(extras.at(-1)?.name ?? ""));
		expect(existsSync("/tmp/evil")).toBe(false);
		expect(existsSync(tarball)).toBe(true);
		expectClean(scratch, []);
	});

	it("a device in it is kept as a device, or refused by name", async () => {
		const scratch = scratchRoot();
		const entry = { name: `${name}/null`, type: "character-device", devmajor: 1, devminor: 3, mode: 0o600 } as const;
		const ran = await pack(scratch, await tarWith(scratch, [entry]));
		if (ran.status !== 0) expectRefusal(ran, 65, "null");
		else expectClean(scratch, [`${name}.sqfs`, `${name}.sqfs.json`, `${name}.sqfs.list.gz`]);
	});

	it.each([
		["half of an .xz", "linux.tar.xz", (size: number) => Math.floor(size / 2)],
		["an .xz without its last bytes", "linux.tar.xz", (size: number) => size - 8],
		["an .gz without its last bytes", "linux.tar.gz", (size: number) => size - 4],
		["half of a tar", "linux.tar", (size: number) => Math.floor(size / 2)],
		["a tar at an entry's end", "linux.tar", () => 512],
		["a tar without its end mark", "linux.tar", () => -1],
	])("%s: 65", async (_, file, cut) => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch, file);
		const bytes = readFileSync(tarball);
		let end = cut(bytes.length);
		if (end < 0) {
			end = bytes.length;
			while (bytes.subarray(end - 512, end).every((byte) => byte === 0)) end -= 512;
		}
		truncateSync(tarball, end);
		const ran = await pack(scratch, tarball, "--replace-source");
		expectRefusal(ran, 65, tarball, /cut off|damaged/);
		expect(readFileSync(tarball)).toHaveLength(end);
		expectClean(scratch, []);
	});

	it.each([
		["text", "hello\n".repeat(200), /neither a tar nor compressed/],
		["an empty file", "", /it is empty/],
	])("%s: 65", async (_, text, what) => {
		const scratch = scratchRoot();
		writeFileSync(scratch.path("no.tar"), text);
		expectRefusal(await pack(scratch, scratch.path("no.tar")), 65, what, "no.tar");
		expectClean(scratch, []);
	});

	it("a tarball of something else, a FIFO, a path that is not there", async () => {
		const scratch = scratchRoot();
		mkdirSync(scratch.path("other/thing"), { recursive: true });
		writeFileSync(scratch.path("other/thing/file"), "x");
		execFileSync("tar", ["-cf", scratch.path("other.tar"), "-C", scratch.path("other"), "thing"]);
		expectRefusal(await pack(scratch, scratch.path("other.tar")), 65, "no kernel source", "other.tar");
		execFileSync("mkfifo", [scratch.path("fifo")]);
		const writer = spawn("sh", ["-c", 'exec sleep 20 >"$1"', "sh", scratch.path("fifo")]);
		expectRefusal(await pack(scratch, scratch.path("fifo")), 65, "no regular file");
		writer.kill("SIGKILL");
		expectRefusal(await pack(scratch, scratch.path("gone.tar")), 66, "gone.tar");
		expectClean(scratch, []);
	});

	it("an entry refused long before the end: the entry is named, not the decompressor that was let go", async () => {
		const scratch = scratchRoot();
		const tree = scratch.path("tmp", name);
		placeTarball(scratch);
		writeFileSync(scratch.path("tmp/big"), randomBytes(8 << 20));
		execFileSync("ln", ["-s", "/etc", `${tree}/out`]);
		const members = [`${name}/Makefile`, `${name}/out`, "big"];
		execFileSync("tar", ["-cJf", scratch.path("k.tar.xz"), "-C", scratch.path("tmp"), ...members]);
		const ran = await pack(scratch, scratch.path("k.tar.xz"));
		expectRefusal(ran, 65, "outside of the tree", "out");
		expectClean(scratch, []);
	});

	it("a decompressor that is killed is no damage of the tarball's", async () => {
		const scratch = scratchRoot();
		const prefix = replacedProgram(scratch, "xz", 'case $1 in -dc) "$REAL" -dc | head -c 4096; kill -9 $$;; esac');
		const ran = await ksquash(["pack", placeTarball(scratch), "--root", scratch.root], { prefix });
		expectRefusal(ran, 70, "xz was ended by SIGKILL", "short of memory");
		expect(ran.stderr).not.toContain("damaged");
		expectClean(scratch, []);
	});
});
