/** IKCONFIG out of every kind of kernel image and compression, without a temporary file. */

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readConfigFile } from "../../../src/kconfig/read.ts";
import { run, which } from "../../../src/process/run.ts";
import { mustWork } from "../../support/kernel.ts";

const CONFIG = `#\n# Linux/x86 6.1.0 Kernel Configuration\n#\n${Array.from({ length: 500 }, (_, i) => `CONFIG_S${i}=y\n`).join("")}`;
/** What an unpacked kernel is to us: ELF, noise, the marks. The letters alone stand in it, too, as in the real one. */
const noise = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i * 31 + (i >> 3)) % 251));
const vmlinux = Buffer.concat([
	Buffer.from("\x7fELF\x02\x01\x01", "latin1"),
	noise,
	Buffer.from("IKCFG_ST IKCFG_ED"),
	noise.subarray(7, 65_521),
	...[Buffer.from("IKCFG_ST"), gzipSync(CONFIG), Buffer.from("IKCFG_ED")],
	noise,
]);

const tools = [
	["xz", "xz", ["-c", "--check=crc32"]],
	["lzma", "xz", ["-c", "--format=lzma"]],
	["bzip2", "bzip2", ["-c"]],
	["lz4", "lz4", ["-lc"]],
	["zstd", "zstd", ["-c", "-q"]],
	["lzo", "lzop", ["-c"]],
] as const;

let root: string;
beforeAll(() => {
	root = mkdtempSync(join(tmpdir(), "ksquash-image-"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const put = (name: string, ...parts: Buffer[]): string => {
	const path = join(root, name);
	writeFileSync(path, Buffer.concat(parts));
	return path;
};
const read = async (path: string): Promise<string> => Buffer.from(await readConfigFile(path)).toString();
const size = (bytes: number): Buffer => {
	const word = Buffer.alloc(4);
	word.writeUInt32LE(bytes);
	return word;
};

/** x86's boot protocol 2.15: two setup sectors, some code before the payload and after it. */
function bzImage(payload: Buffer): Buffer {
	const image = Buffer.concat([Buffer.alloc(3 * 512), Buffer.alloc(100, 0x90), payload, Buffer.alloc(4096, 0xcc)]);
	image.write("MZ", 0, "latin1");
	image[0x1f1] = 2;
	image.write("HdrS", 0x202, "latin1");
	image.writeUInt16LE(0x20f, 0x206);
	image.writeUInt32LE(100, 0x248);
	image.writeUInt32LE(payload.length, 0x24c);
	return image;
}

function zboot(payload: Buffer): Buffer {
	const head = Buffer.alloc(4096);
	head.write("MZ", 0, "latin1");
	head.write("zimg", 4, "latin1");
	head.writeUInt32LE(4096, 8);
	head.writeUInt32LE(payload.length, 12);
	return Buffer.concat([head, payload, Buffer.alloc(512)]);
}

/** A PE file with two sections, the second of which is the kernel. */
function unified(kernel: Buffer): Buffer {
	const head = Buffer.alloc(1024);
	head.write("MZ", 0, "latin1");
	head.writeUInt32LE(0x80, 0x3c);
	head.write("PE\0\0", 0x80, "latin1");
	head.writeUInt16LE(2, 0x80 + 6);
	head.writeUInt16LE(0xf0, 0x80 + 20);
	const section = (index: number, name: string, bytes: number, at: number): void => {
		const base = 0x80 + 24 + 0xf0 + 40 * index;
		head.write(name, base, "latin1");
		head.writeUInt32LE(bytes, base + 16);
		head.writeUInt32LE(at, base + 20);
	};
	section(0, ".osrel", 512, 1024);
	section(1, ".linux", kernel.length, 1536);
	return Buffer.concat([head, Buffer.alloc(512, "x"), kernel]);
}

async function packed(kind: (typeof tools)[number][0] | "gzip", content: Buffer): Promise<Buffer | undefined> {
	if (kind === "gzip") return gzipSync(content);
	const [, tool, args] = tools.find(([name]) => name === kind) as (typeof tools)[number];
	if (which(tool) === undefined) return undefined;
	return (await run(tool, args, { input: content })).stdout;
}

test("vmlinux, streamed: the letters alone are no config", async () => {
	expect(await read(put("vmlinux", vmlinux))).toBe(CONFIG);
});

describe.each(["gzip", ...tools.map(([name]) => name)] as const)("%s", (kind) => {
	const tool = kind === "gzip" ? "true" : (tools.find(([name]) => name === kind)?.[1] ?? "");
	const there = which(tool) !== undefined || mustWork;
	test.skipIf(!there)(
		`vmlinuz of x86, zboot, a unified image, arm's zImage${there ? "" : ` (no ${tool})`}`,
		async () => {
			const payload = (await packed(kind, vmlinux)) as Buffer;
			// The kernel's build adds the size behind all but gzip.
			const sized = kind === "gzip" ? payload : Buffer.concat([payload, size(vmlinux.length)]);
			expect(await read(put("vmlinuz", bzImage(sized)))).toBe(CONFIG);
			expect(await read(put("zboot.efi", zboot(sized)))).toBe(CONFIG);
			expect(await read(put("uki.efi", unified(bzImage(sized))))).toBe(CONFIG);
			const zimage = Buffer.alloc(4096);
			zimage.writeUInt32LE(0x016f2818, 0x24);
			expect(await read(put("zImage", zimage, sized))).toBe(CONFIG);
		},
	);
	test.skipIf(!there)(`a module, an Image and a config as files${there ? "" : ` (no ${tool})`}`, async () => {
		expect(await read(put("configs.ko.packed", (await packed(kind, vmlinux)) as Buffer))).toBe(CONFIG);
		const image = Buffer.concat([vmlinux]);
		image.write("\0\0\0\0", 0, "latin1");
		image.write("ARM\x64", 0x38, "latin1");
		expect(await read(put("Image.packed", (await packed(kind, image)) as Buffer))).toBe(CONFIG);
		expect(await read(put("config.packed", (await packed(kind, Buffer.from(CONFIG))) as Buffer))).toBe(CONFIG);
	});
	test.skipIf(!there)(`cut off: an error with its name${there ? "" : ` (no ${tool})`}`, async () => {
		const payload = (await packed(kind, vmlinux)) as Buffer;
		const path = put("vmlinuz-cut", bzImage(payload.subarray(0, payload.length >> 2)));
		await expect(read(path)).rejects.toMatchObject({ code: "ERR_KSQUASH_CONFIG_FILE", path });
	});
});

test("a kernel without IKCONFIG says so", async () => {
	for (const image of [noise, bzImage(gzipSync(noise)), zboot(gzipSync(noise))]) {
		const path = put("none", Buffer.from("\x7fELF", "latin1").subarray(0, image === noise ? 4 : 0), image);
		await expect(read(path)).rejects.toThrow("no config is in it");
	}
});

test("headers that lie lead nowhere", async () => {
	const image = bzImage(gzipSync(vmlinux));
	image.writeUInt32LE(0xffffffff, 0x248);
	await expect(read(put("lies", image))).rejects.toMatchObject({ code: "ERR_KSQUASH_CONFIG_FILE" });
	image.writeUInt32LE(100, 0x248);
	image.writeUInt32LE(0, 0x24c);
	await expect(read(put("lies", image))).rejects.toMatchObject({ code: "ERR_KSQUASH_CONFIG_FILE" });
	for (const length of [2, 0x40, 0x41, 0x205, 0x24f]) {
		await expect(read(put("short", image.subarray(0, length)))).rejects.toMatchObject({
			code: "ERR_KSQUASH_CONFIG_FILE",
		});
	}
});

test("no file is left anywhere", async () => {
	const before = readdirSync(tmpdir()).filter((name) => !name.startsWith("ksquash-"));
	await read(put("vmlinux", vmlinux));
	const after = readdirSync(tmpdir()).filter((name) => !name.startsWith("ksquash-"));
	expect(after.filter((name) => !before.includes(name) && /IKCFG|config|vmlinu/i.test(name))).toEqual([]);
	expect(readdirSync(root).filter((name) => name.includes("tmp"))).toEqual([]);
});
