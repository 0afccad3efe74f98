/**
 * One byte is another: verify says so wherever it lies in an image, of every compressor; verify --deep, in user space,
 * finds it wherever a file is touched; a damaged manifest or list never passes for a good one. KSQUASH_ALL_POINTS=1 tries
 * every byte of every image. Nothing of this is mounted.
 */

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { KsquashError } from "../../src/errors.ts";
import { readContentList } from "../../src/image/content-list.ts";
import { pack, verify } from "../../src/index.ts";
import { placeTarball, type Scratch, scratchRoot, smallRelease } from "../support/scratch.ts";
import { type Content, content, has, ksquash, same } from "./support.ts";

const all = process.env.KSQUASH_ALL_POINTS === "1";
const patience = { timeout: all ? 3_600_000 : 120_000 };
const compressors = ["gzip", "lz4", "lzo", "xz", "zstd"] as const;

/** Of what lies beside an image. */
const step = all ? 1 : 3;

/** The same bytes at every run. */
function random(seed: number): () => number {
	let state = seed;
	return () => {
		state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
		return state / 0x8000_0000;
	};
}

interface Packed {
	scratch: Scratch;
	image: string;
	bytes: Buffer;
	before: Content;
}

async function packed(compressor: (typeof compressors)[number]): Promise<Packed> {
	const scratch = scratchRoot();
	const tarball = placeTarball(scratch);
	const { image } = await pack(tarball, { root: scratch.root, compressor });
	return { scratch, image, bytes: readFileSync(image), before: content(scratch.path("tmp", `linux-${smallRelease}`)) };
}

/** The superblock, eight bytes on both sides of where each table begins, both ends of the data, and some between. */
function offsets(bytes: Buffer, some: number, seed: number): number[] {
	if (all) return [...bytes.keys()];
	const tables = [40, 48, 56, 64, 72, 80, 88].map((at) => Number(bytes.readBigUInt64LE(at)));
	const near = tables.flatMap((start) => Array.from({ length: 17 }, (_, i) => start - 8 + i));
	const next = random(seed);
	const between = Array.from({ length: some }, () => Math.floor(next() * bytes.length));
	const chosen = [...Array(104).keys(), ...near, ...between, bytes.length - 1];
	return [...new Set(chosen)].filter((at) => at >= 0 && at < bytes.length);
}

function flipped(bytes: Buffer, at: number, mask: number): Buffer {
	const other = Buffer.from(bytes);
	other[at] = (other[at] as number) ^ mask;
	return other;
}

describe("a byte of an image", () => {
	it.each(compressors)("%s: verify finds it anywhere", patience, async (compressor) => {
		const { scratch, image, bytes } = await packed(compressor);
		expect(bytes.readUInt16LE(20)).toBe({ gzip: 1, lzo: 3, xz: 4, lz4: 5, zstd: 6 }[compressor]);
		const next = random(20);
		const missed: string[] = [];
		// The manifest keeps the superblock's time and number of inodes: where they differ it is of another image.
		const codes = ["ERR_KSQUASH_IMAGE", "ERR_KSQUASH_MANIFEST"];
		const places = offsets(bytes, 200, compressor.length * 7);
		expect(places.length).toBeGreaterThan(250);
		for (const at of places) {
			writeFileSync(image, flipped(bytes, at, 1 + Math.floor(next() * 255)));
			const error = await verify(smallRelease, { root: scratch.root }).catch((reason: unknown) => reason);
			const found = error instanceof KsquashError && codes.includes(error.code) && error.message.includes(image);
			if (!found) missed.push(`${at}: ${error instanceof KsquashError ? `${error.code} ${error.message}` : "nothing"}`);
		}
		expect(missed).toEqual([]);
		writeFileSync(image, bytes);
		await verify(smallRelease, { root: scratch.root });
	});
});

/** Read by another program than ksquash reads by. */
function readsAs(scratch: Scratch, image: string, before: Content): boolean {
	const to = scratch.path("unpacked");
	rmSync(to, { recursive: true, force: true });
	const { status } = spawnSync("unsquashfs", ["-quiet", "-no-progress", "-dest", to, image], { timeout: 20_000 });
	return status === 0 && existsSync(to) && same(to, before);
}

describe.skipIf(!has("setpriv") || !has("sqfs2tar") || !has("unsquashfs"))("a byte of a file in an image", () => {
	// Without the privilege to mount it reads through sqfs2tar.
	const prefix = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"];
	it.each(compressors)("%s: verify --deep finds it", patience, async (compressor) => {
		const { scratch, image, bytes, before } = await packed(compressor);
		const args = ["verify", "--deep", smallRelease, "--root", scratch.root];
		const good = await ksquash(args, { prefix });
		expect(good, good.stderr).toMatchObject({ status: 0 });
		const inodes = Number(bytes.readBigUInt64LE(64));
		const places = all ? [...bytes.keys()].slice(96) : [128, inodes >> 1, inodes - 2, inodes + 9];
		for (const at of places) {
			writeFileSync(image, flipped(bytes, at, 0x41));
			const touched = !readsAs(scratch, image, before);
			const ran = await ksquash(args, { prefix });
			expect({ at, status: ran.status, stderr: ran.stderr }).toMatchObject({ status: 65 });
			expect(ran.stderr).not.toMatch(/^ {4}at /m);
			if (touched) expect(ran.stderr, `byte ${at}`).not.toContain("lies in none of them");
		}
	});
});

describe("a byte of what lies beside an image", () => {
	it("of the manifest: an error, or nothing that verify goes by", patience, async () => {
		const { scratch, image } = await packed("gzip");
		const path = `${image}.json`;
		const bytes = readFileSync(path);
		const { image: wanted, content: inside } = JSON.parse(bytes.toString());
		const next = random(5);
		for (let at = 0; at < bytes.length; at += step) {
			writeFileSync(path, flipped(bytes, at, 1 + Math.floor(next() * 255)));
			const error = await verify(smallRelease, { root: scratch.root }).catch((reason: unknown) => reason);
			if (error instanceof KsquashError) {
				expect(["ERR_KSQUASH_MANIFEST", "ERR_KSQUASH_IMAGE"], `byte ${at}`).toContain(error.code);
				continue;
			}
			expect(error, `byte ${at}`).not.toBeInstanceOf(Error);
			const { image: found, content: there } = JSON.parse(readFileSync(path, "utf8"));
			expect({ sha256: found.sha256, size: found.size }, `byte ${at}`).toEqual({
				sha256: wanted.sha256,
				size: wanted.size,
			});
			// What only --deep goes by, full does not look at: there it is found.
			if (all && there.sha256 !== inside.sha256) {
				await expect(verify(smallRelease, { root: scratch.root, depth: "deep" })).rejects.toBeInstanceOf(KsquashError);
			}
		}
	});

	it("of the list: it is damaged, or says the same", patience, async () => {
		const { image } = await packed("gzip");
		const [path, manifest] = [`${image}.list.gz`, JSON.parse(readFileSync(`${image}.json`, "utf8"))];
		const bytes = readFileSync(path);
		const good = await readContentList(path, manifest);
		if (typeof good === "string") throw new Error(good);
		const [next, kinds] = [random(9), new Map<string, number>()];
		for (let at = 0; at < bytes.length; at += step) {
			writeFileSync(path, flipped(bytes, at, 1 + Math.floor(next() * 255)));
			const found = await readContentList(path, manifest);
			if (typeof found !== "string")
				expect(Buffer.from(found.list).equals(Buffer.from(good.list)), `byte ${at}`).toBe(true);
			const kind = typeof found === "string" ? found : "the same";
			kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
		}
		expect(kinds.get("damaged")).toBeGreaterThan(bytes.length / step / 2);
		// gzip's time, system and flags only.
		expect(kinds.get("the same") ?? 0).toBeLessThan(12);
	});
});
