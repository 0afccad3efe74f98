/** squashfs-tools 4.4, which read no tar: another tool, or a scratch directory, and the same content. */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { placeTarball, type Scratch, scratchRoot } from "../support/scratch.ts";
import {
	content,
	expectClean,
	expectRefusal,
	imageHolds,
	ksquash,
	name,
	placeSmall,
	replacedProgram,
} from "./support.ts";

const files = [`${name}.sqfs`, `${name}.sqfs.json`, `${name}.sqfs.list.gz`];

/** Says that it is 4.4 and refuses what came later; the rest does the real one. */
const old = `case $1 in
-version) echo "mksquashfs version 4.4 (2019/08/29)"; exit 0;;
esac
for a; do case $a in -tar|-cpiostyle|-exit-on-error|-xattrs-exclude|-root-time|-percentage) echo "invalid option $a" >&2; exit 1;; esac; done
exec "$REAL" "$@"`;

/** The old mksquashfs, without tar2sqfs where that is said. */
function tools(scratch: Scratch, tar2sqfs: boolean): string[] {
	const prefix = replacedProgram(scratch, "mksquashfs", old);
	if (tar2sqfs) return prefix;
	const path = execFileSync("sh", ["-c", "command -v tar2sqfs"], { encoding: "utf8" }).trim();
	return [...prefix, "sh", "-c", 'mount --bind /dev/null "$1" && shift && exec "$@"', "sh", path];
}

function manifest(scratch: Scratch): { content: unknown; tools: Record<string, string> } {
	return JSON.parse(readFileSync(join(scratch.src, `${name}.sqfs.json`), "utf8"));
}

describe("mksquashfs 4.4", () => {
	it.each([
		["tar2sqfs", true, ["--preset", "smallest"]],
		["tar2sqfs", true, []],
		["a scratch directory", false, []],
		["a scratch directory, for options that tar2sqfs has not", true, ["--", "-no-duplicates"]],
	] as const)("packs a tarball by %s, and the content is the same", async (way, tar2sqfs, more) => {
		const [scratch, other] = [scratchRoot(), scratchRoot()];
		const tarball = placeTarball(scratch);
		const expected = content(scratch.path("tmp", name));
		const [flags, extra] = more[0] === "--" ? [[], more] : [more, []];
		const args = ["pack", tarball, "--root", scratch.root, ...flags, ...extra];
		const ran = await ksquash(args, { prefix: tools(scratch, tar2sqfs) });
		expect(ran, ran.stderr).toMatchObject({ status: 0 });
		expect(ran.stderr.includes("scratch directory")).toBe(way !== "tar2sqfs");
		expectClean(scratch, files);
		expect(imageHolds(join(scratch.src, `${name}.sqfs`), expected)).toBe(true);
		expect(Object.keys(manifest(scratch).tools)).toContain(way === "tar2sqfs" ? "tar2sqfs" : "mksquashfs");
		expect(await ksquash(["pack", tarball, "--root", other.root])).toMatchObject({ status: 0 });
		expect(manifest(scratch).content).toEqual(manifest(other).content);
	});

	it("packs a tree", async () => {
		const scratch = scratchRoot();
		const place = placeSmall(join(scratch.src, name));
		const expected = content(place);
		const ran = await ksquash(["pack", place, "--keep-source", "--root", scratch.root], {
			prefix: tools(scratch, false),
		});
		expect(ran, ran.stderr).toMatchObject({ status: 0 });
		expect(imageHolds(`${place}.sqfs`, expected)).toBe(true);
	});

	it("a tarball that turns out damaged: no scratch directory stays; one of a dead run goes", async () => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch, "linux.tar");
		writeFileSync(tarball, readFileSync(tarball).subarray(0, 20_000));
		const dead = join(scratch.src, "..tarball-1-2.sqfs.tmp.0123456789ab.tmp");
		mkdirSync(join(dead, "kernel"), { recursive: true });
		writeFileSync(join(dead, "kernel/x.c"), "");
		const ran = await ksquash(["pack", tarball, "--root", scratch.root], { prefix: tools(scratch, false) });
		expectRefusal(ran, 65, tarball);
		expect(existsSync(dead)).toBe(false);
		expect(readdirSync(scratch.src)).toEqual([]);
	});
});
