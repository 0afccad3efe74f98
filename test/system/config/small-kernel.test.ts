/** The tree that the tests use: is it what ksquash takes for a kernel, and does it build like one? */

import { execFileSync } from "node:child_process";
import {
	chmodSync,
	cpSync,
	existsSync,
	lstatSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	readlinkSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { run } from "../../../src/process/run.ts";

const fixture = new URL("../../fixtures/small-kernel", import.meta.url).pathname;

let root: string;
let source: string;
let build: string;

beforeEach(() => {
	root = mkdtempSync(join(tmpdir(), "ksquash-small-"));
	chmodSync(root, 0o755);
	[source, build] = [join(root, "linux"), join(root, "out")];
	cpSync(fixture, source, { recursive: true, verbatimSymlinks: true });
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

const make = async (args: string[], options: Parameters<typeof run>[2] = {}) =>
	await run("make", ["--no-print-directory", "-C", source, `O=${build}`, ...args], options);
const config = (): string => readFileSync(join(build, ".config"), "latin1");
const olddefconfig = async (text: string): Promise<string> => {
	mkdirSync(build, { recursive: true });
	writeFileSync(join(build, ".config"), text, "latin1");
	await make(["olddefconfig"]);
	return config();
};

test("it has what a kernel tree has, and no output of a build", () => {
	for (const name of ["Makefile", "Kbuild", "Kconfig", "arch", "include", "init", "kernel", "scripts"]) {
		expect(existsSync(join(fixture, name))).toBe(true);
	}
	expect(readFileSync(join(fixture, "Makefile"), "latin1")).toMatch(
		/^VERSION = \d+\nPATCHLEVEL = \d+\nSUBLEVEL = \d+\n/m,
	);
	for (const name of [".config", "include/config", "include/generated", "vmlinux", ".git"]) {
		expect(existsSync(join(fixture, name))).toBe(false);
	}
});

test("it is small, its links stay inside, and it has the kinds of file that matter", () => {
	const entries = readdirSync(fixture, { recursive: true, withFileTypes: true });
	const paths = entries.map((entry) => ({ entry, path: join(entry.parentPath, entry.name) }));
	const files = paths.filter(({ entry }) => entry.isFile()).map(({ path }) => lstatSync(path));
	expect(files.reduce((sum, { size }) => sum + size, 0)).toBeLessThan(60_000);
	expect(files.some(({ size }) => size === 0)).toBe(true);
	expect(files.some(({ mode }) => (mode & 0o111) !== 0)).toBe(true);
	const links = paths.filter(({ entry }) => entry.isSymbolicLink()).map(({ path }) => readlinkSync(path));
	expect(links.length).toBeGreaterThan(2);
	for (const link of links) expect(link).not.toMatch(/^\//);
});

test("the source stays untouched by a whole build", async () => {
	const list = () => execFileSync("find", [source, "-printf", "%P %y %s %T@\n"]).toString();
	const before = list();
	await make(["defconfig"]);
	await make(["-j2", "all"]);
	await make(["clean"]);
	expect(list()).toBe(before);
	expect(readlinkSync(join(build, "source"))).toBe(source);
	expect(readFileSync(join(build, "Makefile"), "latin1")).toContain(`include ${source}/Makefile`);
	expect(existsSync(join(build, "vmlinux"))).toBe(false);
});

test("an unclean source is refused", async () => {
	await run("make", ["-C", source, "defconfig"]);
	await expect(make(["defconfig"])).rejects.toMatchObject({
		notes: expect.arrayContaining([expect.stringContaining("mrproper")]),
	});
	await run("make", ["-C", source, "mrproper"]);
	await make(["defconfig"]);
});

test("one directory is a target, a release is printed, an output directory has a make of its own", async () => {
	await make(["defconfig"]);
	await make(["kernel/sched/"]);
	expect(readdirSync(join(build, "kernel/sched")).toSorted()).toEqual([
		".core.o.cmd",
		".idle.o.cmd",
		"core.o",
		"idle.o",
	]);
	expect((await make(["-s", "kernelrelease"])).lines.at(-1)).toBe("6.1.99-small");
	writeFileSync(join(build, ".config"), `${config()}CONFIG_LOCALVERSION="-x"\n`);
	expect((await run("make", ["-s", "-C", build, "--no-print-directory", "kernelrelease"])).lines.at(-1)).toBe(
		"6.1.99-small-x",
	);
});

test("it takes from the environment what Kbuild takes", async () => {
	const env = { PATH: process.env.PATH ?? "", HOME: root };
	await expect(make(["defconfig"], { env: { ...env, ARCH: "amd64" } })).rejects.toThrow("exit status 2");
	await run("make", ["-C", source, "defconfig"], { env: { ...env, KBUILD_OUTPUT: join(root, "o2") } });
	expect(existsSync(join(root, "o2/.config"))).toBe(true);
	await make(["defconfig"], { env: { ...env, KCONFIG_CONFIG: join(root, "other") } });
	expect(existsSync(join(root, "other"))).toBe(true);
});

test("oldconfig asks, and takes answers", async () => {
	await make(["defconfig"]);
	writeFileSync(join(build, ".config"), config().replace("# CONFIG_EXT4_FS is not set\n", ""));
	const asked = await make(["oldconfig"], { input: "m\n" });
	expect(asked.lines.join("\n")).toContain("(EXT4_FS) [n] (NEW)");
	expect(config()).toContain("CONFIG_EXT4_FS=m\n");
});

const table: [line: string, final: string][] = [
	["CONFIG_SQUASHFS=y # why", "CONFIG_SQUASHFS=y\n"],
	["CONFIG_SQUASHFS=Y", "# CONFIG_SQUASHFS is not set\n"],
	["#CONFIG_PRINTK is not set", "CONFIG_PRINTK=y\n"],
	["# CONFIG_PRINTK is not set for now", "# CONFIG_PRINTK is not set\n"],
	["CONFIG_HZ=100", "CONFIG_HZ=250\n"],
	["CONFIG_NR_CPUS=15\r", "CONFIG_NR_CPUS=15\n"],
	["CONFIG_NR_CPUS=15 # c", "CONFIG_NR_CPUS=8\n"],
	["CONFIG_NR_CPUS=0x0f", "CONFIG_NR_CPUS=8\n"],
	["CONFIG_CMDLINE=abc", 'CONFIG_CMDLINE="quiet"\n'],
	['CONFIG_CMDLINE="a\\"b\\\\c"', 'CONFIG_CMDLINE="a\\"b\\\\c"\n'],
	['CONFIG_CMDLINE="abc" junk', 'CONFIG_CMDLINE="abc"\n'],
	["CONFIG_NR_CPUS = 15", "CONFIG_NR_CPUS=8\n"],
	["CONFIG_PRINTK=m", "CONFIG_PRINTK=y\n"],
	["# CONFIG_MODULES is not set\nCONFIG_SQUASHFS=m", "CONFIG_SQUASHFS=y\n"],
	["CONFIG_SQUASHFS=y\nCONFIG_SQUASHFS_XZ=y", "CONFIG_SQUASHFS_XZ=y\n"],
	["CONFIG_SQUASHFS=y\n# CONFIG_BLOCK is not set", "# CONFIG_BLOCK is not set\n"],
];

test("conf reads a line as the kernel's does", async () => {
	await make(["defconfig"]);
	for (const [line, wanted] of table) expect(await olddefconfig(`${line}\n`), line).toContain(wanted);
});

test("what depends on something absent is absent", async () => {
	expect(await olddefconfig("CONFIG_SQUASHFS=y\n# CONFIG_BLOCK is not set\n")).not.toContain("SQUASHFS");
});
