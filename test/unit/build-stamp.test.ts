/** The hash of a configure's inputs, the paths that Kbuild can take, the text of the GNUmakefile. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { gnuMakefile } from "../../src/build/gnumakefile.ts";
import { findOwner } from "../../src/build/ownership.ts";
import { assertBuildablePath } from "../../src/build/paths.ts";
import { type Inputs, inputsHash, newStamp, readStamp, STAMP } from "../../src/build/stamp.ts";

const text = (words: string) => Buffer.from(words);
const inputs: Inputs = {
	release: "6.1",
	toolchain: "gcc 12",
	base: text("CONFIG_A=y\n"),
	fragments: [
		{ name: "a", text: text("1") },
		{ name: "b", text: text("2") },
	],
};

test("the same inputs have the same hash, whatever the fragments are called", () => {
	expect(inputsHash({ ...inputs })).toBe(inputsHash(inputs));
	const renamed = inputs.fragments.map((fragment) => ({ ...fragment, name: "x" }));
	expect(inputsHash({ ...inputs, fragments: renamed })).toBe(inputsHash(inputs));
});

test("any other input has another hash", () => {
	const others: Partial<Inputs>[] = [
		{ release: "6.2" },
		{ toolchain: "gcc 13" },
		{ base: text("CONFIG_A=m\n") },
		{ base: "CONFIG_A=y\n" },
		{ fragments: inputs.fragments.toReversed() },
		{ fragments: [{ name: "a", text: text("12") }] },
		{ fragments: [{ name: "a", text: text("11:2") }] },
		{ arch: "arm64" },
		{ cross: "arm64" },
		{ makeArgs: ["CC=clang"] },
	];
	const hashes = [inputs, ...others.map((other) => ({ ...inputs, ...other }))].map(inputsHash);
	expect(new Set(hashes).size).toBe(hashes.length);
});

test("a stamp whose owner wrote something else into it says nothing", async () => {
	const directory = mkdtempSync(join(tmpdir(), "ksquash-stamp-"));
	onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
	const owner = await findOwner(process.geteuid?.() ?? 0);
	const read = async (more: object) => {
		writeFileSync(join(directory, STAMP), JSON.stringify({ ...newStamp("6.1", "/s", owner), ...more }));
		return await readStamp(directory, owner);
	};
	const asked = [{ symbol: "A", value: "y", raw: "y", file: "f", line: 1 }];
	const make = { arch: "arm64", cross: "x-", makeArgs: ["CC=clang"] };
	expect(await read({ asked, make })).toMatchObject({ stamp: { asked, make } });
	for (const bad of [{ asked: {} }, { asked: [1] }, { asked: [{ ...asked[0], line: "1" }] }]) {
		expect(await read(bad)).toEqual({ stamp: undefined, damaged: expect.stringContaining("lacks what it must say") });
	}
	for (const bad of [
		{ make: [] },
		{ make: { arch: 1 } },
		{ make: { makeArgs: "CC=x" } },
		{ make: { makeArgs: [1] } },
	]) {
		expect((await read(bad)).stamp).toBeUndefined();
	}
});

test.each([
	["/a b", "a space"],
	["/a:b", "a colon"],
	["/a%b", "a percent sign"],
	["/a\nb", "a newline"],
	["/a\tb", "a tab"],
	["/a\u00a0b", "a blank"],
	["/a#b", '"#"'],
	["/a$b", '"$"'],
	["/a;b", '";"'],
	["/a,b", '","'],
	["/a=b", '"="'],
	["/a'b", `"'"`],
	["a/b", "no absolute path"],
	["/a/../b", "no absolute path"],
	["", "no absolute path"],
])("the path %j is refused with its reason", (path, why) => {
	expect(() => assertBuildablePath(path, "the build directory")).toThrow(why);
});

test("ordinary paths are taken", () => {
	for (const path of ["/", "/srv/build-6.1-rc1+", "/home/jürgen/b_1@2", "/a..b/.c"]) assertBuildablePath(path, "x");
});

test("the GNUmakefile runs nothing: completion of a shell expands it", () => {
	expect(gnuMakefile("6.1", "/srv/linux-6.1")).not.toMatch(/\$\(shell|!=|\$\(file|\$\(eval|^\t/m);
});
