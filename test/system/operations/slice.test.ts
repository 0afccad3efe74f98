/** The chain on a slice of a real kernel: its Makefile, its Kconfig, its conf. */

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { install, remove } from "../../../src/index.ts";
import { hashes, listing } from "../../support/content.ts";
import { kernelSlice, kernelTarball, mustWork } from "../../support/kernel.ts";
import { loopsBelow, mountsBelow, scratchRoot } from "../../support/scratch.ts";

const tarball = kernelTarball();

describe.skipIf(tarball === undefined && !mustWork)(
	"a slice of Debian's linux-source-6.1 (install that package)",
	() => {
		it("is packed, mounted equal, and configured by its own conf from the running kernel's config", async () => {
			const slice = kernelSlice(tarball ?? "linux-source-6.1 is not installed");
			const scratch = scratchRoot();
			const result = await install(slice, { root: scratch.root });
			expect(result.release).toMatch(/^6\.1\.\d+$/);
			expect(listing(result.pack.mountPoint)).toBe(listing(slice));
			expect(hashes(result.pack.mountPoint)).toBe(hashes(slice));
			const config = readFileSync(join(result.configure.buildDir, ".config"), "utf8");
			expect(config).toContain(`# Linux/x86 ${result.release} Kernel Configuration`);
			expect(config).toContain("CONFIG_64BIT=y");
			// A second olddefconfig by hand has nothing to change: the config is whole.
			execFileSync("make", ["-C", result.configure.buildDir, "olddefconfig"], { stdio: "pipe" });
			expect(readFileSync(join(result.configure.buildDir, ".config"), "utf8")).toBe(config);
			await remove(result.release, { root: scratch.root });
			expect([existsSync(result.configure.buildDir), mountsBelow(scratch.root), loopsBelow(scratch.root)]).toEqual([
				false,
				[],
				[],
			]);
		});
	},
);
