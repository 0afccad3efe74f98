/** Build directories on a real file system: made, opened, adopted, refused; one owner. */

import { execFileSync } from "node:child_process";
import {
	chmodSync,
	cpSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	renameSync,
	rmSync,
	symlinkSync,
	utimesSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { prepareDirectory } from "../../../src/build/directory.ts";
import { findOwner, type Owner } from "../../../src/build/ownership.ts";
import { readStamp } from "../../../src/build/stamp.ts";
import { run } from "../../../src/process/run.ts";

const fixture = new URL("../../fixtures/small-kernel", import.meta.url).pathname;
const RELEASE = "6.1.99-small";

let root: string;
let source: string;
let build: string;
let owner: Owner;

beforeEach(async () => {
	root = mkdtempSync(join(tmpdir(), "ksquash-build-"));
	chmodSync(root, 0o755);
	source = join(root, "linux");
	build = join(root, "out");
	cpSync(fixture, source, { recursive: true, verbatimSymlinks: true });
	owner = await findOwner(process.geteuid?.() ?? 0);
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

const prepare = (changes: Partial<Parameters<typeof prepareDirectory>[0]> = {}) =>
	prepareDirectory({ path: build, source, release: RELEASE, owner, ...changes });

const listing = (path: string): string =>
	execFileSync("find", [path, "-printf", "%P %y %m %U %s %T@ %l\n"]).toString().split("\n").toSorted().join("\n");

describe("making and opening", () => {
	test("made where a run broke off at the first stamp, and not beside a stranger's file of nearly that name", async () => {
		mkdirSync(build);
		writeFileSync(join(build, "..ksquash.json.79c833c28f64.tmp"), "{");
		expect((await prepare()).state).toBe("adopted");
		rmSync(build, { recursive: true });
		mkdirSync(build);
		writeFileSync(join(build, "..ksquash.json.mine.tmp"), "mine");
		await expect(prepare()).rejects.toMatchObject({ code: "ERR_KSQUASH_OCCUPIED" });
	});

	test("made, and opened again without a change", async () => {
		expect((await prepare()).state).toBe("created");
		const { stamp } = await readStamp(build, owner);
		expect(stamp).toMatchObject({ version: 1, release: RELEASE, source, owner: owner.uid });
		const before = listing(build);
		expect(await prepare()).toMatchObject({ state: "opened", stamp });
		expect(listing(build)).toBe(before);
	});
	test("an empty directory is adopted", async () => {
		mkdirSync(build);
		expect((await prepare()).state).toBe("adopted");
	});
	test("Kbuild's output of this source is adopted, and its .config stays", async () => {
		await run("make", ["-C", source, `O=${build}`, "defconfig"]);
		const config = readFileSync(join(build, ".config"));
		expect((await prepare()).state).toBe("adopted");
		expect(readFileSync(join(build, ".config"))).toEqual(config);
	});
	test("Kbuild's output of another source is refused", async () => {
		const other = join(root, "other");
		cpSync(fixture, other, { recursive: true, verbatimSymlinks: true });
		await run("make", ["-C", other, `O=${build}`, "defconfig"]);
		await expect(prepare()).rejects.toMatchObject({ code: "ERR_KSQUASH_OCCUPIED" });
	});
	test("a directory of another release is refused", async () => {
		await prepare();
		await expect(prepare({ release: "6.2" })).rejects.toThrow("it is the build directory of 6.1.99-small");
	});
	test("what is there is named, and untouched", async () => {
		mkdirSync(build);
		for (const name of ["thesis.tex", "a", "b", "c", "d", "e"]) writeFileSync(join(build, name), "");
		const before = listing(build);
		await expect(prepare()).rejects.toThrow("it has a, b, c, d, e and 1 more");
		expect(listing(build)).toBe(before);
	});
	test.each(["", "{", "[]", '{"version":1}', "\0"])(
		"a damaged stamp (%j) is said, and nothing is overwritten",
		async (text) => {
			mkdirSync(build);
			writeFileSync(join(build, ".ksquash.json"), text);
			await expect(prepare()).rejects.toThrow(/\.ksquash\.json (is damaged|lacks)/);
		},
	);
	test("a newer stamp is refused", async () => {
		mkdirSync(build);
		writeFileSync(join(build, ".ksquash.json"), '{"version":2}');
		await expect(prepare()).rejects.toThrow("a newer ksquash");
	});
	test("a symbolic link and a file are refused", async () => {
		mkdirSync(join(root, "real"));
		symlinkSync("real", build);
		await expect(prepare()).rejects.toThrow("it is a symbolic link to real");
		rmSync(build);
		writeFileSync(build, "");
		await expect(prepare()).rejects.toThrow("it is no directory");
	});
	test("a path that Kbuild cannot take is refused before anything is made", async () => {
		for (const name of ["a b", "a:b", "a%b", "a\nb"]) {
			await expect(prepare({ path: join(root, name) })).rejects.toMatchObject({ code: "ERR_KSQUASH_USAGE" });
			expect(existsSync(join(root, name))).toBe(false);
		}
		await expect(prepare({ path: join(source, "out") })).rejects.toThrow("overlap");
		await expect(prepare({ path: root })).rejects.toThrow("overlap");
	});
});

describe("GNUmakefile, with the source not mounted", () => {
	test.each([["-n"], ["-npq"], [], ["modules"], ["M=/tmp/x"]])(
		"make %s changes nothing, runs nothing, says it",
		async (...args) => {
			await prepare();
			await run("make", ["-C", source, `O=${build}`, "defconfig"]);
			await run("make", ["-C", source, `O=${build}`, "prepare"]);
			// Older than everything: whatever make would remake, it would remake now.
			utimesSync(join(build, "Makefile"), 1, 1);
			renameSync(source, `${source}.away`);
			const before = listing(root);
			const failed = await run("make", ["-C", build, ...args], { okStatus: [2] });
			const message = `kernel source image is not mounted at ${source}; run: ksquash mount ${RELEASE}`;
			expect(failed.lines.join("\n")).toContain(message);
			expect(listing(root)).toBe(before);
		},
	);
	test("with the source there, make is Kbuild's own: same default target", async () => {
		await prepare();
		await run("make", ["-C", source, `O=${build}`, "defconfig"]);
		await run("make", ["-C", build]);
		expect(existsSync(join(build, "vmlinux"))).toBe(true);
		const before = listing(build);
		await run("make", ["-C", build]);
		expect(readFileSync(join(build, "GNUmakefile"), "latin1")).toContain("ksquash");
		expect(listing(build).split("\n").length).toBe(before.split("\n").length);
	});
});
