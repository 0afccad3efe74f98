/** A build for another machine: the real kernel's arm64 defconfig with Debian's cross compiler, as far as an object file. */

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { configure } from "../../../src/index.ts";
import { extractKernel, kernelTarball, mustWork } from "../../support/kernel.ts";
import { scratchRoot } from "../../support/scratch.ts";

const tarball = kernelTarball();
const cross = "aarch64-linux-gnu-";
const there = tarball !== undefined && existsSync(`/usr/bin/${cross}gcc`);

/** What configuring and one object file of kernel/ read. */
const SLICE = [
	"*/Kconfig*",
	...["Makefile", "Kbuild", "scripts", "include", "init", "kernel", "lib", "security/selinux", "tools/include"].map(
		(name) => `linux-source-6.1/${name}`,
	),
	...["arch/arm64", "arch/arm/include"].map((name) => `linux-source-6.1/${name}`),
];

const reason = "needs linux-source-6.1 and gcc-aarch64-linux-gnu";

describe.skipIf(!there && !mustWork)(`configure --arch arm64 --cross (${reason})`, () => {
	it("begins with the tree's defconfig, makes a directory of its own, and the kernel's make compiles in it", async () => {
		expect(there, reason).toBe(true);
		const { root, src } = scratchRoot();
		const source = join(src, "linux-6.1.0");
		extractKernel(tarball as string, source, SLICE);
		const warnings: string[] = [];
		const options = { root, variant: "arm64", arch: "arm64", cross, onWarning: (line: string) => warnings.push(line) };
		const { base, buildDir } = await configure("6.1.0", { ...options, set: ["SQUASHFS_XZ=y"] });
		// Never the running kernel's config, whatever this machine is.
		expect(base).toContain("the tree's defconfig is the base");
		expect(buildDir).toBe(join(src, "build-6.1.0-arm64"));
		const config = readFileSync(join(buildDir, ".config"), "utf8");
		for (const line of ["CONFIG_ARM64=y", `CONFIG_CC_VERSION_TEXT="${cross}gcc `, "CONFIG_SQUASHFS_XZ=y"]) {
			expect(config).toContain(`\n${line}`);
		}
		expect((await configure("6.1.0", { ...options, set: ["SQUASHFS_XZ=y"] })).already).toBe(true);

		const make = ["-s", "-C", buildDir, "ARCH=arm64", `CROSS_COMPILE=${cross}`, "-j2", "kernel/pid.o"];
		execFileSync("make", make, { env: { PATH: process.env.PATH ?? "" }, stdio: "pipe" });
		const object = readFileSync(join(buildDir, "kernel/pid.o"));
		const EM_AARCH64 = 183;
		expect([object.toString("latin1", 0, 4), object.readUInt16LE(18)]).toEqual(["\x7fELF", EM_AARCH64]);
	}, 300_000);
});
