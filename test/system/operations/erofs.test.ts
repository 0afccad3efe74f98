/** --format erofs: the same proof, manifest, mounts and refusals as squashfs, by whatever mkfs.erofs is there. */

import { execFileSync } from "node:child_process";
import { copyFileSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { doctor, mount, pack, remove, status, umount, verify } from "../../../src/index.ts";
import { inspectImage, listTree } from "../../../src/native/verbs.ts";
import { run, which } from "../../../src/process/run.ts";
import { contentHash } from "../../../src/system/list.ts";
import { hashes, listing } from "../../support/content.ts";
import { buildHelper, call, policyText, sandbox } from "../../support/helper.ts";
import { mustWork } from "../../support/kernel.ts";
import { loopsBelow, placeTarball, placeTree, type Scratch, scratchRoot, smallRelease } from "../../support/scratch.ts";

const there = which("mkfs.erofs") !== undefined && readFileSync("/proc/filesystems", "utf8").includes("\terofs\n");
const lacks = "no mkfs.erofs (erofs-utils), or no erofs in the kernel";

interface Written {
	image: { format: string; compressor: string; time: number };
	content: { sha256: string };
	tools: Record<string, string>;
}

function manifest(image: string): Written {
	return JSON.parse(readFileSync(`${image}.json`, "utf8")) as Written;
}

async function packed(scratch: Scratch, options = {}): Promise<string> {
	const { image } = await pack(placeTarball(scratch), { root: scratch.root, format: "erofs", ...options });
	return image;
}

describe.skipIf(!there && !mustWork)(`erofs (skipped where there is ${lacks})`, () => {
	it("from a tarball: proved, mounted, verified, unmounted, removed", async () => {
		const scratch = scratchRoot();
		const image = await packed(scratch);
		const tree = scratch.path("tmp", `linux-${smallRelease}`);
		expect(manifest(image)).toMatchObject({ image: { format: "erofs" }, proof: "mount" });
		const { target } = await mount(smallRelease, { root: scratch.root });
		expect(listing(target)).toBe(listing(tree));
		expect(hashes(target)).toBe(hashes(tree));
		expect((await mount(smallRelease, { root: scratch.root })).already).toBe(true);
		const [row] = (await status({ root: scratch.root })).releases;
		expect(row).toMatchObject({ state: "mounted", problems: [] });
		for (const depth of ["quick", "full", "deep"] as const) {
			expect((await verify(smallRelease, { root: scratch.root, depth })).depth).toBe(depth);
		}
		await umount(smallRelease, { root: scratch.root });
		expect(loopsBelow(scratch.root)).toEqual([]);
		await remove(smallRelease, { root: scratch.root });
		expect(readdirSync(scratch.src)).toEqual([]);
	});

	it("a tree gives way to it, and the content is squashfs's", async () => {
		const scratch = scratchRoot();
		const other = scratchRoot();
		const tree = placeTree(scratch);
		const sums = hashes(tree);
		await run("cp", ["-a", `${tree}/.`, other.path("k")]);
		const { image, source, mountPoint } = await pack(tree, { root: scratch.root, format: "erofs" });
		expect(source).toBe("replaced");
		expect(hashes(mountPoint)).toBe(sums);
		const squashed = await pack(other.path("k"), { root: other.root });
		expect(manifest(image).content).toEqual(manifest(squashed.image).content);
		expect(manifest(squashed.image).image.format).toBe("squashfs");
	});

	it("twice: the same bytes", async () => {
		const [scratch, other] = [scratchRoot(), scratchRoot()];
		const tarball = placeTarball(scratch);
		const first = await pack(tarball, { root: scratch.root, format: "erofs", jobs: 1 });
		const second = await pack(tarball, { root: other.root, format: "erofs", nice: true });
		expect(readFileSync(second.image).equals(readFileSync(first.image))).toBe(true);
	});

	it("is read back without a mount, too", async () => {
		const scratch = scratchRoot();
		const image = await packed(scratch, { preset: "fast" });
		const { erofs } = await import("../../../src/image/erofs.ts");
		const read = await erofs.readBack(image, {});
		expect(contentHash(read)).toBe(manifest(image).content.sha256);
		expect(contentHash(await listTree({ image }))).toBe(manifest(image).content.sha256);
		expect(readdirSync(scratch.src).filter((name) => name.startsWith("."))).toEqual([]);
	});

	it("is mounted by the helper: for a user, and at boot", async () => {
		buildHelper();
		const box = await sandbox();
		copyFileSync(await packed(scratchRoot()), box.place("linux-6.1"));
		const mounted = () => execFileSync("findmnt", ["-no", "FSTYPE", box.path("src/linux-6.1")], { encoding: "utf8" });
		expect(call(box, ["mount", "linux-6.1"])).toMatchObject({ status: 0, stderr: "" });
		expect(mounted()).toBe("erofs\n");
		expect(JSON.parse(call(box, ["--json", "status", "linux-6.1"]).stdout)).toMatchObject({ result: "mounted" });
		expect(call(box, ["umount", "linux-6.1"]).status).toBe(0);
		box.policy(policyText(box.images, "umount = yes").replace("[rule test]", "[rule boot]"));
		expect(call(box, ["boot"], { as: ["env"] })).toMatchObject({ status: 0, stderr: "" });
		expect(mounted()).toBe("erofs\n");
		expect(call(box, ["unboot"], { as: ["env"] }).status).toBe(0);
		expect(loopsBelow(box.base)).toEqual([]);
	});

	it("has a line in doctor", async () => {
		const { checks } = await doctor();
		expect(checks.find(({ name }) => name === "mkfs.erofs")).toMatchObject({ result: "ok" });
	});

	it("refuses what it cannot do before any work", async () => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch);
		const refuse = async (options: object, code: string): Promise<void> => {
			await expect(pack(tarball, { root: scratch.root, format: "erofs", ...options })).rejects.toMatchObject({ code });
		};
		await refuse({ compressor: "xz" }, "ERR_KSQUASH_USAGE");
		await refuse({ toolOptions: ["-no-fragments"] }, "ERR_KSQUASH_USAGE");
		await refuse({ blockSize: 5000 }, "ERR_KSQUASH_USAGE");
		expect(readdirSync(scratch.src)).toEqual([]);
	});

	it.each<[string, (file: string) => void, RegExp]>([
		["truncated", (file) => truncateSync(file, 8192), /truncated: it says/],
		["with a changed superblock", (file) => flip(file, 1024 + 16), /checksum of its EROFS superblock/],
		["of a block size that none has", (file) => put(file, 1024 + 12, 40), /block size 2\^40/],
		["cut within the superblock", (file) => truncateSync(file, 1100), /wrong magic|zeroes/],
	])("an image %s is refused with its reason, before it is mounted", async (_, spoil, why) => {
		const scratch = scratchRoot();
		const image = await packed(scratch);
		const copy = join(scratch.root, "copy.sqfs");
		copyFileSync(image, copy);
		spoil(copy);
		await expect(inspectImage(copy)).rejects.toMatchObject({ code: "EINVAL", reason: expect.stringMatching(why) });
		await expect(inspectImage(image)).resolves.toMatchObject({ format: "erofs" });
	});
});

function put(file: string, at: number, value: number): void {
	const bytes = readFileSync(file);
	bytes[at] = value;
	writeFileSync(file, bytes);
}

function flip(file: string, at: number): void {
	put(file, at, (readFileSync(file)[at] ?? 0) ^ 1);
}
