/** Links, mounts and dry runs below another root: what is checked before, and what is said. */

import { execFileSync, spawn } from "node:child_process";
import {
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	readlinkSync,
	renameSync,
	rmSync,
	symlinkSync,
	truncateSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { install, mount, mountAll, pack, remove, select, status, umount } from "../../../src/index.ts";
import {
	mountsBelow,
	placeTarball,
	placeTree,
	type Scratch,
	scratchRoot,
	smallRelease,
} from "../../support/scratch.ts";

const base = "defconfig";
const name = `linux-${smallRelease}`;
const build = `build-${smallRelease}`;

async function installed(): Promise<Scratch & { image: string; mountPoint: string }> {
	const scratch = scratchRoot();
	const { image, mountPoint } = (await install(placeTarball(scratch), { root: scratch.root, base })).pack;
	return { ...scratch, image, mountPoint };
}

describe("the link /usr/src/linux below another root", () => {
	it("is ours also when it says where it leads as seen from that root", async () => {
		const { root, src } = await installed();
		const link = join(src, "linux");
		rmSync(link);
		symlinkSync(`/usr/src/${build}`, link);
		expect((await status({ root })).releases).toMatchObject([{ selected: true }]);
		expect(await select(smallRelease, { root, onlyOwn: true })).toMatchObject({ moved: true, target: build });
		expect(readlinkSync(link)).toBe(build);
		rmSync(link);
		symlinkSync(`/usr/src/${build}`, link);
		await remove(smallRelease, { root });
		expect(readdirSync(src)).toEqual([]);
	});

	it("is a person's own when it leads to a directory of his there", async () => {
		const { root, src, path } = await installed();
		mkdirSync(path("home/me/linux"), { recursive: true });
		rmSync(join(src, "linux"));
		symlinkSync("/home/me/linux", join(src, "linux"));
		const { moved, left } = await select(smallRelease, { root, onlyOwn: true });
		expect([moved, left]).toEqual([false, expect.stringContaining("/home/me/linux")]);
		await remove(smallRelease, { root });
		expect(readlinkSync(join(src, "linux"))).toBe("/home/me/linux");
	});

	it("does not dangle when it led to the mount point", async () => {
		const { root, src } = await installed();
		rmSync(join(src, "linux"));
		symlinkSync(name, join(src, "linux"));
		await remove(smallRelease, { root });
		expect(readdirSync(src)).toEqual([]);
	});

	it("is moved only to a build directory with our mark", async () => {
		const { root, src } = await installed();
		rmSync(join(src, build, ".ksquash.json"));
		rmSync(join(src, "linux"));
		await expect(select(smallRelease, { root })).rejects.toMatchObject({ code: "ERR_KSQUASH_NO_INPUT" });
		rmSync(join(src, build), { recursive: true });
		writeFileSync(join(src, build), "");
		await expect(select(smallRelease, { root })).rejects.toMatchObject({ code: "ERR_KSQUASH_NO_INPUT" });
		await expect(select(smallRelease, { root, dryRun: true })).rejects.toMatchObject({ code: "ERR_KSQUASH_NO_INPUT" });
		expect(existsSync(join(src, "linux"))).toBe(false);
	});

	it("the root may be given through a link", async () => {
		const { root, path, image } = await installed();
		symlinkSync(root, path("tmp/way"));
		const [row] = (await status({ root: path("tmp/way") })).releases;
		expect(row).toMatchObject({ image, state: "mounted", selected: true });
		await remove(smallRelease, { root: path("tmp/way") });
		expect(readdirSync(path("usr/src"))).toEqual([]);
	});
});

describe("mount", () => {
	it("makes no mount point for a file that is no image", async () => {
		const scratch = scratchRoot();
		await pack(placeTarball(scratch), { root: scratch.root });
		truncateSync(join(scratch.src, `${name}.sqfs`), 4096);
		await expect(mount(smallRelease, { root: scratch.root })).rejects.toMatchObject({ code: "ERR_KSQUASH_IMAGE" });
		expect(readdirSync(scratch.src)).toEqual([`${name}.sqfs`, `${name}.sqfs.json`, `${name}.sqfs.list.gz`]);
		expect((await mountAll({ root: scratch.root })).failed).toMatchObject([{ release: smallRelease }]);
	});

	it("says that an older image is mounted, and what to do", async () => {
		const { root, image, path } = await installed();
		renameSync(image, path("old.sqfs"));
		execFileSync("cp", [path("old.sqfs"), image]);
		const refusal = {
			code: "ERR_KSQUASH_OCCUPIED",
			resume: ["umount", "mount"].map((verb) => ({ verb, release: smallRelease, options: { root } })),
		};
		await expect(mount(smallRelease, { root })).rejects.toMatchObject(refusal);
		await expect(mount(smallRelease, { root, dryRun: true })).rejects.toMatchObject(refusal);
		await umount(smallRelease, { root });
		expect((await mount(smallRelease, { root })).already).toBe(false);
	});
});

describe("a dry run", () => {
	it("of mount and umount says what is so, and refuses what the real one would", async () => {
		const { root, mountPoint } = await installed();
		const dry = { root, dryRun: true } as const;
		expect(await mount(smallRelease, dry)).toMatchObject({ already: true, plan: [expect.stringContaining("nothing")] });
		const child = spawn("sleep", ["60"], { cwd: mountPoint, stdio: "ignore" });
		onTestFinished(() => {
			child.kill("SIGKILL");
		});
		await expect(umount(smallRelease, dry)).rejects.toMatchObject({
			code: "ERR_KSQUASH_BUSY",
			notes: [expect.stringContaining(`pid ${child.pid}`)],
		});
		expect((await umount(smallRelease, { ...dry, lazy: true })).plan).toEqual([expect.stringContaining("lazily")]);
		const ended = new Promise((resolve) => child.once("exit", resolve));
		child.kill("SIGKILL");
		await ended;
		expect((await umount(smallRelease, dry)).plan).toEqual([`unmount ${mountPoint}`]);
		expect(mountsBelow(root)).toEqual([mountPoint]);
		await umount(smallRelease, { root });
		expect((await umount(smallRelease, dry)).plan).toEqual([expect.stringContaining("nothing")]);
		expect((await mount(smallRelease, dry)).plan).toEqual([expect.stringContaining(`mount `)]);
		writeFileSync(join(mountPoint, "file"), "");
		await expect(mount(smallRelease, dry)).rejects.toMatchObject({ code: "ERR_KSQUASH_OCCUPIED" });
	});

	it("of remove names what goes, in order, and what stays", async () => {
		const { root, src, image, mountPoint, path } = await installed();
		writeFileSync(join(src, build, "notes.txt"), "mine");
		const { plan = [] } = await remove(smallRelease, { root, dryRun: true });
		expect(plan).toEqual([
			`save .config of ${join(src, build)} below ${path("var/lib/ksquash/kept")}`,
			`remove ${join(src, "linux")}`,
			`unmount ${mountPoint}`,
			...[join(src, build), mountPoint, image, `${image}.list.gz`, `${image}.json`].map((gone) => `remove ${gone}`),
			expect.stringMatching(/^leave .*notes\.txt: Kbuild did not make it/),
		]);
		expect([existsSync(image), existsSync(path("var"))]).toEqual([true, false]);
	});

	it("of pack says that an image of other content is refused, and finds a busy tree", async () => {
		const scratch = scratchRoot();
		const tree = placeTree(scratch);
		await pack(tree, { root: scratch.root, keepSource: true });
		const { plan = [] } = await pack(tree, { root: scratch.root, dryRun: true });
		expect(plan[0]).toMatch(/^compare .* refuse other content$/);
		const child = spawn("sleep", ["60"], { cwd: tree, stdio: "ignore" });
		onTestFinished(() => {
			child.kill("SIGKILL");
		});
		await expect(pack(tree, { root: scratch.root, dryRun: true })).rejects.toMatchObject({ code: "ERR_KSQUASH_BUSY" });
	});
});

describe("pack of what is packed already", () => {
	it("refuses what it cannot do without the source, and ends what was begun", async () => {
		const { root, mountPoint } = await installed();
		await expect(pack(mountPoint, { root, replace: true })).rejects.toMatchObject({ code: "ERR_KSQUASH_USAGE" });
		await expect(pack(mountPoint, { root, release: "6.2" })).rejects.toMatchObject({ code: "ERR_KSQUASH_USAGE" });
		expect(await pack(smallRelease, { root })).toMatchObject({ already: true, source: "absent" });
		const warnings: string[] = [];
		await pack(smallRelease, { root, preset: "smallest", onWarning: (line) => warnings.push(line) });
		expect(warnings).toEqual([expect.stringContaining("the option replace, with its tarball or tree, packs it anew")]);
	});

	it("takes no mount of another file system for its own", async () => {
		const { root, mountPoint } = await installed();
		await umount(smallRelease, { root });
		execFileSync("mount", ["-t", "tmpfs", "none", mountPoint]);
		await expect(pack(mountPoint, { root })).rejects.toMatchObject({ code: "ERR_KSQUASH_NOT_A_KERNEL" });
	});

	it("believes the manifest of a tarball's image only as long as the image is what it was", async () => {
		const { root, image, path } = await installed();
		await umount(smallRelease, { root });
		expect((await pack(path("linux.tar.xz"), { root })).already).toBe(true);
		const bytes = readFileSync(image);
		bytes[200] = (bytes[200] as number) ^ 1;
		writeFileSync(image, bytes);
		await expect(pack(path("linux.tar.xz"), { root })).rejects.toMatchObject({ code: "ERR_KSQUASH_EXISTS" });
	});
});
