/** install: what can be said before the minutes of packing is said then, and nothing is touched. */

import { execFileSync, spawn } from "node:child_process";
import {
	chownSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	realpathSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { configure, type InstallOptions, install, mount, pack, umount } from "../../../src/index.ts";
import { cli } from "../../support/cli.ts";
import {
	mountsBelow,
	placeTarball,
	placeTree,
	type Scratch,
	scratchRoot,
	smallRelease,
} from "../../support/scratch.ts";

const base = "defconfig";
const build = `build-${smallRelease}`;

describe("install refuses before it packs", () => {
	it.each<[string, string, (scratch: Scratch) => InstallOptions]>([
		["an owner that nobody is", "ERR_KSQUASH_USAGE", () => ({ owner: "nobody-has-this-name" })],
		["a fragment that is not there", "ERR_KSQUASH_NO_INPUT", () => ({ fragments: ["/nowhere/my.config"] })],
		["a base that is not there", "ERR_KSQUASH_NO_INPUT", () => ({ base: "/nowhere/config" })],
		["a variant that is no name", "ERR_KSQUASH_RELEASE_NAME", () => ({ variant: "a/b" })],
		["a build directory outside of the root", "ERR_KSQUASH_USAGE", () => ({ buildDir: "/elsewhere" })],
		["a build directory in no directory", "ERR_KSQUASH_NO_INPUT", ({ path }) => ({ buildDir: path("none/k") })],
		["a build directory with a blank", "ERR_KSQUASH_USAGE", ({ path }) => ({ buildDir: path("a b") })],
		["a compiler that is not there", "ERR_KSQUASH_TOOL_MISSING", () => ({ cross: "no-such-arch-linux-" })],
		[
			"a build directory that somebody could swap",
			"ERR_KSQUASH_FOREIGN_OWNER",
			({ path }) => {
				mkdirSync(path("home"));
				chownSync(path("home"), 1234, 1234);
				return { buildDir: path("home/k") };
			},
		],
	])("%s", async (_, code, make) => {
		for (const place of [placeTree, placeTarball]) {
			const scratch = scratchRoot();
			const source = place(scratch);
			const before = readdirSync(scratch.src);
			const options = { root: scratch.root, base, ...make(scratch) };
			await expect(install(source, options)).rejects.toMatchObject({ code });
			await expect(install(source, { ...options, dryRun: true })).rejects.toMatchObject({ code });
			expect(readdirSync(scratch.src)).toEqual(before);
		}
	});

	it("a usual place that holds something else", async () => {
		const scratch = scratchRoot();
		const tree = placeTree(scratch);
		mkdirSync(join(scratch.src, build));
		writeFileSync(join(scratch.src, build, "mine"), "");
		await expect(install(tree, { root: scratch.root, base })).rejects.toMatchObject({ code: "ERR_KSQUASH_OCCUPIED" });
		expect(existsSync(join(tree, "Makefile"))).toBe(true);
		expect(mountsBelow(scratch.root)).toEqual([]);
	});

	it("with replace, a mount of the old image that is in use", async () => {
		const scratch = scratchRoot();
		const { root } = scratch;
		const tree = placeTree(scratch, "tmp/other");
		const { pack: packed } = await install(tree, { root, base });
		const child = spawn("sleep", ["60"], { cwd: packed.mountPoint, stdio: "ignore" });
		const ended = new Promise((resolve) => child.once("exit", resolve));
		onTestFinished(() => {
			child.kill("SIGKILL");
		});
		const image = readFileSync(packed.image);
		await expect(install(tree, { root, base, replace: true, preset: "fast" })).rejects.toMatchObject({
			code: "ERR_KSQUASH_BUSY",
			notes: [expect.stringContaining(`pid ${child.pid}`)],
		});
		expect(readFileSync(packed.image).equals(image)).toBe(true);
		child.kill("SIGKILL");
		await ended;
		const again = await install(tree, { root, base, replace: true, preset: "fast" });
		expect(again.mount).toMatchObject({ already: false });
		expect((await mount(smallRelease, { root })).already).toBe(true);
	});
});

describe("install", () => {
	it("configures from a tree that is to stay in its place, and mounts nothing over it", async () => {
		for (const checkout of [false, true]) {
			const scratch = scratchRoot();
			const tree = placeTree(scratch);
			if (checkout) mkdirSync(join(tree, ".git"));
			const result = await install(tree, { root: scratch.root, base, keepSource: !checkout });
			expect(result.mount).toBeUndefined();
			expect(result.pack.source).toBe("kept");
			expect(existsSync(join(result.configure.buildDir, ".config"))).toBe(true);
			execFileSync("make", ["-C", result.configure.buildDir, "all"], { stdio: "pipe" });
			expect(mountsBelow(scratch.root)).toEqual([]);
			expect(existsSync(join(tree, "Makefile"))).toBe(true);
		}
	});

	it("says what is done and what is left when a later step fails", async () => {
		const scratch = scratchRoot();
		const { root } = scratch;
		mkdirSync(join(scratch.src, `linux-${smallRelease}`));
		writeFileSync(join(scratch.src, `linux-${smallRelease}`, "mine"), "");
		const tarball = placeTarball(scratch);
		await expect(install(tarball, { root, base })).rejects.toMatchObject({
			code: "ERR_KSQUASH_OCCUPIED",
			resume: [
				{ verb: "mount", release: smallRelease, options: { root } },
				{ verb: "configure", release: smallRelease, options: { base, root } },
				{ verb: "select", release: smallRelease, options: { root } },
			],
		});
		const rest = ["mount", "configure", "select"].map((verb) => {
			return `ksquash ${verb} ${smallRelease}${verb === "configure" ? " --base defconfig" : ""} --root ${root}`;
		});
		const { stderr } = await cli(["install", tarball, "--base", base, "--root", root]);
		expect(stderr).toContain(`\n  ${smallRelease} is packed; what is left: ${rest.join(" && ")}\n`);
		expect(existsSync(join(scratch.src, `linux-${smallRelease}.sqfs`))).toBe(true);
	});

	it("takes a variant, and a build directory below a root that is given through a link", async () => {
		const scratch = scratchRoot();
		symlinkSync(scratch.root, scratch.path("tmp-link"));
		const root = scratch.path("tmp-link");
		const options = { root, base, variant: "debug", buildDir: join(root, "elsewhere") };
		const { configure: made } = await install(placeTarball(scratch), options);
		expect(realpathSync(join(scratch.src, `${build}-debug`))).toBe(scratch.path("elsewhere"));
		expect(made.buildDir).toBe(scratch.path("elsewhere"));
	});

	it("reads a tarball through a link, and does not remove it through one", async () => {
		const scratch = scratchRoot();
		const { root } = scratch;
		const tarball = placeTarball(scratch);
		symlinkSync(tarball, scratch.path("latest.tar.xz"));
		await expect(pack(scratch.path("latest.tar.xz"), { root, replaceSource: true })).rejects.toMatchObject({
			code: "ERR_KSQUASH_USAGE",
		});
		expect(await pack(scratch.path("latest.tar.xz"), { root })).toMatchObject({ already: false, source: "kept" });
	});
});

describe("configure", () => {
	it("as root, in a user's directory, says how to build there as that user", async () => {
		const scratch = scratchRoot();
		const { root } = scratch;
		await install(placeTarball(scratch), { root, base, owner: "nobody" });
		for (const dryRun of [true, false]) {
			await expect(configure(smallRelease, { root, dryRun })).rejects.toMatchObject({
				code: "ERR_KSQUASH_FOREIGN_OWNER",
				hint: expect.stringMatching(/^the option owner: "nobody" /),
			});
		}
	});

	it("with dryRun finds what the real run would refuse", async () => {
		const scratch = scratchRoot();
		const dry = { root: scratch.root, dryRun: true, base } as const;
		await expect(configure("6.2", dry)).rejects.toMatchObject({ code: "ERR_KSQUASH_NO_INPUT" });
		await install(placeTarball(scratch), { root: scratch.root, base });
		expect((await configure(smallRelease, dry)).plan).toEqual([expect.stringMatching(/^keep .*as the last configure/)]);
		expect((await configure(smallRelease, { ...dry, set: ["SQUASHFS=y"] })).plan.length).toBeGreaterThan(1);
		await umount(smallRelease, { root: scratch.root });
		await expect(configure(smallRelease, dry)).rejects.toMatchObject({ code: "ERR_KSQUASH_NO_INPUT" });
	});
});

describe("the command line", () => {
	it("prints one JSON object for wrong arguments, too, and takes flags before the command", async () => {
		const usage = { error: { code: "ERR_KSQUASH_USAGE", message: expect.any(String) }, warnings: [] };
		for (const args of [
			["mount", "--all", "6.1"],
			["status", "--jsn"],
			["instal", "x"],
			["status", "--", "-b"],
		]) {
			const { status, json } = await cli(["--json", ...args]);
			expect([status, json()]).toMatchObject([64, usage]);
		}
		const scratch = scratchRoot();
		const { status, json } = await cli(["--root", scratch.root, "--json", "pack", placeTarball(scratch)]);
		expect([status, json()]).toMatchObject([0, { release: smallRelease, warnings: [] }]);
	});

	it("has the warnings in its JSON", async () => {
		const scratch = scratchRoot();
		writeFileSync(join(scratch.src, ".linux-6.1.1.sqfs.tmp"), "");
		const { json } = await cli(["pack", "--json", "--root", scratch.root, placeTarball(scratch)]);
		expect(json()).toMatchObject({ warnings: [expect.stringContaining(".linux-6.1.1.sqfs.tmp")] });
	});

	it.each([
		["-comp", "--comp"],
		["-b", "--block-size"],
		["-e", "every entry"],
		["-action-file", "every entry"],
	])("refuses %s behind --, and says what to do", async (option, words) => {
		const scratch = scratchRoot();
		const { status, stderr } = await cli(["pack", "--root", scratch.root, placeTarball(scratch), "--", option, "x"]);
		expect([status, stderr]).toEqual([64, expect.stringContaining(words)]);
	});
});
