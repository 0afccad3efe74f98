/** Kernels that lack a part, for real: no loop, no squashfs, no decompressor; each with the reason that the core gives. */

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { mustWork } from "../../support/kernel.ts";
import { makeUml, umlModule, umlObstacle } from "./machine.ts";

/** A squashfs.ko in which zstd is not supported: the one word in which a build without it differs at mount. */
function withoutZstd(from: string, to: string): void {
	const read = (...words: string[]): string => execFileSync("readelf", ["-W", ...words, from], { encoding: "utf8" });
	const [, value = "", index = ""] =
		/(\w{16}) +56 OBJECT +GLOBAL +DEFAULT +(\d+) squashfs_zstd_comp_ops/.exec(read("-s")) ?? [];
	const section = new RegExp(`\\[ *${index}\\] \\S+ +\\S+ +\\S+ (\\w+)`).exec(read("-S"))?.[1] ?? "";
	// fs/squashfs/decompressor.h: four functions, the number, the name, alloc_buffer, supported.
	const at = Number.parseInt(section, 16) + Number.parseInt(value, 16) + 52;
	const bytes = readFileSync(from);
	expect([bytes.readUInt32LE(at - 20), bytes.readUInt32LE(at)]).toEqual([6, 1]);
	bytes.writeUInt32LE(0, at);
	writeFileSync(to, bytes);
}

it("each missing part of a kernel is named", async (test) => {
	const obstacle = process.arch === "x64" ? umlObstacle() : "user-mode-linux is of x86";
	if (obstacle !== undefined) {
		if (mustWork) throw new Error(`${obstacle}, and MUST_WORK=1`);
		test.skip(obstacle);
	}
	const { share, run } = makeUml();
	for (const name of ["drive", "deny"])
		copyFileSync(new URL(`../../../build/Release/${name}`, import.meta.url), join(share, name));
	mkdirSync(join(share, "tree"));
	writeFileSync(join(share, "tree/file"), "hello\n");
	execFileSync("mksquashfs", [join(share, "tree"), join(share, "image"), "-comp", "zstd", "-quiet", "-no-progress"]);
	const squashfs = umlModule("fs/squashfs/squashfs");
	withoutZstd(squashfs, join(share, "squashfs.ko"));
	const mount = "/run/drive mount /run/image /mnt/target";
	const script = [
		"mkdir /mnt/target",
		mount,
		`insmod ${umlModule("drivers/block/loop")}`,
		mount,
		"insmod /run/squashfs.ko",
		mount,
		`/run/deny 430=38 -- ${mount}`,
		`rmmod squashfs; insmod ${squashfs}`,
		mount,
	];
	const { said, ended } = await run(script.join("\n"), 100_000);
	expect({ ended, said }).toMatchObject({ ended: true });
	const answers = said.match(/^\{.*\}$/gm)?.map((line) => JSON.parse(line));
	expect(answers).toMatchObject([
		{ errno: 2, step: "lock", reason: expect.stringMatching(/no loop driver/), leaked: 0 },
		{ errno: 19, syscall: "fsopen", reason: expect.stringMatching(/no squashfs/), leaked: 0 },
		{ errno: 22, step: "create", reason: "this kernel's squashfs lacks the compressor zstd", leaked: 0 },
		{ errno: 22, syscall: "mount", reason: expect.stringMatching(/lacks the compressor/), leaked: 0 },
		{ device: "/dev/loop0", already: false, leaked: 0 },
	]);
});
