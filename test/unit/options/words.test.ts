/** The library's options as words of the command line, and back: the CLI must read the same from them. */

import { describe, expect, it } from "vitest";
import { optionWords } from "../../../src/options/words.ts";

describe("optionWords", () => {
	it("writes flags, values and lists by the names that the command line has", () => {
		const options = {
			...{ root: "/mnt/a b", compressor: "xz", blockSize: 262144, mounts: true, nice: false, jobs: undefined },
			patches: ["one.patch", "two.patch"],
		};
		expect(optionWords("pack", options)).toEqual([
			...["--root", "/mnt/a b", "--comp", "xz", "--block-size", "262144", "--for-this-kernel"],
			...["--patch", "one.patch", "--patch", "two.patch"],
		]);
	});

	it("joins a value that begins with a dash to its flag", () => {
		expect(optionWords("configure", { localVersion: "-mine", owner: 1000, makeArgs: ["-x"] })).toEqual([
			...["--owner", "1000", "--localversion=-mine", "--make=-x"],
		]);
	});

	it("leaves out what the command has no flag for", () => {
		const install = { fuse: "never", variant: "arm", keepSource: true, userSpace: true, select: true, signal: {} };
		expect(optionWords("mount", install)).toEqual(["--fuse", "never"]);
		expect(optionWords("select", install)).toEqual(["--variant", "arm"]);
		expect(optionWords("pack", { ...install, owner: "alice", buildDir: "/b" })).toEqual([
			...["--keep-source", "--user-space"],
		]);
	});

	it("writes a depth as its flag, and tool options behind dashes", () => {
		expect(optionWords("verify", { depth: "deep" })).toEqual(["--deep"]);
		expect(optionWords("verify", { depth: "full" })).toEqual([]);
		expect(optionWords("pack", { toolOptions: ["-Xcompression-level", "19"], release: "6.1" })).toEqual([
			...["--release", "6.1", "--", "-Xcompression-level", "19"],
		]);
	});
});
