/** A mksquashfs that lies, and a source that changes while it is packed: the proof refuses, and the source stays. */

import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { placeTarball, type Scratch, scratchRoot } from "../support/scratch.ts";
import { content, expectClean, expectRefusal, ksquash, name, placeSmall, replacedProgram, same } from "./support.ts";

async function pack(root: string, place: string, prefix: readonly string[] = []): ReturnType<typeof ksquash> {
	return await ksquash(["pack", place, "--root", root], { prefix });
}

/** The tree in its place, and a check that it is whole and alone. */
function tree(scratch: Scratch): { place: string; expectUntouched: () => void } {
	const place = placeSmall(join(scratch.src, name));
	const before = content(place);
	const expectUntouched = (): void => {
		expect(same(place, before)).toBe(true);
		expectClean(scratch, [name]);
	};
	return { place, expectUntouched };
}

describe("a mksquashfs that lies", () => {
	const real = 'case $1 in -?*) exec "$REAL" "$@";; esac\n';
	it.each([
		["writes nothing", "exit 0", 65],
		["writes an empty file", ': >"$2"', 65],
		["writes a cut image", '"$REAL" "$@" && truncate -s 4096 "$2"', 65],
		[
			"stores a file as an empty one",
			'cp -a "$1" "$REAL.tree" && : >"$REAL.tree/lib/checksum.c" && touch -r "$1/lib/checksum.c" "$REAL.tree/lib/checksum.c" && touch -r "$1/lib" "$REAL.tree/lib" && s=$REAL.tree && shift && "$REAL" "$s" "$@"',
			65,
		],
		[
			"changes one byte",
			'cp -a "$1" "$REAL.tree" && tr e f <"$1/COPYING" >"$REAL.tree/COPYING" && touch -r "$1/COPYING" "$REAL.tree/COPYING" && s=$REAL.tree && shift && "$REAL" "$s" "$@"',
			65,
		],
		[
			"leaves a file out",
			'cp -a "$1" "$REAL.tree" && rm "$REAL.tree/README" && touch -r "$1" "$REAL.tree" && s=$REAL.tree && shift && "$REAL" "$s" "$@"',
			65,
		],
		[
			"adds a file",
			'cp -a "$1" "$REAL.tree" && touch "$REAL.tree/lib/new.c" && touch -r "$1/lib" "$REAL.tree/lib" && s=$REAL.tree && shift && "$REAL" "$s" "$@"',
			65,
		],
		["packs another tree", 'mkdir "$REAL.tree" && s=$REAL.tree && shift && "$REAL" "$s" "$@"', 65],
		[
			"changes a mode",
			'cp -a "$1" "$REAL.tree" && chmod 600 "$REAL.tree/README" && s=$REAL.tree && shift && "$REAL" "$s" "$@"',
			65,
		],
	])("%s: the proof refuses, and the source stays", async (_, script, status) => {
		const scratch = scratchRoot();
		const { place, expectUntouched } = tree(scratch);
		const prefix = replacedProgram(scratch, "mksquashfs", real + script);
		const ran = await pack(scratch.root, place, prefix);
		expectRefusal(ran, status, name);
		expectUntouched();
	});
});

describe("a source that changes while it is packed", () => {
	it.each([
		["a file's content", (place: string) => appendFileSync(join(place, "README"), "late\n"), "README"],
		["a new file", (place: string) => writeFileSync(join(place, "late.c"), ""), "late.c"],
		["a file that goes", (place: string) => rmSync(join(place, "COPYING")), "COPYING"],
	])("%s: refused, named, kept", async (_, change, file) => {
		const scratch = scratchRoot();
		const place = placeSmall(join(scratch.src, name));
		const script =
			'case $1 in -?*) exec "$REAL" "$@";; esac\n"$REAL" "$@" || exit\nwhile [ ! -e "$REAL.go" ]; do sleep 0.05; done';
		const ran = await ksquash(["pack", place, "--root", scratch.root], {
			prefix: replacedProgram(scratch, "mksquashfs", script),
			onStart: async () => {
				while (!existsSync(join(scratch.src, `.${name}.sqfs.tmp`))) await sleep(20);
				await sleep(300);
				change(place);
				writeFileSync(scratch.path("real-mksquashfs.go"), "");
			},
		});
		expectRefusal(ran, 65, "is not equal to", file);
		expectClean(scratch, [name]);
	});

	it("a tarball that another one replaces while it is packed stays", async () => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch);
		const script =
			'case $1 in -?*) exec "$REAL" "$@";; esac\n"$REAL" "$@" || exit\nwhile [ ! -e "$REAL.go" ]; do sleep 0.05; done';
		const ran = await ksquash(["pack", tarball, "--replace-source", "--root", scratch.root], {
			prefix: replacedProgram(scratch, "mksquashfs", script),
			onStart: async () => {
				while (readdirSync(scratch.src).length === 0) await sleep(20);
				writeFileSync(`${tarball}.new`, "another");
				execFileSync("mv", [`${tarball}.new`, tarball]);
				writeFileSync(scratch.path("real-mksquashfs.go"), "");
			},
		});
		expectRefusal(ran, 75, tarball, "is not the file that was read any more");
		expect(readFileSync(tarball, "utf8")).toBe("another");
	});
});
