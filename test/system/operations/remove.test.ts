/** remove and configure: what goes, what is saved, what stays. */

import { execFileSync, spawn } from "node:child_process";
import {
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	readlinkSync,
	rmSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { release as running } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { configure, install, pack, remove } from "../../../src/index.ts";
import {
	mountsBelow,
	placeTarball,
	placeTree,
	type Scratch,
	scratchRoot,
	smallRelease,
} from "../../support/scratch.ts";

const base = "defconfig";

async function installed(): Promise<Scratch & { build: string }> {
	const scratch = scratchRoot();
	const { configure: made } = await install(placeTarball(scratch), { root: scratch.root, base });
	return { ...scratch, build: made.buildDir };
}

describe("remove", () => {
	it("removes everything of ours, after saving configs, fragments and keys for root alone", async () => {
		const { root, src, build, path } = await installed();
		execFileSync("make", ["-C", build, "all"], { stdio: "pipe" });
		writeFileSync(join(build, "mine.config"), "CONFIG_X=y\n");
		mkdirSync(join(build, "certs"), { recursive: true });
		writeFileSync(join(build, "certs/signing_key.pem"), "a key");
		const config = readFileSync(join(build, ".config"), "utf8");
		const result = await remove(smallRelease, { root });
		expect(readdirSync(src)).toEqual([]);
		expect(result.stays).toEqual([]);
		expect(mountsBelow(root)).toEqual([]);
		const kept = result.kept ?? "";
		expect(kept.startsWith(path("var/lib/ksquash/kept", smallRelease))).toBe(true);
		expect(readFileSync(join(kept, ".config"), "utf8")).toBe(config);
		expect(readFileSync(join(kept, "certs/signing_key.pem"), "utf8")).toBe("a key");
		expect(existsSync(join(kept, "mine.config"))).toBe(true);
		expect(statSync(join(kept, ".config")).mode & 0o777).toBe(0o600);
		const { dev, ino } = statSync(src);
		expect(readdirSync("/run/ksquash").filter((name) => name.startsWith(`${dev}-${ino}-`))).toEqual([]);
	});

	it("keeps what Kbuild did not make, unless purge", async () => {
		const { root, build } = await installed();
		mkdirSync(join(build, "notes"));
		writeFileSync(join(build, "notes/todo.txt"), "mine");
		const result = await remove(smallRelease, { root });
		expect(result.stays.join()).toContain("notes/todo.txt");
		expect(readFileSync(join(build, "notes/todo.txt"), "utf8")).toBe("mine");
		expect(existsSync(join(build, ".config"))).toBe(false);
		expect(existsSync(join(build, "..", `linux-${smallRelease}.sqfs`))).toBe(false);
	});

	it("removes those too with purge", async () => {
		const { root, build } = await installed();
		writeFileSync(join(build, "todo.txt"), "mine");
		expect((await remove(smallRelease, { root, purge: true })).stays).toEqual([]);
		expect(existsSync(build)).toBe(false);
	});

	it.each(["source", "build directory"])(
		"refuses while somebody stands in the %s, and changes nothing",
		async (place) => {
			const { root, src, build } = await installed();
			const cwd = place === "source" ? join(src, `linux-${smallRelease}`) : build;
			const child = spawn("sleep", ["100"], { cwd, stdio: "ignore" });
			onTestFinished(() => {
				child.kill("SIGKILL");
			});
			const before = readdirSync(src);
			await expect(remove(smallRelease, { root })).rejects.toMatchObject({
				code: "ERR_KSQUASH_BUSY",
				notes: [expect.stringContaining(`sleep (pid ${child.pid}`)],
			});
			expect(readdirSync(src)).toEqual(before);
			expect(existsSync(join(build, ".config"))).toBe(true);
			expect(existsSync(join(root, "var"))).toBe(false);
		},
	);

	it("leaves a build directory without our mark, and a foreign link", async () => {
		const scratch = scratchRoot();
		await pack(placeTarball(scratch), { root: scratch.root });
		const build = join(scratch.src, `build-${smallRelease}`);
		mkdirSync(build);
		writeFileSync(join(build, ".config"), "mine");
		const result = await remove(smallRelease, { root: scratch.root });
		expect(result.stays).toEqual([expect.stringContaining(build)]);
		expect(readFileSync(join(build, ".config"), "utf8")).toBe("mine");
	});

	it("moves the link to another build directory of ours rather than leave it dangling", async () => {
		const { root, src } = await installed();
		const tarball = placeTarball({ root, src, path: (...parts) => join(root, ...parts) }, "again.tar");
		await install(tarball, { root, base, release: "6.2" });
		expect(readlinkSync(join(src, "linux"))).toBe("build-6.2");
		expect((await remove("6.2", { root })).link).toBe(`build-${smallRelease}`);
		expect(readlinkSync(join(src, "linux"))).toBe(`build-${smallRelease}`);
	});

	it("wants a release that is here, and knows the running kernel only of its own root", async () => {
		const scratch = scratchRoot();
		await pack(placeTarball(scratch), { root: scratch.root, release: running() });
		expect((await remove(running(), { root: scratch.root })).removed).toHaveLength(3);
		mkdirSync(join(scratch.src, "linux-6.2"));
		await expect(remove("6.2", { root: scratch.root })).rejects.toMatchObject({ code: "ERR_KSQUASH_NO_RELEASE" });
		expect(readdirSync(scratch.src)).toEqual(["linux-6.2"]);
	});

	it("never touches a plain tree that stands at the mount point", async () => {
		const scratch = scratchRoot();
		const tree = placeTree(scratch);
		await pack(tree, { root: scratch.root, keepSource: true });
		const result = await remove(smallRelease, { root: scratch.root });
		expect(result.stays).toEqual([expect.stringContaining("no empty directory")]);
		expect(existsSync(join(tree, "Makefile"))).toBe(true);
	});
});

describe("configure", () => {
	it("never overwrites a hand-edited .config: it is the base", async () => {
		const { root, build } = await installed();
		const config = join(build, ".config");
		const edited = readFileSync(config, "utf8").replace(/^CONFIG_LOCALVERSION=.*$/m, 'CONFIG_LOCALVERSION="-mine"');
		writeFileSync(config, edited);
		const result = await configure(smallRelease, { root });
		expect(result).toMatchObject({ already: false, base: expect.stringContaining(config) });
		expect(readFileSync(config, "utf8")).toContain('CONFIG_LOCALVERSION="-mine"');
		expect((await configure(smallRelease, { root })).already).toBe(true);
	});

	it("merges fragments, and names what they asked for in vain", async () => {
		const { root, path, build } = await installed();
		const fragment = path("mine.config");
		writeFileSync(fragment, 'CONFIG_LOCALVERSION="-frag"\nCONFIG_NOT_A_SYMBOL=y\n');
		const result = await configure(smallRelease, { root, fragments: [fragment] });
		expect(readFileSync(join(build, ".config"), "utf8")).toContain('CONFIG_LOCALVERSION="-frag"');
		expect(result.missed).toEqual([expect.stringContaining(`${fragment}:2: CONFIG_NOT_A_SYMBOL=y`)]);
	});

	it("makes the directory elsewhere, leaves a link in its place, and remove takes both", async () => {
		const scratch = scratchRoot();
		const elsewhere = scratch.path("big/disk");
		mkdirSync(elsewhere, { recursive: true });
		const buildDir = join(elsewhere, "kernel");
		await install(placeTarball(scratch), { root: scratch.root, base, buildDir });
		expect(readlinkSync(join(scratch.src, `build-${smallRelease}`))).toBe("../../big/disk/kernel");
		expect((await configure(smallRelease, { root: scratch.root })).already).toBe(true);
		await remove(smallRelease, { root: scratch.root });
		expect([existsSync(buildDir), readdirSync(scratch.src)]).toEqual([false, []]);
	});

	it("makes a second one with variant", async () => {
		const { root, src } = await installed();
		const { buildDir } = await configure(smallRelease, { root, base, variant: "debug" });
		expect(buildDir).toBe(join(src, `build-${smallRelease}-debug`));
		await remove(smallRelease, { root });
		expect(existsSync(buildDir)).toBe(false);
	});

	it("works for a user: his files, his make, and refused for root", async () => {
		const scratch = scratchRoot();
		rmSync(scratch.path("tmp"), { recursive: true, force: true });
		const { configure: made } = await install(placeTarball(scratch), { root: scratch.root, base, owner: "nobody" });
		const nobody = Number(execFileSync("id", ["-u", "nobody"], { encoding: "utf8" }));
		expect(statSync(join(made.buildDir, ".config")).uid).toBe(nobody);
		await expect(configure(smallRelease, { root: scratch.root })).rejects.toMatchObject({
			code: "ERR_KSQUASH_FOREIGN_OWNER",
			exitStatus: 77,
		});
	});

	it("says what to mount when the source is not there", async () => {
		const scratch = scratchRoot();
		await pack(placeTarball(scratch), { root: scratch.root });
		await expect(configure(smallRelease, { root: scratch.root })).rejects.toMatchObject({
			code: "ERR_KSQUASH_NO_INPUT",
			hint: `mount it first: mount("${smallRelease}", { root: "${scratch.root}" })`,
			resume: [{ verb: "mount", release: smallRelease, options: { root: scratch.root } }],
		});
	});
});
