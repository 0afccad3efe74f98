/** An image or a temporary one that is there already, and two ksquashes at once. */

import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { hashes, listing } from "../support/content.ts";
import { loopsBelow, mountsBelow, placeTarball, type Scratch, scratchRoot, smallRelease } from "../support/scratch.ts";
import {
	content,
	expectClean,
	expectRefusal,
	has,
	imageHolds,
	ksquash,
	name,
	names,
	placeSmall,
	replacedProgram,
	same,
	strace,
} from "./support.ts";

const image = `${name}.sqfs`;

async function packed(scratch: Scratch): Promise<string> {
	const tarball = placeTarball(scratch);
	expect(await ksquash(["pack", tarball, "--root", scratch.root])).toMatchObject({ status: 0 });
	return tarball;
}

/** A tarball of the small kernel in which one file is another. */
function otherTarball(scratch: Scratch): string {
	appendFileSync(scratch.path("tmp", name, "README"), "other\n");
	execFileSync("tar", ["-cf", scratch.path("other.tar"), "-C", scratch.path("tmp"), name]);
	return scratch.path("other.tar");
}

describe("an image of this release is there", () => {
	it("of other content: 73, naming both, and nothing changes", async () => {
		const scratch = scratchRoot();
		const tarball = await packed(scratch);
		const before = [listing(scratch.src), hashes(scratch.src)];
		const other = otherTarball(scratch);
		const place = scratch.path("tmp", name);
		for (const source of [other, place]) {
			const ran = await ksquash(["pack", source, "--root", scratch.root, "--replace-source"]);
			expectRefusal(ran, 73, tarball, source, join(scratch.src, image), "--replace", "README");
			expect([listing(scratch.src), hashes(scratch.src)]).toEqual(before);
			expect(existsSync(source)).toBe(true);
		}
	});

	it("of the same content: a tree in its place gives way after a new proof", async () => {
		const scratch = scratchRoot();
		const place = placeSmall(join(scratch.src, name));
		const before = content(place);
		expect(await ksquash(["pack", place, "--keep-source", "--root", scratch.root])).toMatchObject({ status: 0 });
		appendFileSync(join(place, "README"), "edited\n");
		expectRefusal(await ksquash(["pack", place, "--root", scratch.root]), 73, "README", image);
		expect(readFileSync(join(place, "README"), "utf8")).toContain("edited");
		execFileSync("rm", ["-r", place]);
		placeSmall(place);
		expect(await ksquash(["pack", place, "--root", scratch.root])).toMatchObject({ status: 0 });
		expect(same(place, before)).toBe(true);
		expect(mountsBelow(scratch.root)).toEqual([place]);
	});

	// No kill can show it, only a power cut: an image that a copy wrote a moment ago may be in the cache alone.
	it.skipIf(!has("strace")).each([
		["a tree in its place", [name]],
		["a tree that was set aside", [`.${name}.replaced`]],
		["the rest of a tree", [`.${name}.rest`]],
	])("is on the disk before anything of %s goes", async (_, [at = ""]) => {
		const scratch = scratchRoot();
		const place = placeSmall(join(scratch.src, name));
		expect(await ksquash(["pack", place, "--keep-source", "--root", scratch.root])).toMatchObject({ status: 0 });
		if (at !== name) execFileSync("mv", [place, join(scratch.src, at)]);
		const log = scratch.path("log");
		const prefix = [...strace(log, "trace=fsync,unlinkat"), "-y"];
		const ran = await ksquash(["pack", smallRelease, "--root", scratch.root], { prefix });
		expect(ran, ran.stderr).toMatchObject({ status: 0 });
		const lines = readFileSync(log, "utf8").split("\n");
		const first = lines.findIndex((line) => line.includes("unlinkat("));
		const flushed = lines.findIndex((line) => line.includes("fsync(") && line.includes(`/${image}>) = 0`));
		expect(first).toBeGreaterThan(0);
		expect(flushed).toBeGreaterThanOrEqual(0);
		expect(flushed).toBeLessThan(first);
	});

	it.each<[string, (path: string) => void, string]>([
		["empty", (path) => truncateSync(path, 0), "empty"],
		["zeroed, as a killed mksquashfs leaves it", (path) => writeFileSync(path, Buffer.alloc(16384)), "image"],
		["cut at half", (path) => truncateSync(path, statSync(path).size / 2), "image"],
		["text", (path) => writeFileSync(path, "hello\n".repeat(100)), "image"],
	])("%s: refused, never trusted; --replace makes it good", async (_, damage) => {
		const scratch = scratchRoot();
		const place = placeSmall(join(scratch.src, name));
		const before = content(place);
		expect(await ksquash(["pack", place, "--keep-source", "--root", scratch.root])).toMatchObject({ status: 0 });
		damage(join(scratch.src, image));
		const broken = readFileSync(join(scratch.src, image));
		const ran = await ksquash(["pack", place, "--root", scratch.root]);
		expectRefusal(ran, 73, "no good image", "--replace");
		expect(same(place, before)).toBe(true);
		expect(readFileSync(join(scratch.src, image)).equals(broken)).toBe(true);
		expectClean(scratch, [name, image, `${image}.json`, `${image}.list.gz`]);
		const mended = await ksquash(["pack", place, "--replace", "--root", scratch.root]);
		expect(mended, mended.stderr).toMatchObject({ status: 0 });
		expect(same(place, before)).toBe(true);
		expect(names(scratch.src)).toEqual([name, image, `${image}.json`, `${image}.list.gz`]);
	});

	it("with one rotten byte in a body: the tree stays (squashfs has no checksums; the compare has)", async () => {
		const scratch = scratchRoot();
		const place = placeSmall(join(scratch.src, name));
		const before = content(place);
		const pack = ["pack", place, "--keep-source", "--root", scratch.root, "--", "-noD", "-noF"];
		expect(await ksquash(pack)).toMatchObject({ status: 0 });
		const bytes = readFileSync(join(scratch.src, image));
		const at = bytes.indexOf("checksum(");
		expect(at).toBeGreaterThan(0);
		bytes[at] = 0x43;
		writeFileSync(join(scratch.src, image), bytes);
		const ran = await ksquash(["pack", place, "--root", scratch.root]);
		expectRefusal(ran, 73, "lib/checksum.c: content");
		expect(same(place, before)).toBe(true);
		expect(mountsBelow(scratch.root)).toEqual([]);
	});
});

/** A mksquashfs that waits, when it is done, for a file of this name. */
function waiting(scratch: Scratch): { prefix: string[]; go: () => void; begun: () => Promise<void> } {
	const script =
		'case $1 in -?*) exec "$REAL" "$@";; esac\n"$REAL" "$@" || exit\n: >"$REAL.done"\nwhile [ ! -e "$REAL.go" ]; do sleep 0.05; done';
	const real = scratch.path("real-mksquashfs");
	return {
		prefix: replacedProgram(scratch, "mksquashfs", script),
		go: () => writeFileSync(`${real}.go`, ""),
		begun: async () => {
			while (!existsSync(`${real}.done`)) await sleep(20);
		},
	};
}

describe("two at once", () => {
	it("the same tree: the second one ends with 75, and the first one ends well", async () => {
		const scratch = scratchRoot();
		const place = placeSmall(join(scratch.src, name));
		const before = content(place);
		const first = waiting(scratch);
		const running = ksquash(["pack", place, "--root", scratch.root], { prefix: first.prefix });
		await first.begun();
		for (const command of [
			["pack", place],
			["pack", place, "--replace"],
			["remove", smallRelease, "--force"],
		]) {
			const second = await ksquash([...command, "--root", scratch.root]);
			expect([66, 75], second.stderr).toContain(second.status);
		}
		expectRefusal(await ksquash(["pack", place, "--root", scratch.root]), 75, "another ksquash works on");
		first.go();
		expect(await running).toMatchObject({ status: 0 });
		expect(imageHolds(`${place}.sqfs`, before)).toBe(true);
	});

	it("another release: the living run's temporary image stays", async () => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch);
		const first = waiting(scratch);
		const running = ksquash(["pack", tarball, "--root", scratch.root], { prefix: first.prefix });
		await first.begun();
		const temporary = names(scratch.src).filter((file) => file.endsWith(".sqfs.tmp"));
		expect(temporary).toHaveLength(1);
		const tree = scratch.path("tmp", name);
		const second = await ksquash(["pack", tree, "--release", "6.2.1", "--root", scratch.root]);
		expect(second, second.stderr).toMatchObject({ status: 0 });
		expect(names(scratch.src)).toEqual(expect.arrayContaining(temporary));
		first.go();
		expect(await running).toMatchObject({ status: 0 });
		expectClean(scratch, [
			"linux-6.2.1.sqfs",
			"linux-6.2.1.sqfs.json",
			"linux-6.2.1.sqfs.list.gz",
			image,
			`${image}.json`,
			`${image}.list.gz`,
		]);
	});

	it("installs of one tarball, of its copy and of its tree: one image, one mount, no crash", async () => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch);
		execFileSync("cp", ["-a", tarball, scratch.path("copy.tar.xz")]);
		const sources = [tarball, tarball, scratch.path("copy.tar.xz"), scratch.path("tmp", name)];
		const args = ["--base", "defconfig", "--root", scratch.root];
		const all = await Promise.all(sources.map(async (source) => await ksquash(["install", source, ...args])));
		for (const ran of all) {
			expect([0, 75], ran.stderr).toContain(ran.status);
			expect(ran.stderr).not.toMatch(/^ {4}at /m);
		}
		expect(all.filter(({ status }) => status === 0).length).toBeGreaterThanOrEqual(1);
		const last = await ksquash(["install", tarball, ...args]);
		expect(last, last.stderr).toMatchObject({ status: 0 });
		expect(names(scratch.src)).toEqual(
			["linux", name, image, `${image}.json`, `${image}.list.gz`, `build-${smallRelease}`].toSorted(),
		);
		expect([mountsBelow(scratch.root).length, loopsBelow(scratch.root).length]).toEqual([1, 1]);
	});
});
