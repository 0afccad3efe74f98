/** The release of a tree, read as text; the grammar of names; the paths that follow from them. */

import { describe, expect, it } from "vitest";
import { KsquashError } from "../../src/errors.ts";
import { buildName, isImageName, openLayout, releaseAt, releaseOf, releasePaths } from "../../src/layout.ts";
import { isLocalVersionName, kernelRelease } from "../../src/source/release.ts";
import { isRelease, printable } from "../../src/system/names.ts";

const makefile = (extra = ""): string =>
	`# SPDX\nVERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 192\nEXTRAVERSION =${extra}\nNAME = X\n`;

describe("kernelRelease", () => {
	it.each([
		["no extra version", makefile(), [], "6.1.192"],
		["an extra version", makefile(" -rc3"), [], "6.1.192-rc3"],
		["a comment behind it", makefile(" -rc3 # not yet"), [], "6.1.192-rc3"],
		["CRLF", makefile(" -rc3").replaceAll("\n", "\r\n"), [], "6.1.192-rc3"],
		["no sublevel", "VERSION = 7\nPATCHLEVEL = 0\nSUBLEVEL =\nEXTRAVERSION =\n", [], "7.0"],
		[
			"localversion files in order of name",
			makefile(),
			[
				["localversion-rt", "-rt5\n"],
				["localversion.10", "-a\n"],
			],
			"6.1.192-rt5-a",
		],
		["a backup of one", makefile(), [["localversion~", "-old"]], "6.1.192"],
		["a later line of the same name", `${makefile()}VERSION = 9\n`, [], "6.1.192"],
	])("%s", (_, text, files, expected) => {
		const local = files.map(([name = "", content = ""]) => ({ name, text: content }));
		expect(kernelRelease(text, local, "tree")).toBe(expected);
	});

	it.each([
		["no version", "all:\n\techo hi\n", "ERR_KSQUASH_NOT_A_KERNEL"],
		["a version that is no number", makefile().replace("= 6", "= six"), "ERR_KSQUASH_NOT_A_KERNEL"],
		["a path", makefile(" -x/../../etc"), "ERR_KSQUASH_RELEASE_NAME"],
		["a command", makefile(" $(shell touch /tmp/x)"), "ERR_KSQUASH_RELEASE_NAME"],
		["a blank inside", makefile(" -a b"), "ERR_KSQUASH_RELEASE_NAME"],
		["an escape sequence", makefile(" \u001b[2J"), "ERR_KSQUASH_RELEASE_NAME"],
	])("refuses %s", (_, text, code) => {
		expect(() => kernelRelease(text, [], "tree")).toThrow(expect.objectContaining({ code }));
	});

	it("knows localversion files by name", () => {
		const names = ["localversion", "localversion-rt", "localversion.1~", "mylocalversion", "Makefile"];
		expect(names.filter(isLocalVersionName)).toEqual(["localversion", "localversion-rt"]);
	});
});

describe("names", () => {
	it.each(["6.1", "6.1.192-gentoo-r1", "7.0-rc1+", "a", `6${"1".repeat(193)}`])("takes %s", (name) => {
		expect(isRelease(name)).toBe(true);
	});

	it.each(["", ".6", "-rf", "../etc", "6/1", "6 1", "6\n1", "é", "6.1.sqfs", "6.1.sqfs.json", `6${"1".repeat(194)}`])(
		"refuses %j",
		(name) => {
			expect(isRelease(name)).toBe(false);
		},
	);

	it("shows a hostile name without its effect", () => {
		expect(printable("a\u001b[2J\u202e\u009b")).toBe('"a\\u001b[2J\\u202e\\u009b"');
	});
});

describe("layout", () => {
	it("gives every file of a release from one root", async () => {
		const layout = await openLayout("/");
		expect(releasePaths(layout, "6.1")).toMatchObject({
			image: "/usr/src/linux-6.1.sqfs",
			manifest: "/usr/src/linux-6.1.sqfs.json",
			list: "/usr/src/linux-6.1.sqfs.list.gz",
			mountPoint: "/usr/src/linux-6.1",
			buildDir: "/usr/src/build-6.1",
		});
		expect(buildName("6.1", "arm64")).toBe("build-6.1-arm64");
		expect(() => releasePaths(layout, "../etc")).toThrow(KsquashError);
	});

	it("reads releases back from names, and never takes one for another", async () => {
		expect(releaseOf("linux-6.1.sqfs")).toBe("6.1");
		expect(releaseOf("linux-6.1.1")).toBe("6.1.1");
		expect(releaseOf("build-6.1")).toBeUndefined();
		expect(
			["linux-6.1.sqfs", "linux-6.1.sqfs.json", "linux-6.1.sqfs.old", ".linux-6.1.sqfs.tmp", "linux-6.1"].map(
				isImageName,
			),
		).toEqual([true, false, false, false, false]);
		const layout = await openLayout("/");
		expect(releaseAt(layout, "/usr/src/linux-6.1")).toBe("6.1");
		expect(releaseAt(layout, "/home/linux-6.1")).toBeUndefined();
		expect(releaseAt(layout, "/usr/src/linux-6.1.sqfs")).toBeUndefined();
	});
});
