import { execFileSync } from "node:child_process";
import { readFileSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { inspectImage, mountImage, umount } from "../../../src/native/verbs.ts";
import { setXattr } from "../../support/xattr.ts";
import { cleanUp, fresh, ownFds, ownLoops, pack, patched, rejection } from "./support.ts";

afterAll(cleanUp);

const tree = fresh();
// Files of which some end in fragments, a link, and an xattr, so that every table is there.
for (let i = 0; i < 40; i++) writeFileSync(join(tree, `file${i}`), `${i} `.repeat(i * 300));
symlinkSync("file1", join(tree, "link"));
setXattr(join(tree, "file1"), "user.a", "b");
const image = pack(tree, "-xattrs");
const none = 0xffffffffffffffffn;

const u16 = (at: number, value: number) => (bytes: Buffer) => void bytes.writeUInt16LE(value, at);
const u32 = (at: number, value: number) => (bytes: Buffer) => void bytes.writeUInt32LE(value, at);
const u64 = (at: number, value: bigint) => (bytes: Buffer) => void bytes.writeBigUInt64LE(value, at);
const moved = (at: number, by: bigint) => (bytes: Buffer) =>
	void bytes.writeBigUInt64LE(bytes.readBigUInt64LE(at) + by, at);
const cut = (size: (bytes: Buffer) => number) => (bytes: Buffer) => bytes.subarray(0, size(bytes));

const cases: [string, (bytes: Buffer) => unknown, RegExp][] = [
	["0 bytes", cut(() => 0), /too short.*0 bytes/],
	["95 bytes", cut(() => 95), /too short.*95/],
	["96 bytes", cut(() => 96), /truncated/],
	["half", cut((bytes) => Number(bytes.readBigUInt64LE(40)) >> 1), /truncated/],
	["cut tail", cut((bytes) => Number(bytes.readBigUInt64LE(40)) - 1), /truncated/],
	["unpadded", cut((bytes) => Number(bytes.readBigUInt64LE(40))), /not padded/],
	["magic", u32(0, 0x12345678), /wrong magic/],
	["other byte order", (bytes) => void bytes.write("sqsh", 0), /other byte order/],
	["zeroed superblock", (bytes) => void bytes.fill(0, 0, 512), /zeroes/],
	["version 3", u16(28, 3), /version 3\.0/],
	["version 4.1", u16(30, 1), /version 4\.1/],
	["block size", u32(12, 65536), /does not fit its logarithm/],
	["block log 11", u16(22, 11), /outside/],
	["block log 21", u16(22, 21), /outside/],
	["compressor 0", u16(20, 0), /unknown compressor 0/],
	["compressor 2", u16(20, 2), /lzma/],
	["compressor 7", u16(20, 7), /unknown compressor 7/],
	["flags", u16(24, 0x8000), /unknown flags/],
	["no inodes", u32(4, 0), /no inodes/],
	["no ids", u16(26, 0), /no owner ids/],
	["many ids", u16(26, 60000), /id table/],
	["used 0", u64(40, 0n), /0 bytes are used/],
	["used negative", u64(40, none), /truncated/],
	["used huge", u64(40, 1n << 40n), /truncated/],
	["root outside", u64(32, 1n << 30n), /root inode/],
	["root offset", u64(32, 8192n), /root inode/],
	["root between blocks", u64(32, 1n << 16n), /root inode/],
];

const tables: [string, number][] = [
	["id", 48],
	["inode", 64],
	["directory", 72],
	["fragment", 80],
	["export", 88],
];
for (const [name, at] of tables) {
	cases.push([`${name} table at 0`, u64(at, 0n), /overlaps|begins/]);
	cases.push([`${name} table beyond the end`, u64(at, 1n << 32n), /beyond the end/]);
	cases.push([`${name} table one byte on`, moved(at, 1n), /table|root inode/]);
	cases.push([`${name} table one byte back`, moved(at, -1n), /table|root inode/]);
}
cases.push(["xattr table in the inodes", u64(56, 200n), /overlaps/]);
cases.push([
	"inode table over the directories",
	(bytes) => void bytes.writeBigUInt64LE(bytes.readBigUInt64LE(72), 64),
	/overlaps/,
]);

/** What a program goes by, beside the words for a person. */
function kindOf(reason: string): string {
	if (/^(?:too short|wrong magic)/.test(reason)) return "not-an-image";
	if (/^(?:squashfs version|compressor lzma|unknown (?:compressor|flags))/.test(reason)) return "unsupported-format";
	if (reason.startsWith("truncated: ")) return "truncated";
	return reason.startsWith("not padded") ? "unpadded" : "damaged";
}

describe("inspectImage", () => {
	it("reads a good image", async () => {
		expect(await inspectImage(image)).toMatchObject({
			format: "squashfs",
			compressor: "zstd",
			blockSize: 131072,
			inodes: 42,
		});
	});

	// lz4 and lzo have options of their own behind the superblock; an image may lack fragments, exports or xattrs.
	const kinds: [string, string[]][] = [
		...["gzip", "lzo", "lz4", "xz", "zstd"].map((name): [string, string[]] => [name, ["-comp", name, "-xattrs"]]),
		["zstd without fragments, exports and xattrs", ["-no-fragments", "-no-exports", "-no-xattrs"]],
		["xz in blocks of 4 KiB, nothing compressed", ["-comp", "xz", "-b", "4K", "-noI", "-noD", "-noF", "-noX"]],
	];
	it.each(kinds)("takes a real image, and refuses each mutation of it with its reason: %s", async (name, options) => {
		const real = pack(tree, ...options);
		const info = await inspectImage(real);
		expect(name).toContain(info.compressor);
		const target = fresh();
		await mountImage({ image: real, target });
		await umount(target);
		// Without fragments the kernel does not look where their table is said to be.
		const header = readFileSync(real);
		const unread = [
			...(header.readUInt32LE(16) === 0 ? ["fragment"] : []),
			...(header.readBigUInt64LE(88) === none ? ["export"] : []),
		];
		let refused = 0;
		for (const [what, edit, reason] of cases) {
			if (unread.some((table) => what.startsWith(`${table} table`))) continue;
			const copy = patched(real, (bytes) => edit(bytes) as Buffer | undefined);
			const error = await rejection(inspectImage(copy)).catch(() => undefined);
			expect({ what, ...error }).toMatchObject({ what, code: "EINVAL", reason: expect.stringMatching(reason) });
			refused++;
		}
		expect(refused).toBeGreaterThan(35);
	});

	it("refuses what mksquashfs -comp lzma makes, which no kernel reads", async () => {
		expect((await rejection(inspectImage(pack(tree, "-comp", "lzma")))).reason).toMatch(/lzma/);
	});

	it("answers every single changed byte of the superblock with an image or a reason", async () => {
		const whole = readFileSync(image);
		let refused = 0;
		for (let at = 0; at < 96; at++) {
			for (const flip of [0x01, 0x80, 0xff]) {
				const copy = patched(image, (bytes) => {
					bytes[at] = (whole[at] ?? 0) ^ flip;
					return bytes;
				});
				const error = await rejection(inspectImage(copy)).catch(() => undefined);
				if (error === undefined) continue;
				refused++;
				expect(error).toMatchObject({ code: "EINVAL", step: "superblock", reason: expect.stringMatching(/\w{3}/) });
			}
		}
		// What is free to vary: time, counts of inodes within the export table's block, flags, unused bits.
		expect(refused).toBeGreaterThan(220);
	});

	it.each(cases)("refuses: %s", async (_name, edit, reason) => {
		const copy = patched(image, (bytes) => edit(bytes) as Buffer | undefined);
		const error = await rejection(inspectImage(copy));
		expect(error).toMatchObject({
			code: "EINVAL",
			path: copy,
			step: "superblock",
			kind: kindOf(String(error.reason)),
			reason: expect.stringMatching(reason),
		});
	});

	it("never lets a refused image reach the kernel", async () => {
		const target = fresh();
		const fds = ownFds();
		for (const [, edit] of cases) {
			const copy = patched(image, (bytes) => edit(bytes) as Buffer | undefined);
			expect(await rejection(mountImage({ image: copy, target }))).toMatchObject({ step: "superblock" });
		}
		expect(ownFds()).toBe(fds);
		expect(ownLoops()).toEqual([]);
	});

	it("names what a file is instead", async () => {
		const ext4 = fresh("x.sqfs", false);
		writeFileSync(ext4, "");
		truncateSync(ext4, 1 << 20);
		execFileSync("mke2fs", ["-q", "-t", "ext4", ext4]);
		const iso = Buffer.alloc(40000);
		iso.write("CD001", 32769);
		const files: [string | Buffer, RegExp][] = [
			[gzipSync("x".repeat(500000).replace(/x/g, () => String(Math.random()))), /gzip/],
			["just some text, and more of it\n".repeat(20), /text/],
			[iso, /ISO 9660/],
		];
		for (const [content, reason] of files) {
			const file = fresh("y.sqfs", false);
			writeFileSync(file, content);
			expect((await rejection(inspectImage(file))).reason).toMatch(reason);
		}
		expect((await rejection(inspectImage(ext4))).reason).toMatch(/ext4/);
	});

	it("refuses what is no regular file, at once", async () => {
		const fifo = fresh("fifo", false);
		execFileSync("mkfifo", [fifo]);
		expect(await rejection(inspectImage(fifo))).toMatchObject({ code: "EINVAL", reason: "not a regular file" });
		expect(await rejection(inspectImage(fresh()))).toMatchObject({ code: "EINVAL" });
		expect(await rejection(inspectImage(fresh("none", false)))).toMatchObject({ code: "ENOENT" });
	});
});
