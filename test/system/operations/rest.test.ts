/** What has a name like ours, or half of what it was: it is never taken for what it is not. */

import { execFileSync } from "node:child_process";
import {
	chownSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	readlinkSync,
	renameSync,
	rmSync,
	symlinkSync,
	unlinkSync,
	utimesSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { install, pack, remove, status, umount, umountAll } from "../../../src/index.ts";
import { cli, cliPath } from "../../support/cli.ts";
import { mountsBelow, placeTarball, placeTree, scratchRoot, smallRelease } from "../../support/scratch.ts";

const base = "defconfig";
const name = `linux-${smallRelease}`;
const build = `build-${smallRelease}`;

describe("a tree elsewhere whose removal broke off", () => {
	it("is never packed as a whole one, by its own name or another", async () => {
		const scratch = scratchRoot();
		const { root } = scratch;
		const tree = placeTree(scratch, "t/mine");
		const { image } = await pack(tree, { root });
		const bytes = readFileSync(image);
		const log = scratch.path("trace");
		const args = ["pack", tree, "--replace-source", "--root", root];

		const inject = ["-e", "trace=unlinkat", "-e", "inject=unlinkat:signal=KILL:when=5"];
		expect(() =>
			execFileSync("strace", ["-f", "-o", log, ...inject, process.execPath, cliPath, ...args], { stdio: "pipe" }),
		).toThrow();
		const rest = scratch.path("t/.mine.ksquash-rest");
		expect([existsSync(tree), existsSync(rest)]).toEqual([false, true]);
		for (const source of [tree, rest]) {
			for (const replace of [false, true]) {
				await expect(pack(source, { root, replace, replaceSource: true })).rejects.toMatchObject({
					code: "ERR_KSQUASH_OCCUPIED",
					message: expect.stringContaining(rest),
				});
			}
		}
		// Under a name of a person's: the words do not lead to --replace.
		renameSync(rest, scratch.path("t/half"));
		// A directory that has lost an entry has another time, too.
		rmSync(scratch.path("t/half/include/uapi"), { recursive: true, force: true });
		const { status: code, stderr } = await cli(["pack", scratch.path("t/half"), "--root", root]);
		expect([code, stderr.includes("--replace")]).toEqual([73, false]);
		expect(readFileSync(image).equals(bytes)).toBe(true);
	});
});

it("a tree that only lost an entry is not offered to be replaced, though its directory has another time", async () => {
	const scratch = scratchRoot();
	const { root } = scratch;
	const tree = placeTree(scratch, "t/mine");
	await pack(tree, { root });
	rmSync(join(tree, "kernel/fork.c"));
	utimesSync(join(tree, "kernel"), 1, 1);
	const lost = await cli(["pack", tree, "--root", root]);
	expect([lost.status, lost.stderr.includes("--replace"), lost.stderr.includes("only lacks")]).toEqual([
		73,
		false,
		true,
	]);
	writeFileSync(join(tree, "kernel/new.c"), "");
	const changed = await cli(["pack", tree, "--root", root]);
	expect([changed.status, changed.stderr.includes("--replace")]).toEqual([73, true]);
});

describe("names like ours", () => {
	it("of another program's temporary files are left alone, whatever they are", async () => {
		const scratch = scratchRoot();
		const { root, src } = scratch;
		const mine = [".backup.sqfs.tmp", ".my.sqfs.json.0123456789ab.tmp", ".linux-.sqfs.tmp"];
		for (const file of mine) writeFileSync(join(src, file), "mine");
		mkdirSync(join(src, ".disk.sqfs.tmp"));
		await install(placeTarball(scratch), { root, base });
		await remove(smallRelease, { root });
		expect(readdirSync(src).toSorted()).toEqual([...mine, ".disk.sqfs.tmp"].toSorted());
	});

	it("an empty directory of a person's behind a link stays, with the link", async () => {
		const scratch = scratchRoot();
		const { root, src, path } = scratch;
		await pack(placeTarball(scratch), { root });
		mkdirSync(path("home/u/mydir"), { recursive: true });
		chownSync(path("home/u/mydir"), 1234, 1234);
		symlinkSync("/home/u/mydir", join(src, build));
		const { stays } = await remove(smallRelease, { root });
		expect(stays.join()).toContain("home/u/mydir");
		expect(existsSync(path("home/u/mydir"))).toBe(true);
		expect(readlinkSync(join(src, build))).toBe("/home/u/mydir");
	});

	it("a file that only looks like a manifest is no release, and a FIFO is not waited for", async () => {
		const scratch = scratchRoot();
		const { root, src } = scratch;
		writeFileSync(join(src, "linux-foo.sqfs.json"), "{}");
		await pack(placeTarball(scratch), { root });
		unlinkSync(join(src, `${name}.sqfs.json`));
		execFileSync("mkfifo", [join(src, `${name}.sqfs.json`)]);
		expect((await umountAll({ root })).failed).toEqual([]);
		expect((await status({ root })).releases).toMatchObject([
			{ release: smallRelease, problems: [expect.stringContaining("no regular file")] },
		]);
		await expect(remove(smallRelease, { root })).rejects.toMatchObject({ code: "ERR_KSQUASH_MANIFEST" });
	});

	it("another file in the image's place makes the mount the last copy", async () => {
		const scratch = scratchRoot();
		const { root } = scratch;
		const { image } = (await install(placeTarball(scratch), { root, base })).pack;
		renameSync(image, `${image}.away`);
		writeFileSync(image, Buffer.alloc(8192));
		const refusal = { code: "ERR_KSQUASH_BUSY", hint: expect.stringContaining(`${image}.rescued`) };
		await expect(umount(smallRelease, { root })).rejects.toMatchObject(refusal);
		rmSync(image);
		renameSync(`${image}.away`, image);
		expect((await umount(smallRelease, { root })).already).toBe(false);
		expect(mountsBelow(root)).toEqual([]);
	});

	it("many files of a person's do not hide the one that changed", async () => {
		const scratch = scratchRoot();
		const { root } = scratch;
		const { buildDir } = (await install(placeTarball(scratch), { root, base })).configure;
		for (let i = 0; i < 1200; i++) writeFileSync(join(buildDir, `a-note-${i}`), "");
		const config = join(buildDir, ".config");
		const result = await remove(smallRelease, {
			root,
			onProgress: ({ step, state }) => {
				if (step === "remove" && state === "start") writeFileSync(config, "# late\n");
			},
		});
		expect(result.stays.filter((line) => line.includes("changed"))).toEqual([expect.stringContaining(config)]);
		expect(existsSync(join(buildDir, ".ksquash.json"))).toBe(true);
	});
});
