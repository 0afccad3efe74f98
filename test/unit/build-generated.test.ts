/** Which files of a build directory are Kbuild's, of lasting value, ours, or the user's own. */

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { classifyFile, foreignFiles, isGeneratedDirectory, valuables } from "../../src/build/generated.ts";

const classify = (path: string, siblings: string[] = []) => classifyFile(path, new Set(siblings));

test.each([
	// Seen in builds of 6.1: objects and programs with their command file, what has none, links.
	["kernel/sched/core.o", [".core.o.cmd"], "generated"],
	["scripts/kconfig/conf", [".conf.cmd"], "generated"],
	["scripts/kconfig/.conf.cmd", [], "generated"],
	["kernel/.fork.o.d", [], "generated"],
	["crypto/rsapubkey.asn1.c", [], "generated"],
	["scripts/kconfig/parser.tab.c", [], "generated"],
	["drivers/block/loop.mod.c", [], "generated"],
	["lib/crc32table.h", [], "generated"],
	["arch/x86_64/boot/bzImage", [], "generated"],
	[".tmp_vmlinux.kallsyms1.S", [], "generated"],
	["System.map", [], "generated"],
	["vmlinux.o", [".vmlinux.o.cmd"], "generated"],
	["source", [], "generated"],
	["Makefile", [], "generated"],
	[".ksquash.json", [], "ours"],
	["GNUmakefile", [], "ours"],
	[".config", [], "valuable"],
	[".config.old", [], "valuable"],
	["my.config", [], "valuable"],
	["Module.symvers", [".Module.symvers.cmd"], "valuable"],
	["certs/signing_key.pem", [".signing_key.pem.cmd"], "valuable"],
	["certs/x509.genkey", [], "valuable"],
	// The user's own.
	["notes.txt", [], "foreign"],
	["my.patch", [], "foreign"],
	["foo/bar.c", [], "foreign"],
	["foo/bar.o", [], "foreign"],
	["foo/Makefile", [], "foreign"],
	["foo/System.map", [], "foreign"],
	["certs/my.pem", [], "foreign"],
	["foo/.config", [], "foreign"],
	[".env", [], "foreign"],
	["kernel/core.o", [".ore.o.cmd"], "foreign"],
] as const)("%s is %3$s", (path, siblings, wanted) => {
	expect(classify(path, [...siblings])).toBe(wanted);
});

test("directories that are all Kbuild's", () => {
	for (const path of ["include/generated", "include/config", "arch/x86/include/generated", "usr/include"]) {
		expect(isGeneratedDirectory(path)).toBe(true);
	}
	for (const path of [
		"include",
		"arch/x86/include",
		"my/include/generated",
		"include/generated2",
		"arch/include/generated",
	]) {
		expect(isGeneratedDirectory(path)).toBe(false);
	}
});

test("a directory is walked without following links", async () => {
	const root = mkdtempSync(join(tmpdir(), "ksquash-generated-"));
	const elsewhere = mkdtempSync(join(tmpdir(), "ksquash-elsewhere-"));
	try {
		for (const name of ["notes.txt", "foo/bar.c", "include/generated/x.h", ".config", "a/b.o", "a/.b.o.cmd"]) {
			mkdirSync(dirname(join(root, name)), { recursive: true });
			writeFileSync(join(root, name), "");
		}
		writeFileSync(join(elsewhere, "secret"), "");
		symlinkSync(elsewhere, join(root, "source"));
		symlinkSync(elsewhere, join(root, "link"));
		symlinkSync("..", join(root, "a/loop"));
		expect(await foreignFiles(root)).toEqual(["a/loop", "foo/bar.c", "link", "notes.txt"]);
		expect(await valuables(root)).toEqual([".config"]);
	} finally {
		for (const path of [root, elsewhere]) rmSync(path, { recursive: true });
	}
});
