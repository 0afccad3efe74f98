/**
 * All images at once, as at boot and at shutdown: the helper's `boot` and `unboot` against as many mount(8) and umount(8),
 * one after another, in turn in one run. See bench/run.sh; KSQUASH_BENCH_IMAGES=N: 500 by default.
 *
 * Owns: what is measured, and the goals. Leaves to others: the peers' own code (peers.cpp).
 */

import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Contest, columns, goal } from "./measure.ts";

const [peers = "", , helper = ""] = process.argv.slice(2);
const rounds = Number(process.env.KSQUASH_BENCH_ROUNDS ?? 5);
const count = Number(process.env.KSQUASH_BENCH_IMAGES ?? 500);
const etc = "/etc/ksquash";

/** Microseconds of a program, and of `count` programs with % as 0, 1, 2 …, each by posix_spawn(3). */
const once = (...command: string[]): number[] => columns(peers, "run", "1", ...command)[0] ?? [];
const each = (...command: string[]): number[] => columns(peers, "run-each", String(count), ...command)[0] ?? [];

/** Images of one file each, their mount points, and a policy for them, all on a tmpfs. */
function prepare(base: string): string {
	const [policy, tree, images] = ["etc", "tree", "src"].map((name) => join(base, name)) as [string, string, string];
	for (const path of [policy, tree, images]) mkdirSync(path);
	execFileSync("mount", ["--bind", policy, etc]);
	const rule = `[rule boot]\nimages = ${images}\nsuffix = .sqfs\nmountpoints = ${images}\numount = yes\n`;
	writeFileSync(join(policy, "helper.conf"), `version = 1\n${rule}`);
	writeFileSync(join(tree, "file"), "content");
	const first = join(base, "image.sqfs");
	execFileSync("mksquashfs", [tree, first, "-quiet", "-no-progress", "-all-root"]);
	for (let i = 0; i < count; i++) {
		const target = join(images, `linux-${i}`);
		mkdirSync(target);
		copyFileSync(first, `${target}.sqfs`);
		chmodSync(`${target}.sqfs`, 0o644);
	}
	return join(images, "linux-%");
}

function race(target: string): void {
	const [ours, bare] = ["ksquash-helper", "util-linux, one after another"];
	const up = new Contest();
	const down = new Contest();
	for (let round = 0; round < rounds; round++) {
		up.add(ours, ...once(helper, "boot"));
		down.add(ours, ...once(helper, "unboot"));
		up.add(bare, ...each("mount", "-t", "squashfs", "-o", "loop,ro", `${target}.sqfs`, target));
		down.add(bare, ...each("umount", target));
	}
	up.print(`mount ${count} images`, ours);
	goal("mount: mount -o loop takes so many times ours", up.median(bare) / up.median(ours), 5, true);
	down.print(`unmount ${count} images`, ours);
	goal("unmount: umount takes so many times ours", down.median(bare) / down.median(ours), 1, true);
}

const base = mkdtempSync("/run/ksquash-bench-");
const madeEtc = !existsSync(etc);
mkdirSync(etc, { recursive: true });
execFileSync("mount", ["-t", "tmpfs", "-o", "mode=0755", "none", base]);
try {
	race(prepare(resolve(base)));
} finally {
	// The namespace is our own, but the loops would keep the files until it ends.
	spawnSync("umount", [etc]);
	if (madeEtc) rmdirSync(etc);
	spawnSync("umount", ["--recursive", base]);
	rmdirSync(base);
}
