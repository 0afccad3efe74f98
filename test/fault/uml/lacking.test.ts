/**
 * Kernels that lack a part, for real: no loop, no squashfs, no decompressor; each with the reason that the core gives,
 * and with what a person is told by the CLI and the helper.
 */

import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, type TestContext } from "vitest";
import { cliPath } from "../../support/cli.ts";
import { buildHelper, policyText } from "../../support/helper.ts";
import { mustWork } from "../../support/kernel.ts";
import { placeTree, scratchRoot, smallRelease } from "../../support/scratch.ts";
import { makeUml, type Uml, umlModule, umlObstacle } from "./machine.ts";

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

function machineOrSkip(test: TestContext, memoryMib?: number): Uml {
	const obstacle = process.arch === "x64" ? umlObstacle() : "user-mode-linux is of x86";
	if (obstacle !== undefined) {
		if (mustWork) throw new Error(`${obstacle}, and MUST_WORK=1`);
		test.skip(obstacle);
	}
	return makeUml(memoryMib === undefined ? {} : { memoryMib });
}

it("each missing part of a kernel is named", async (test) => {
	const { share, run } = machineOrSkip(test);
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
		{
			errno: 22,
			step: "create",
			kind: "kernel-lacks-compressor",
			reason: "this kernel's squashfs lacks the compressor zstd",
			leaked: 0,
		},
		{ errno: 22, syscall: "mount", reason: expect.stringMatching(/lacks the compressor/), leaked: 0 },
		{ device: "/dev/loop0", already: false, leaked: 0 },
	]);
});

/** A root with one packed release, a plain tree, and the helper with a policy for that root; below /mnt inside. */
function furnish(share: string): string {
	const scratch = scratchRoot();
	const tree = placeTree(scratch);
	execFileSync(process.execPath, [cliPath, "pack", tree, "--root", scratch.root, "--comp", "zstd"], {
		stdio: "ignore",
	});
	// Mounted where the tree stood.
	execFileSync("umount", [tree]);
	cpSync(scratch.root, join(share, "root"), { recursive: true });
	placeTree(scratch, "tmp/tree");
	cpSync(scratch.path("tmp/tree"), join(share, "tree"), { recursive: true });
	copyFileSync(buildHelper("ksquash-helper"), join(share, "ksquash-helper"));
	writeFileSync(join(share, "helper.conf"), policyText("/mnt/root/usr/src", ""));
	return [
		"mkdir -m 755 /mnt/etc && cp -a /etc/passwd /etc/group /mnt/etc/ && mkdir /mnt/etc/ksquash /mnt/other",
		"cp -a /run/root /run/tree /run/ksquash-helper /mnt/ && cp /run/helper.conf /mnt/etc/ksquash/",
		"chown -R 0:0 /mnt && chmod 755 /mnt /mnt/ksquash-helper && mkdir -p /mnt/other/usr/src && mount --bind /mnt/etc /etc",
	].join("\n");
}

it("a person is told by the CLI, by doctor and by the helper, and nothing is left", async (test) => {
	const { share, run } = machineOrSkip(test, 768);
	// What the machine keeps of its vector registers: machine.ts.
	const ksquash = `node --no-enable-avx --no-enable-avx2 ${cliPath}`;
	const left = "cat /proc/self/mountinfo /sys/block/loop*/loop/backing_file 2>/dev/null | grep -c 'root/usr/src'";
	const mount = [
		`${ksquash} mount ${smallRelease} --root /mnt/root --json 2>/dev/null`,
		`/mnt/ksquash-helper --json mount linux-${smallRelease}`,
		left,
	];
	withoutZstd(umlModule("fs/squashfs/squashfs"), join(share, "squashfs.ko"));
	const script = [
		furnish(share),
		...mount,
		`${ksquash} doctor --root /mnt/root --json`,
		`insmod ${umlModule("drivers/block/loop")}; insmod /run/squashfs.ko`,
		...mount,
		`${ksquash} pack /mnt/tree --root /mnt/other --comp zstd --json 2>/dev/null; ls -A /mnt/other/usr/src | wc -l`,
		`rmmod squashfs; insmod ${umlModule("fs/squashfs/squashfs")}`,
		...mount,
		`${ksquash} umount ${smallRelease} --root /mnt/root --json`,
		left,
	];
	const { said, ended } = await run(script.join("\n"), 110_000);
	expect({ ended, said }).toMatchObject({ ended: true });
	const answers = said.match(/^(?:\{.*\}|\d+)$/gm)?.map((line) => JSON.parse(line)) ?? [];
	const kernel = { code: "ERR_KSQUASH_KERNEL" };
	const noZstd = expect.stringMatching(/lacks the compressor zstd/);
	// And nothing of the option threads=, which 6.1 does not know.
	const words = 'Filesystem uses "zstd" compression. This is not supported';
	const byComp = expect.stringMatching(/--comp/);
	expect(answers).toMatchObject([
		{ failed: [{ error: { ...kernel, message: "the running kernel has no squashfs" } }] },
		{ status: 69, message: expect.stringMatching(/no loop driver/) },
		0,
		{ healthy: false },
		{ failed: [{ error: { ...kernel, message: noZstd, hint: byComp, kernelLog: words } }] },
		{ status: 69, message: noZstd },
		0,
		{ error: { ...kernel, message: noZstd, hint: byComp } },
		0,
		{ failed: [], results: [{ already: false }] },
		{ status: 0, result: "already" },
		2,
		{ failed: [] },
		0,
	]);
	const { checks } = answers[3] as { checks: { name: string; found: string }[] };
	expect(checks.filter(({ name }) => name === "mounting").map(({ found }) => found)).toEqual([
		"the running kernel has no squashfs",
		expect.stringMatching(/^no loop devices/),
	]);
});
