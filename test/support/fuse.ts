/** FUSE for tests: whether this machine has it, and a /dev/fuse that other users may open, in this mount namespace only. */

import { execFileSync } from "node:child_process";
import { accessSync, appendFileSync, chownSync, constants, mkdtempSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { which } from "../../src/process/run.ts";
import { GROUP, USER } from "./helper.ts";

/** Undefined where FUSE works. MUST_WORK=1: a test with a missing part fails instead of being skipped. */
export function whyNoFuse(): string | undefined {
	if (process.env.MUST_WORK === "1") return undefined;
	const missing = ["squashfuse", "fusermount3"].find((program) => which(program) === undefined);
	if (missing !== undefined) return `there is no ${missing}`;
	try {
		accessSync("/dev/fuse", constants.R_OK | constants.W_OK);
		return undefined;
	} catch {
		return "there is no /dev/fuse";
	}
}

/**
 * What a user needs who mounts by FUSE on `target`: that directory, a name (fusermount3 looks it up), and a /dev/fuse that
 * is 0666, as most distributions have it. Inside machine(), whose /etc is its own.
 */
export function allowFuse(target: string, user: number = USER): void {
	chownSync(target, user, GROUP);
	appendFileSync("/etc/passwd", `ksquash-test-${user}:x:${user}:${GROUP}::/:/bin/sh\n`);

	const directory = mkdtempSync("/run/ksquash-fuse-");
	execFileSync("mount", ["-t", "tmpfs", "none", directory]);
	onTestFinished(() => {
		// A server that has not ended yet still has it open.
		for (const path of ["/dev/fuse", directory]) execFileSync("umount", ["--lazy", path]);
		rmdirSync(directory);
	});
	const node = join(directory, "fuse");
	execFileSync("mknod", ["-m", "666", node, "c", "10", "229"]);
	execFileSync("mount", ["--bind", node, "/dev/fuse"]);
}
