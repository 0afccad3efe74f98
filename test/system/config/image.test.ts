/** IKCONFIG as a real kernel's own build embeds it: kernel/configs.o of Debian's source. */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readConfigFile } from "../../../src/kconfig/read.ts";
import { kernelSlice, kernelTarball, mustWork } from "../../support/kernel.ts";
import { scratchRoot } from "../../support/scratch.ts";

const tarball = kernelTarball();
const minutes = 60_000;

describe.skipIf(tarball === undefined && !mustWork)("a kernel's own object (install linux-source-6.1)", () => {
	it("carries the very .config that it was built with", { timeout: 5 * minutes }, async () => {
		const slice = kernelSlice(tarball ?? "linux-source-6.1 is not installed");
		const out = scratchRoot().path("out");
		const env = { PATH: process.env.PATH ?? "" };
		const make = (...targets: string[]): void => {
			execFileSync("make", ["-s", "-C", slice, `O=${out}`, ...targets], { env, stdio: "pipe" });
		};
		make("tinyconfig");
		const script = join(slice, "scripts/config");
		execFileSync(script, ["--file", join(out, ".config"), "-e", "IKCONFIG"], { env, stdio: "pipe" });
		make("olddefconfig");
		make("kernel/configs.o");
		const embedded = Buffer.from(await readConfigFile(join(out, "kernel/configs.o"))).toString();
		expect(embedded).toBe(readFileSync(join(out, ".config"), "utf8"));
		expect(embedded).toContain("CONFIG_IKCONFIG=y");
	});
});
