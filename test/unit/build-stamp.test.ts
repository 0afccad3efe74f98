/** The hash of a configure's inputs, the paths that Kbuild can take, the text of the GNUmakefile. */

import { expect, test } from "vitest";
import { gnuMakefile } from "../../src/build/gnumakefile.ts";
import { assertBuildablePath } from "../../src/build/paths.ts";
import { type Inputs, inputsHash } from "../../src/build/stamp.ts";

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
