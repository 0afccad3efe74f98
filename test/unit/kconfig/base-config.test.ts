/** Where a base comes from: the order, the sentence, and what is never lost silently. */

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { configArch, kernelArch } from "../../../src/kconfig/arch.ts";
import { findBase } from "../../../src/kconfig/base-config.ts";
import { parseConfig } from "../../../src/kconfig/config.ts";
import type { Sources } from "../../../src/kconfig/config-locations.ts";
import { run, which } from "../../../src/process/run.ts";

const X86 = "#\n# Linux/x86 6.1.0 Kernel Configuration\n#\nCONFIG_X86=y\nCONFIG_A=y\n";
const ARM64 = X86.replace("Linux/x86", "Linux/arm64").replace("CONFIG_X86", "CONFIG_ARM64");

let root: string;
let sources: Sources;

beforeEach(() => {
	root = mkdtempSync(join(tmpdir(), "ksquash-origins-"));
	sources = {
		procConfig: join(root, "config.gz"),
		modulesDir: join(root, "modules"),
		bootDir: join(root, "boot"),
		release: "6.1.0",
		machine: "x86_64",
		loadConfigs: undefined,
	};
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

const put = (name: string, data: string | Buffer): string => {
	const path = join(root, name);
	mkdirSync(dirname(path), { recursive: true });
	writeFileSync(path, data);
	return path;
};

test("the order, from the last place to the first", async () => {
	const kind = async () => (await findBase({ sources })).kind;
	expect(await findBase({ sources })).toMatchObject({ kind: "defconfig", target: "defconfig", text: undefined });
	const others = [{ path: "/b2/.config", text: Buffer.from(X86) }];
	expect((await findBase({ sources, others })).kind).toBe("other-build");
	const carried = ["ELF\0IKCFG_ST", gzipSync(X86), "IKCFG_ED"].map((part) => Buffer.from(part));
	put("modules/6.1.0/kernel/kernel/configs.ko", Buffer.concat([Buffer.from([0x7f]), ...carried]));
	expect((await findBase({ sources, others })).kind).toBe("image");
	put("boot/config-6.1.0", X86);
	expect(await kind()).toBe("boot");
	put("modules/6.1.0/build/.config", X86);
	expect(await kind()).toBe("modules-build");
	put("modules/6.1.0/config", X86);
	expect(await kind()).toBe("modules");
	put("config.gz", gzipSync(X86));
	expect(await kind()).toBe("proc");
	const existing = { path: "/b/.config", text: Buffer.from(X86) };
	expect((await findBase({ sources, existing })).kind).toBe("build-directory");
	expect((await findBase({ sources, existing, tree: existing })).kind).toBe("tree");
	const explicit = { kind: "file", path: put("mine", "CONFIG_B=y\n") } as const;
	expect((await findBase({ sources, existing, explicit })).kind).toBe("file");
});

test("always one sentence that says which and why", async () => {
	put("config.gz", gzipSync(X86));
	const proc = await findBase({ sources });
	expect(proc.why).toBe(`${sources.procConfig} is the base: the running kernel says that it was built with it`);
	expect(Buffer.from(proc.text ?? []).toString()).toBe(X86);
	const asked = await findBase({ sources, explicit: { kind: "defconfig", target: "tiny_defconfig" } });
	expect(asked).toMatchObject({ target: "tiny_defconfig", why: "the tree's tiny_defconfig is the base, as asked for" });
});

test("another kernel's files in /boot are not taken", async () => {
	put("boot/config-6.1.0-rc1", X86);
	expect((await findBase({ sources })).kind).toBe("defconfig");
});

test("a truncated gz is an error with its name, never a shorter config", async () => {
	const whole = gzipSync(X86.repeat(500));
	for (const length of [3, 12, whole.length >> 1, whole.length - 1]) {
		put("config.gz", whole.subarray(0, length));
		await expect(findBase({ sources })).rejects.toMatchObject({
			code: "ERR_KSQUASH_CONFIG_FILE",
			message: expect.stringContaining(sources.procConfig),
		});
	}
});

test("an explicit file: compressed or not, damaged, empty, absent", async () => {
	const from = (path: string) => findBase({ sources, explicit: { kind: "file", path } });
	expect(Buffer.from((await from(put("a", gzipSync(X86)))).text ?? []).toString()).toBe(X86);
	if (which("xz") !== undefined) {
		const { stdout } = await run("xz", ["-c"], { input: X86 });
		expect(Buffer.from((await from(put("b", stdout))).text ?? []).toString()).toBe(X86);
		await expect(from(put("c", stdout.subarray(0, 40)))).rejects.toMatchObject({ code: "ERR_KSQUASH_CONFIG_FILE" });
	}
	await expect(from(put("e", "\u007fELF"))).rejects.toMatchObject({
		message: expect.stringContaining("IKCONFIG"),
		kind: "without-config",
	});
	for (const text of ["", "hello\n"]) {
		await expect(from(put("d", text))).rejects.toMatchObject({ message: expect.stringContaining("no CONFIG_ line") });
	}
	await expect(from(join(root, "none"))).rejects.toMatchObject({ code: "ERR_KSQUASH_NO_INPUT" });
	await expect(from(root)).rejects.toMatchObject({ name: "KsquashError" });
});

test("a gzip bomb ends at a limit", async () => {
	put("config.gz", gzipSync(Buffer.alloc(64 << 20, "\n")));
	await expect(findBase({ sources })).rejects.toMatchObject({ code: "ERR_KSQUASH_CONFIG_FILE" });
});

test("the running config is not the base of another architecture's build", async () => {
	put("config.gz", gzipSync(X86));
	const found = await findBase({ sources, arch: "arm64" });
	expect(found.kind).toBe("defconfig");
	expect(found.passedOver).toEqual(["the running kernel's config is for x86, and this build is for arm64"]);
	expect((await findBase({ sources, arch: "x86_64" })).kind).toBe("proc");
});

test("a config of another architecture is passed over aloud, and said where it was asked for", async () => {
	const path = put("boot/config-6.1.0", ARM64);
	const found = await findBase({ sources });
	expect(found).toMatchObject({
		kind: "defconfig",
		passedOver: [`${path} is a config for arm64, and this build is for x86`],
	});
	const asked = await findBase({ sources, explicit: { kind: "file", path } });
	expect(asked.why).toContain("it is a config for arm64, while this build is for x86");
	const existing = { path: "/b/.config", text: Buffer.from(ARM64) };
	await expect(findBase({ sources, existing })).rejects.toMatchObject({ code: "ERR_KSQUASH_KCONFIG" });
});

test("a file that others may write is passed over: a config becomes a makefile", async () => {
	const path = put("boot/config-6.1.0", X86);
	chmodSync(path, 0o666);
	expect((await findBase({ sources })).passedOver).toEqual([expect.stringContaining("it can be written by others")]);
});

test("running: asked for, and nowhere found", async () => {
	await expect(findBase({ sources, explicit: { kind: "running" } })).rejects.toMatchObject({
		code: "ERR_KSQUASH_NO_INPUT",
	});
	put("boot/config-6.1.0", X86);
	const why = expect.stringMatching(/as asked for$/);
	expect(await findBase({ sources, explicit: { kind: "running" } })).toMatchObject({ kind: "boot", why });
});

test("/proc/config.gz is asked for from its module only where it is absent", async () => {
	let loaded = 0;
	const loadConfigs = async (): Promise<void> => {
		loaded += 1;
		put("config.gz", gzipSync(X86));
	};
	expect((await findBase({ sources: { ...sources, loadConfigs } })).kind).toBe("proc");
	await findBase({ sources: { ...sources, loadConfigs } });
	expect(loaded).toBe(1);
});

test("architectures have one name each", () => {
	expect(["amd64", "x86_64", "i386", "x86"].map(kernelArch)).toEqual(["x86", "x86", "x86", "x86"]);
	expect(kernelArch("aarch64")).toBe("arm64");
	const arch = (text: string) => configArch(parseConfig(Buffer.from(text), "x"));
	expect([arch(X86), arch(ARM64), arch("CONFIG_RISCV=y\n"), arch("CONFIG_A=y\n")]).toEqual([
		"x86",
		"arm64",
		"riscv",
		undefined,
	]);
	expect(arch("#\n# Linux/x86_64 6.1.0 Kernel Configuration\n")).toBe("x86");
});
