/** install and pack on the small kernel: real mksquashfs, real loop devices, real mounts, a real make. */

import { execFileSync } from "node:child_process";
import {
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	readlinkSync,
	rmSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
	install,
	KsquashError,
	type PackResult,
	type ProgressEvent,
	pack,
	remove,
	status,
} from "../../../src/index.ts";
import { hashes, listing } from "../../support/content.ts";
import {
	loopsBelow,
	mountsBelow,
	placeTarball,
	placeTree,
	type Scratch,
	scratchRoot,
	smallRelease,
} from "../../support/scratch.ts";

const base = "defconfig";

function manifest(result: PackResult): { content: { sha256: string }; origin: { kind: string }; arguments: string[] } {
	return JSON.parse(readFileSync(`${result.image}.json`, "utf8"));
}

function everything(scratch: Scratch): string {
	return `${listing(scratch.root)}\n${hashes(scratch.root)}`;
}

describe("install of a tree in its place", () => {
	it("puts an equal, mounted image in the tree's place, and make works beside it", async () => {
		const scratch = scratchRoot();
		const tree = placeTree(scratch);
		const before = [listing(tree), hashes(tree)];
		const result = await install(tree, { root: scratch.root, base });
		expect(result).toMatchObject({ release: smallRelease, pack: { already: false, source: "replaced", kept: [] } });
		expect(mountsBelow(scratch.root)).toEqual([tree]);
		expect([listing(tree), hashes(tree)]).toEqual(before);
		expect(() => writeFileSync(join(tree, "new"), "")).toThrow("EROFS");
		execFileSync("make", ["-C", result.configure.buildDir, "kernel/sched/"], { stdio: "pipe" });
		expect(existsSync(join(result.configure.buildDir, "kernel/sched/core.o"))).toBe(true);
		expect(readlinkSync(scratch.path("usr/src/linux"))).toBe(`build-${smallRelease}`);
		expect(existsSync(scratch.path(`usr/src/.linux-${smallRelease}.replaced`))).toBe(false);
	});

	it("done twice is done once: nothing is packed, mounted or made again", async () => {
		const scratch = scratchRoot();
		const tree = placeTree(scratch);
		await install(tree, { root: scratch.root, base });
		const inode = statSync(`${tree}.sqfs`).ino;
		const again = await install(tree, { root: scratch.root, base });
		expect(again).toMatchObject({ pack: { already: true }, mount: { already: true }, configure: { already: true } });
		expect(again.select.moved).toBe(false);
		expect(statSync(`${tree}.sqfs`).ino).toBe(inode);
		expect(mountsBelow(scratch.root)).toEqual([tree]);
		const byName = await install(smallRelease, { root: scratch.root, base });
		expect(byName.pack.already).toBe(true);
	});

	it("keeps the tree with keepSource, and one under version control unless replaceSource says otherwise", async () => {
		const scratch = scratchRoot();
		const tree = placeTree(scratch);
		mkdirSync(join(tree, ".git"));
		writeFileSync(join(tree, ".git/HEAD"), "ref: refs/heads/main\n");
		const warnings: string[] = [];
		const kept = await pack(tree, { root: scratch.root, onWarning: (text) => warnings.push(text) });
		expect(kept.source).toBe("kept");
		expect(warnings.join()).toContain(".git");
		expect(readFileSync(join(tree, ".git/HEAD"), "utf8")).toContain("refs");
		const replaced = await pack(tree, { root: scratch.root, replaceSource: true });
		expect(replaced).toMatchObject({ already: true, source: "replaced", kept: [".git"] });
		expect(existsSync(join(tree, ".git"))).toBe(false);
		const aside = scratch.path(`usr/src/.linux-${smallRelease}.rest`);
		expect(readFileSync(join(aside, ".git/HEAD"), "utf8")).toContain("refs");
	});

	it("changes nothing with dryRun", async () => {
		const scratch = scratchRoot();
		const tree = placeTree(scratch);
		const before = everything(scratch);
		const result = await install(tree, { root: scratch.root, dryRun: true });
		expect(result.plan?.join("\n")).toContain(tree);
		expect(everything(scratch)).toBe(before);
		expect(mountsBelow(scratch.root)).toEqual([]);
	});
});

describe("other sources", () => {
	it("a tree elsewhere and a tarball are only read, and give the same content as the tree in its place", async () => {
		const scratch = scratchRoot();
		const elsewhere = placeTree(scratch, `home/linux-${smallRelease}`);
		const tarball = scratch.path("linux.tar.xz");
		execFileSync("tar", ["-cJf", tarball, "-C", scratch.path("home"), `linux-${smallRelease}`]);
		const before = everything(scratch);
		const contents: string[] = [];
		for (const source of [elsewhere, tarball, "place"]) {
			const other = scratchRoot();
			const place = join(other.src, `linux-${smallRelease}`);
			if (source === "place") execFileSync("cp", ["-a", elsewhere, place]);
			const result = await pack(source === "place" ? place : source, { root: other.root });
			expect(result.source).toBe(source === "place" ? "replaced" : "kept");
			expect(manifest(result).origin.kind).toBe(source === tarball ? "tarball" : "tree");
			contents.push(manifest(result).content.sha256);
		}
		expect(contents).toEqual([contents[0], contents[0], contents[0]]);
		expect(everything(scratch)).toBe(before);
	});

	it.each(["linux.tar", "linux.tar.gz", "linux.tar.xz", "linux.tar.bz2", "linux.tar.zst"])(
		"packs %s without extracting it",
		async (name) => {
			const scratch = scratchRoot();
			const tarball = placeTarball(scratch, name);
			const tree = scratch.path(`tmp/linux-${smallRelease}`);
			const result = await install(tarball, { root: scratch.root, base });
			expect(listing(result.pack.mountPoint)).toBe(listing(tree));
			expect(hashes(result.pack.mountPoint)).toBe(hashes(tree));
			expect(statSync(result.pack.mountPoint).mtimeMs).toBe(Math.floor(statSync(tree).mtimeMs / 1000) * 1000);
			expect((await install(tarball, { root: scratch.root, base })).pack.already).toBe(true);
		},
	);

	it("packs a tarball whose top directory is older than its files", async () => {
		const scratch = scratchRoot();
		const tree = placeTree(scratch, `tmp/linux-${smallRelease}`);
		execFileSync("touch", ["-d", "2001-01-01", tree]);
		const tarball = scratch.path("old-top.tar");
		execFileSync("tar", ["-cf", tarball, "-C", join(tree, ".."), `linux-${smallRelease}`]);
		const result = await install(tarball, { root: scratch.root, base });
		expect(listing(result.pack.mountPoint)).toBe(listing(tree));
	});

	it("removes a source elsewhere only with replaceSource, after the proof", async () => {
		const scratch = scratchRoot();
		const tree = placeTree(scratch, "home/k");
		expect((await pack(tree, { root: scratch.root, replaceSource: true })).source).toBe("removed");
		expect(existsSync(tree)).toBe(false);
		const other = scratchRoot();
		const tarball = placeTarball(other);
		expect((await pack(tarball, { root: other.root, replaceSource: true })).source).toBe("removed");
		expect(existsSync(tarball)).toBe(false);
	});

	it("keeps releases apart whose names begin alike", async () => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch);
		for (const release of ["6.1", "6.1.1", "6.1.10"]) await install(tarball, { root: scratch.root, base, release });
		await remove("6.1", { root: scratch.root });
		const { releases } = await status({ root: scratch.root });
		expect(releases.map(({ release, state }) => [release, state])).toEqual([
			["6.1.1", "mounted"],
			["6.1.10", "mounted"],
		]);
	});
});

describe("options", () => {
	it.each(["smallest", "balanced", "fast"] as const)("packs with the preset %s", async (preset) => {
		const scratch = scratchRoot();
		const result = await pack(placeTarball(scratch), { root: scratch.root, preset });
		expect(manifest(result)).toMatchObject({ preset });
		const [row] = (await status({ root: scratch.root })).releases;
		expect(row).toMatchObject({ compressor: preset === "smallest" ? "xz" : "zstd", state: "absent" });
	});

	it("passes mksquashfs options through, and refuses those that make an image nobody can mount", async () => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch);
		const options = {
			root: scratch.root,
			compressor: "gzip",
			blockSize: 65536,
			toolOptions: ["-Xcompression-level", "1"],
		} as const;
		const result = await pack(tarball, options);
		expect(manifest(result).arguments.join(" ")).toContain("-comp gzip -b 65536 -Xcompression-level 1");
		const refused = pack(tarball, { root: scratch.root, toolOptions: ["-nopad"], replace: true });
		await expect(refused).rejects.toMatchObject({ code: "ERR_KSQUASH_USAGE", exitStatus: 64 });
		await expect(pack(tarball, { ...options, blockSize: 1000 })).rejects.toMatchObject({ code: "ERR_KSQUASH_USAGE" });
	});

	it("reports progress, and an abort leaves nothing behind", async () => {
		const scratch = scratchRoot();
		const tree = placeTree(scratch);
		const before = everything({ ...scratch, root: tree });
		const events: ProgressEvent[] = [];
		const abort = new AbortController();
		const onProgress = (event: ProgressEvent): void => {
			events.push(event);
			if (event.step === "prove") abort.abort(new Error("enough"));
		};
		await expect(pack(tree, { root: scratch.root, signal: abort.signal, onProgress })).rejects.toThrow("enough");
		expect(events.map(({ step, state }) => `${step} ${state}`)).toContain("pack done");
		expect(everything({ ...scratch, root: tree })).toBe(before);
		expect(readdirSync(scratch.src)).toEqual([`linux-${smallRelease}`]);
		expect(loopsBelow(scratch.root)).toEqual([]);
	});
});

describe("the link", () => {
	it.each([
		[
			"a link to another's directory",
			(src: string) => {
				mkdirSync(join(src, "mine"));
				symlinkSync("mine", join(src, "linux"));
			},
			"mine",
		],
		["a dangling link", (src: string) => symlinkSync("gone", join(src, "linux")), `build-${smallRelease}`],
	])("install meets %s", async (_, prepare, expected) => {
		const scratch = scratchRoot();
		prepare(scratch.src);
		const { select } = await install(placeTarball(scratch), { root: scratch.root, base });
		expect(readlinkSync(join(scratch.src, "linux"))).toBe(expected);
		expect(select.left === undefined).toBe(expected !== "mine");
	});

	it("is moved by select: true, but never where a directory stands", async () => {
		const scratch = scratchRoot();
		mkdirSync(join(scratch.src, "mine"));
		symlinkSync("mine", join(scratch.src, "linux"));
		const tarball = placeTarball(scratch);
		await install(tarball, { root: scratch.root, base, select: true });
		expect(readlinkSync(join(scratch.src, "linux"))).toBe(`build-${smallRelease}`);
		rmSync(join(scratch.src, "linux"));
		mkdirSync(join(scratch.src, "linux"));
		const refused = install(tarball, { root: scratch.root, base, select: true });
		await expect(refused).rejects.toBeInstanceOf(KsquashError);
		expect(statSync(join(scratch.src, "linux")).isDirectory()).toBe(true);
	});
});
