/** Trees that must be refused, by name and without a trace, and odd ones that must come back equal. */

import { execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, linkSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { mountsBelow, type Scratch, scratchRoot } from "../support/scratch.ts";
import { content, expectClean, expectRefusal, ksquash, name, names, placeSmall, type Ran, same } from "./support.ts";

async function pack(scratch: Scratch, source: string, ...more: string[]): Promise<Ran> {
	return await ksquash(["pack", source, "--root", scratch.root, ...more]);
}

describe("trees that are refused", () => {
	it("a symbolic link to a tree", async () => {
		const scratch = scratchRoot();
		const real = placeSmall(scratch.path("real"));
		symlinkSync(real, join(scratch.src, name));
		expectRefusal(await pack(scratch, join(scratch.src, name)), 65, "is a symbolic link", real);
		expectClean(scratch, [name]);
	});

	it("a mount point is only read, never replaced", async () => {
		const scratch = scratchRoot();
		const [real, place] = [placeSmall(scratch.path("real")), join(scratch.src, name)];
		mkdirSync(place);
		execFileSync("mount", ["--bind", real, place]);
		const before = content(real);
		for (const more of [[], ["--replace-source"]]) {
			expectRefusal(await pack(scratch, place, ...more), 65, place, "mount point");
			expect(names(scratch.src)).toEqual([name]);
		}
		expect(await pack(scratch, place, "--keep-source")).toMatchObject({ status: 0 });
		expect(same(real, before)).toBe(true);
	});

	it("a tree with a mount inside", async () => {
		const scratch = scratchRoot();
		const place = placeSmall(join(scratch.src, name));
		execFileSync("mount", ["-t", "tmpfs", "tmpfs", join(place, "lib")]);
		writeFileSync(join(place, "lib/mine"), "mine");
		const ran = await pack(scratch, place);
		expectRefusal(ran, 65, join(place, "lib"), /another file system|mount/);
		expect(ran.stderr).not.toContain("pack: pack");
		expect(readFileSync(join(place, "lib/mine"), "utf8")).toBe("mine");
		expect(names(scratch.src)).toEqual([name]);
	});

	it.each([
		["EXTRAVERSION = -x/../../etc", 64],
		["EXTRAVERSION = $(shell touch MARK)", 64],
		["EXTRAVERSION = -a b", 64],
		[`EXTRAVERSION = -${"x".repeat(300)}`, 64],
	])("a Makefile with %s: nothing of it is run", async (line, status) => {
		const scratch = scratchRoot();
		const place = placeSmall(join(scratch.src, name));
		const mark = scratch.path("mark");
		const makefile = readFileSync(join(place, "Makefile"), "utf8");
		writeFileSync(join(place, "Makefile"), makefile.replace(/^EXTRAVERSION.*$/m, line.replace("MARK", mark)));
		expectRefusal(await pack(scratch, place), status, place);
		expect(existsSync(mark)).toBe(false);
		expectClean(scratch, [name]);
	});

	it.each<[string, (place: string) => void, string]>([
		[
			"an empty directory",
			(place) => execFileSync("sh", ["-c", `rm -r "$1" && mkdir "$1"`, "sh", place]),
			"it is empty",
		],
		["no kernel", (place) => rmSync(join(place, "Kconfig")), "it has no Kconfig"],
		["a Makefile without version", (place) => writeFileSync(join(place, "Makefile"), "all:\n"), "no VERSION"],
	])("%s", async (_, change, what) => {
		const scratch = scratchRoot();
		const place = placeSmall(join(scratch.src, name));
		change(place);
		expectRefusal(await pack(scratch, place), 65, place, what);
		expectClean(scratch, [name]);
	});

	it.each([".config", "include/config/auto.conf", "arch/small/include/generated/asm.h"])(
		"one that was built in (%s): the message never says mrproper, which would delete the config",
		async (file) => {
			const scratch = scratchRoot();
			const place = placeSmall(join(scratch.src, name));
			mkdirSync(join(place, file, ".."), { recursive: true });
			writeFileSync(join(place, file), "x");
			const before = content(place);
			const ran = await pack(scratch, place, "--replace-source");
			expectRefusal(ran, 65, "was built in or configured", place);
			expect(ran.stdout + ran.stderr).not.toMatch(/mrproper|distclean/);
			expect(same(place, before)).toBe(true);
			expectClean(scratch, [name]);
		},
	);

	it("a busy one: a process in it, or a file open for writing, each named", async () => {
		const scratch = scratchRoot();
		const place = placeSmall(join(scratch.src, name));
		const inside = spawn("sleep", ["60"], { cwd: join(place, "lib") });
		const ran = await pack(scratch, place);
		inside.kill("SIGKILL");
		expectRefusal(ran, 75, "is in use", "sleep", String(inside.pid));
		const writer = spawn("sh", ["-c", `exec 3>>"$1"; exec sleep 61`, "sh", join(place, "README")]);
		await new Promise((done) => setTimeout(done, 200));
		const second = await pack(scratch, place);
		writer.kill("SIGKILL");
		expectRefusal(second, 75, "is in use", "sleep", String(writer.pid));
		expectClean(scratch, [name]);
	});

	it("one under version control stays, unless --replace-source says otherwise; .git is never packed", async () => {
		const scratch = scratchRoot();
		const place = placeSmall(join(scratch.src, name));
		writeFileSync(join(place, ".git"), "gitdir: ../elsewhere\n");
		const ran = await pack(scratch, place);
		expect(ran, ran.stderr).toMatchObject({ status: 0, stderr: expect.stringContaining(".git") });
		expect(readFileSync(join(place, ".git"), "utf8")).toContain("gitdir");
		expect(await pack(scratch, place, "--replace-source")).toMatchObject({ status: 0 });
		expect(existsSync(join(place, ".git"))).toBe(false);
		expect(readFileSync(join(scratch.src, `.${name}.rest/.git`), "utf8")).toContain("gitdir");
		// What was kept is in the way of nothing but another replacement, which says so before any work.
		execFileSync("umount", [place]);
		rmSync(place, { recursive: true });
		placeSmall(place);
		const again = await pack(scratch, place);
		expectRefusal(again, 73, `.${name}.rest`, "--keep-source");
		expect(names(place)).toContain("Makefile");
	});
});

describe("odd entries", () => {
	it.each<[string, (at: string) => void]>([
		["a sparse file", (at) => execFileSync("truncate", ["-s", "40M", join(at, "sparse")])],
		["an empty file", (at) => writeFileSync(join(at, "empty"), "")],
		["a name of 255 bytes", (at) => writeFileSync(join(at, "n".repeat(255)), "long")],
		[
			"names with newline, blank, backslash, tab, quotes",
			(at) => {
				for (const odd of ["a\nb", " ", "a b ", "\\040", "\\", "\t", "'\"", "-rf", "*", "$(id)", "\u00e4\u20ac"])
					writeFileSync(join(at, odd), odd);
			},
		],
		[
			"a name that is no UTF-8",
			(at) => execFileSync("sh", ["-c", `cd "$1" && echo x >"$(printf 'a\\377b')"`, "sh", at]),
		],
		[
			"hard links",
			(at) => {
				writeFileSync(join(at, "one"), "one");
				linkSync(join(at, "one"), join(at, "two"));
			},
		],
		[
			"a setgid directory, a setuid file, a sticky directory",
			(at) => {
				mkdirSync(join(at, "group"));
				chmodSync(join(at, "group"), 0o2775);
				writeFileSync(join(at, "suid"), "");
				chmodSync(join(at, "suid"), 0o4755);
				mkdirSync(join(at, "sticky"));
				chmodSync(join(at, "sticky"), 0o1777);
			},
		],
		[
			"modes 0000 and 0200",
			(at) => {
				for (const mode of [0, 0o200]) {
					writeFileSync(join(at, `mode${mode}`), "x");
					chmodSync(join(at, `mode${mode}`), mode);
				}
			},
		],
		[
			"links: dangling, absolute, up, to itself",
			(at) => {
				for (const [file, target] of Object.entries({ d: "gone", a: "/etc/passwd", u: "../..", s: "s", n: "a\nb" }))
					symlinkSync(target, join(at, file));
			},
		],
		[
			"a FIFO and a device",
			(at) => {
				execFileSync("mkfifo", [join(at, "fifo")]);
				execFileSync("mknod", [join(at, "null"), "c", "1", "3"]);
			},
		],
		[
			"a time of 1970 and of 2037",
			(at) => {
				execFileSync("sh", ["-c", `cd "$1" && touch -d @0 zero && touch -d @2145916800 late`, "sh", at]);
			},
		],
	])("%s: equal after the round trip", async (_, make) => {
		const scratch = scratchRoot();
		const place = placeSmall(join(scratch.src, name));
		make(join(place, "lib"));
		const before = content(place);
		const ran = await pack(scratch, place);
		expect(ran, ran.stderr).toMatchObject({ status: 0 });
		expect(mountsBelow(scratch.root)).toEqual([place]);
		expect(content(place)).toEqual(before);
		expect(names(scratch.src)).toEqual([name, `${name}.sqfs`, `${name}.sqfs.json`, `${name}.sqfs.list.gz`]);
	});

	it("extended attributes of users come back; a time before 1970 is refused by name", async () => {
		const scratch = scratchRoot();
		const place = placeSmall(join(scratch.src, name));
		execFileSync("python3", [
			"-c",
			"import os,sys; os.setxattr(sys.argv[1], 'user.mine', b'a\\0b')",
			join(place, "README"),
		]);
		expect(await pack(scratch, place)).toMatchObject({ status: 0 });
		const script = "import os,sys; sys.stdout.buffer.write(os.getxattr(sys.argv[1], 'user.mine'))";
		expect(execFileSync("python3", ["-c", script, join(place, "README")]).toString()).toBe("a\0b");

		const other = scratchRoot();
		const old = placeSmall(join(other.src, name));
		execFileSync("touch", ["-d", "1960-01-01", join(old, "README")]);
		const ran = await pack(other, old);
		if (ran.status !== 0) expectRefusal(ran, 65, "README");
		else expect(mountsBelow(other.root)).toEqual([old]);
		expect(names(old)).toContain("README");
	});
});
