/**
 * A corpus of damaged images: real ones of every compressor and shape, and what is changed in them. The same seed makes
 * the same corpus.
 */

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setXattr } from "../../support/xattr.ts";

export interface Mutant {
	/** Of the base image. */
	base: string;
	/** "whole": as mksquashfs made it. "superblock": one field has another value. "cut": shorter. "body": changed bytes behind the superblock. */
	kind: "whole" | "superblock" | "cut" | "body";
	/** For a person: "compressor = 7". */
	what: string;
	/** Of the superblock; "" when it is whole. */
	field: string;
	/** A line of mutants.cpp. */
	line: string;
}

/** Each field of the superblock: its name, place and width (Documentation/filesystems/squashfs.rst). */
const fields: readonly (readonly [string, number, 2 | 4 | 8])[] = [
	["magic", 0, 4],
	["inodes", 4, 4],
	["created", 8, 4],
	["block size", 12, 4],
	["fragments", 16, 4],
	["compressor", 20, 2],
	["block log", 22, 2],
	["flags", 24, 2],
	["ids", 26, 2],
	["major", 28, 2],
	["minor", 30, 2],
	["root inode", 32, 8],
	["bytes used", 40, 8],
	["id table", 48, 8],
	["xattr table", 56, 8],
	["inode table", 64, 8],
	["directory table", 72, 8],
	["fragment table", 80, 8],
	["export table", 88, 8],
];

const kinds: Readonly<Record<string, readonly string[]>> = {
	gzip: ["-comp", "gzip"],
	"gzip-options": ["-comp", "gzip", "-Xcompression-level", "5"],
	lzo: ["-comp", "lzo"],
	lz4: ["-comp", "lz4"],
	xz: ["-comp", "xz"],
	"xz-options": ["-comp", "xz", "-Xdict-size", "50%"],
	zstd: ["-comp", "zstd"],
	bare: ["-comp", "zstd", "-no-fragments", "-no-exports", "-no-xattrs"],
	uncompressed: ["-comp", "gzip", "-b", "4K", "-noI", "-noD", "-noF", "-noX"],
};

interface Base {
	name: string;
	file: string;
	bytes: Buffer;
}

/** Real images below `share`, as a machine sees them at `seen`. */
function makeBases(share: string, seen: string): Base[] {
	const tree = join(share, "tree");
	mkdirSync(join(tree, "sub/deep"), { recursive: true });
	for (let i = 0; i < 24; i++)
		writeFileSync(join(tree, i % 2 === 0 ? `file${i}` : `sub/file${i}`), `${i} `.repeat(i * 120));
	writeFileSync(join(tree, "sub/deep/large"), random(1, 9000));
	symlinkSync("file2", join(tree, "link"));
	setXattr(join(tree, "file2"), "user.a", "b");
	return Object.entries(kinds).map(([name, options]) => {
		const fixed = ["-noappend", "-no-progress", "-quiet", "-all-root", "-mkfs-time", "0", "-all-time", "0"];
		execFileSync("mksquashfs", [tree, join(share, name), ...fixed, ...options], { stdio: "pipe" });
		return { name, file: `${seen}/${name}`, bytes: readFileSync(join(share, name)) };
	});
}

/** Numbers that are the same at each run (the constants are those of glibc's rand_r). */
function* numbers(seed: number): Generator<number, never> {
	for (let state = seed; ; ) {
		state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
		yield state >>> 8;
	}
}

function random(seed: number, length: number): Buffer {
	const source = numbers(seed);
	return Buffer.from(Array.from({ length }, () => source.next().value & 255));
}

function hex(value: bigint, width: number): string {
	const bytes = Buffer.alloc(8);
	bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
	return bytes.subarray(0, width).toString("hex");
}

function valuesOf(bytes: Buffer, at: number, width: number): Set<bigint> {
	const raw = Buffer.concat([bytes.subarray(at, at + width), Buffer.alloc(8)]);
	const old = raw.readBigUInt64LE();
	const top = 1n << BigInt(width * 8);
	const others =
		width === 8 ? fields.filter(([, , size]) => size === 8).map(([, place]) => bytes.readBigUInt64LE(place)) : [];
	const values = [
		...[0n, 1n, 2n, 3n, 6n, 7n, 95n, 96n, 97n, 4096n, 8191n, 8192n, 8193n, 65_536n, 1n << 20n, 1n << 21n],
		...[top - 1n, top - 2n, top >> 1n, (top >> 1n) - 1n, old ^ (top >> 1n), old ^ 1n, old ^ 0x400n],
		...[old - 1n, old + 1n, old + 2n, old - 8n, old + 8n, old * 2n, old / 2n, old << 16n, old + 65_536n],
		...others.flatMap((other) => [other, other - 1n, other + 1n]),
		...[BigInt(bytes.length), BigInt(bytes.length - 1)],
	];
	return new Set(values.map((value) => BigInt.asUintN(width * 8, value)).filter((value) => value !== old));
}

function superblocks({ name, file, bytes }: Base): Mutant[] {
	return fields.flatMap(([field, at, width]) =>
		[...valuesOf(bytes, at, width)].map((value): Mutant => {
			const line = `${file} ${bytes.length} ${at}:${hex(value, width)}`;
			return { base: name, kind: "superblock", what: `${field} = ${value}`, field, line };
		}),
	);
}

function cuts({ name, file, bytes }: Base): Mutant[] {
	const used = Number(bytes.readBigUInt64LE(40));
	const lengths = [0, 1, 95, 96, 97, 511, 512, 513, used >> 1, used - 513, used - 1, used, used + 1];
	for (let length = 1024; length < bytes.length; length += 512) lengths.push(length);
	return lengths
		.filter((length) => length < bytes.length)
		.map((length) => ({ base: name, kind: "cut", what: `${length} bytes`, field: "", line: `${file} ${length}` }));
}

/** Runs of changed bytes behind the superblock: some in the tables' own structure, some anywhere. */
function bodies({ name, file, bytes }: Base, count: number, seed: number): Mutant[] {
	const source = numbers(seed);
	const next = (below: number): number => source.next().value % below;
	const used = Number(bytes.readBigUInt64LE(40));
	const tables = Number(bytes.readBigUInt64LE(64));
	return Array.from({ length: count }, (_, i) => {
		const from = i % 3 === 0 ? 96 : tables;
		const edits = Array.from({ length: 1 + next(3) }, () => {
			const at = from + next(used - from);
			const flipped = (bytes[at] ?? 0) ^ (next(2) === 0 ? 1 << next(8) : 1 + next(255));
			return `${at}:${hex(BigInt(flipped), 1)}`;
		});
		return {
			base: name,
			kind: "body",
			what: edits.join(" "),
			field: "",
			line: `${file} ${bytes.length} ${edits.join(" ")}`,
		};
	});
}

/** `count` mutants of each base's body beside all of its superblock. */
export function makeCorpus(share: string, seen: string, count: number, seed: number): Mutant[] {
	return makeBases(share, seen).flatMap((base, i) => [
		{ base: base.name, kind: "whole", what: "nothing", field: "", line: `${base.file} ${base.bytes.length}` },
		...superblocks(base),
		...cuts(base),
		...bodies(base, count, seed + i),
	]);
}
