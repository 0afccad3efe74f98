/** Running make on the small kernel: environment, owner, stdin, failures, and a .config that is never lost. */

import { execFileSync } from "node:child_process";
import {
	chmodSync,
	cpSync,
	existsSync,
	lstatSync,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { configure, readConfig, writeConfig } from "../../../src/build/configure.ts";
import { prepareDirectory } from "../../../src/build/directory.ts";
import { foreignFiles } from "../../../src/build/generated.ts";
import { runTarget, toolchainLine } from "../../../src/build/kbuild.ts";
import { findOwner, type Owner } from "../../../src/build/ownership.ts";
import { mountOptions } from "../../../src/build/paths.ts";

const fixture = new URL("../../fixtures/small-kernel", import.meta.url).pathname;
const root_ = process.geteuid?.() === 0;

let root: string;
let source: string;
let build: string;
let owner: Owner;
let request: { source: string; build: string; owner: Owner };

beforeEach(async () => {
	root = mkdtempSync(join(tmpdir(), "ksquash-make-"));
	chmodSync(root, 0o755);
	source = join(root, "linux");
	build = join(root, "out");
	cpSync(fixture, source, { recursive: true, verbatimSymlinks: true });
	owner = await findOwner(process.geteuid?.() ?? 0);
	request = { source, build, owner };
	await prepareDirectory({ path: build, source, release: "6.1.99-small", owner });
});

afterEach(() => {
	if (root_) execFileSync("sh", ["-c", 'umount "$1" 2>/dev/null || :', "sh", join(root, "noexec")]);
	rmSync(root, { recursive: true, force: true });
});

const text = (words: string) => Buffer.from(words, "latin1");

test("olddefconfig completes a merged config; nothing but Kbuild's files appears", async () => {
	const { config, previous } = await configure({
		...request,
		text: text("CONFIG_SQUASHFS=y\nCONFIG_BLK_DEV_LOOP=m\n"),
	});
	expect(previous).toBeUndefined();
	expect(config.toString()).toContain("CONFIG_SQUASHFS=y\n");
	expect(config.toString()).toContain("CONFIG_HZ=250\n");
	expect(await foreignFiles(build)).toEqual([]);
	writeFileSync(join(build, "notes.txt"), "");
	await runTarget(request, ["prepare", "kernel/sched/", "all"]);
	expect(existsSync(join(build, "kernel/sched/core.o"))).toBe(true);
	expect(await foreignFiles(build)).toEqual(["notes.txt"]);
});

test("defconfig and NAME_defconfig are one call each", async () => {
	expect((await configure(request)).config.toString()).toContain("CONFIG_NR_CPUS=4\n");
	expect((await configure({ ...request, target: "tiny_defconfig" })).config.toString()).toContain(
		"# CONFIG_PRINTK is not set\n",
	);
});

test("the caller's environment has no effect", async () => {
	const elsewhere = join(root, "elsewhere");
	const set = {
		ARCH: "amd64",
		KBUILD_OUTPUT: elsewhere,
		O: elsewhere,
		KCONFIG_CONFIG: join(root, "other.config"),
		MAKEFLAGS: "n",
		MAKEFILES: join(root, "evil.mk"),
		CROSS_COMPILE: "none-",
		HOSTCC: "false",
		CC: "false",
		LOCALVERSION: "-x",
	};
	writeFileSync(set.MAKEFILES, `$(shell touch ${root}/proof)\n`);
	Object.assign(process.env, set);
	try {
		expect((await configure({ ...request, text: text("CONFIG_SMP=y\n") })).config.toString()).toContain(
			"CONFIG_SMP=y\n",
		);
	} finally {
		for (const name of Object.keys(set)) delete process.env[name];
	}
	for (const path of [elsewhere, set.KCONFIG_CONFIG, join(root, "proof")]) expect(existsSync(path)).toBe(false);
});

test("a target that asks on stdin gets no answer, and does not hang", async () => {
	await writeConfig(build, text("CONFIG_SMP=y\n"), owner);
	const lines: string[] = [];
	await runTarget({ ...request, onLine: (line) => lines.push(line) }, ["oldconfig"]);
	expect(lines.some((line) => line.includes("(NEW)"))).toBe(true);
});

describe("the .config that was there", () => {
	const edited = 'CONFIG_SQUASHFS=m\n# edited by hand\nCONFIG_CMDLINE="mine"\n';
	test("becomes .config.old, not what `conf` put there", async () => {
		writeFileSync(join(build, ".config"), edited);
		const { previous } = await configure({ ...request, text: text("CONFIG_SQUASHFS=y\n") });
		expect(previous?.toString()).toBe(edited);
		expect(readFileSync(join(build, ".config.old"), "latin1")).toBe(edited);
	});
	test("comes back when make fails", async () => {
		writeFileSync(join(build, ".config"), edited);
		writeFileSync(join(source, "scripts/kconfig/conf.c"), "int main(void) { return 7; }\n#error broken\n");
		await expect(configure({ ...request, text: text("CONFIG_SQUASHFS=y\n") })).rejects.toMatchObject({
			code: "ERR_KSQUASH_KCONFIG",
			exitStatus: 78,
			notes: expect.arrayContaining([expect.stringContaining("broken")]),
		});
		expect((await readConfig(build, owner))?.toString()).toBe(edited);
	});
	test("comes back when the work is aborted", async () => {
		writeFileSync(join(build, ".config"), edited);
		const makefile = readFileSync(join(source, "Makefile"), "latin1");
		writeFileSync(join(source, "Makefile"), makefile.replace("outputmakefile:\n", "outputmakefile:\n\t@sleep 60\n"));
		const signal = AbortSignal.timeout(500);
		await expect(configure({ ...request, text: text("CONFIG_SQUASHFS=y\n"), signal })).rejects.toThrow();
		expect((await readConfig(build, owner))?.toString()).toBe(edited);
	});
	test("written again as it is: nothing changes, .config.old neither", async () => {
		writeFileSync(join(build, ".config"), edited);
		writeFileSync(join(build, ".config.old"), "older");
		await writeConfig(build, text(edited), owner);
		expect(readFileSync(join(build, ".config.old"), "latin1")).toBe("older");
	});
});

describe("said before make runs", () => {
	test("an unclean source: Kbuild's refusal comes through", async () => {
		writeFileSync(join(source, ".config"), "");
		await expect(runTarget(request, ["defconfig"])).rejects.toMatchObject({
			notes: expect.arrayContaining([expect.stringContaining("make mrproper")]),
		});
	});
	test("no source", async () => {
		rmSync(source, { recursive: true });
		await expect(runTarget(request, ["defconfig"])).rejects.toThrow(`there is no kernel source at ${source}`);
	});
	test("a missing compiler, by name", async () => {
		for (const missing of [{ cross: "none-" }, { makeArgs: ["CC=no-such-cc -O2"] }, { makeArgs: ["LLVM=-99"] }]) {
			await expect(runTarget({ ...request, ...missing }, ["defconfig"])).rejects.toMatchObject({
				code: "ERR_KSQUASH_TOOL_MISSING",
				message: expect.stringMatching(/none-gcc|no-such-cc|clang-99/),
			});
		}
	});
	test("make arguments that would lead elsewhere, and targets that are options", async () => {
		for (const argument of [
			"O=/x",
			"KBUILD_OUTPUT=/x",
			"-f/x",
			"--eval=x",
			"KCONFIG_CONFIG=/x",
			"all",
			"M=/x",
			"SHELL=/x",
		]) {
			await expect(runTarget({ ...request, makeArgs: [argument] }, ["defconfig"])).rejects.toMatchObject({
				code: "ERR_KSQUASH_USAGE",
			});
		}
		for (const target of ["-n", "--eval=x", "a b", "O=/x", ""]) {
			await expect(runTarget(request, [target])).rejects.toMatchObject({ code: "ERR_KSQUASH_USAGE" });
		}
		await expect(runTarget({ ...request, arch: "x86 all" }, ["defconfig"])).rejects.toMatchObject({
			code: "ERR_KSQUASH_USAGE",
		});
	});
	test("an architecture that the tree lacks is make's own error", async () => {
		await expect(runTarget({ ...request, arch: "amd64" }, ["defconfig"])).rejects.toMatchObject({
			code: "ERR_KSQUASH_KCONFIG",
			notes: expect.arrayContaining([expect.stringContaining("arch/amd64/Makefile")]),
		});
	});
	test.skipIf(!root_)("a noexec mount", async () => {
		const mounted = join(root, "noexec");
		mkdirSync(mounted);
		execFileSync("mount", ["--bind", source, mounted]);
		execFileSync("mount", ["-o", "remount,bind,noexec", mounted]);
		expect(await mountOptions(mounted)).toContain("noexec");
		expect(await mountOptions(source)).not.toContain("noexec");
		await expect(runTarget({ ...request, source: mounted }, ["defconfig"])).rejects.toThrow("is mounted noexec");
	});
});

test.skipIf(!root_)("a source that is mounted read-only", async () => {
	const mounted = join(root, "noexec");
	mkdirSync(mounted);
	execFileSync("mount", ["--bind", source, mounted]);
	execFileSync("mount", ["-o", "remount,bind,ro", mounted]);
	await runTarget({ ...request, source: mounted }, ["defconfig"]);
	await runTarget({ ...request, source: mounted }, ["all"]);
	expect(existsSync(join(build, "vmlinux"))).toBe(true);
});

test("the toolchain's line", async () => {
	expect(await toolchainLine({ owner })).toMatch(/^gcc .*\d/);
	expect(await toolchainLine({ owner, cross: "none-" })).toBe("");
	// A wrapper's own version says nothing of the compiler behind it.
	expect(await toolchainLine({ owner, makeArgs: ["CC=env LC_ALL=C gcc"] })).toMatch(/^gcc .*\d/);
});

describe.skipIf(!root_)("as the owner (root only)", () => {
	test.each(["nobody", "54321"])("make runs as %s: every file is his, and root's are out of reach", async (user) => {
		const other = await findOwner(user);
		const theirs = join(root, "theirs");
		await prepareDirectory({ path: theirs, source, release: "6.1.99-small", owner: other });
		const makefile = readFileSync(join(source, "Makefile"), "latin1");
		const spy = "outputmakefile:\n\t@echo I am $$(id -u) $$(id -g) $$HOME\n";
		writeFileSync(
			join(source, "Makefile"),
			makefile.replace("outputmakefile:\n", () => spy),
		);
		const lines: string[] = [];
		const onLine = (line: string): void => void lines.push(line);
		await configure({ ...request, build: theirs, owner: other, text: text("CONFIG_SMP=y\n"), onLine });
		await runTarget({ ...request, build: theirs, owner: other }, ["kernel/sched/"]);
		expect(lines).toContain(`I am ${other.uid} ${other.gid} ${other.home}`);
		const foreign = execFileSync("find", [theirs, "!", "-uid", String(other.uid)]).toString();
		expect(foreign).toBe("");
		expect(lstatSync(join(theirs, ".config")).uid).toBe(other.uid);
	});
});
