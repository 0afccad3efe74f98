/** Another mounts on the helper's mount point between its checks and its own mount: ours goes again, theirs stays. */

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { asUser, buildHelper, call, policyText, type Sandbox, sandbox } from "../support/helper.ts";
import { loopsBelow } from "../support/scratch.ts";

beforeAll(() => void buildHelper());

const top = join(import.meta.dirname, "../..");
const name = "linux-6.1";

/** Types of the file systems on a path, the lowest first. */
function typesOn(path: string): string[] {
	const rows = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
	return rows.filter((row) => row.split(" ")[4] === path).map((row) => / - (\S+) /.exec(row)?.[1] ?? "");
}

interface Ended {
	status: number | null;
	stdout: string;
}

/** The helper under strace, which holds it for a second where it enters move_mount(2); `meanwhile` is done there. */
async function delayed(
	box: Sandbox,
	words: readonly string[],
	meanwhile: () => void,
	before: readonly string[] = [],
): Promise<Ended> {
	const held = ["-e", "trace=move_mount", "-e", "inject=move_mount:delay_enter=1000000"];
	const strace = [...before, "strace", "-qq", "-o", "/dev/null", ...held];
	const [file = "", ...rest] = [...strace, box.program, "--json", ...words];
	const helper = spawn(file, rest, {
		stdio: ["ignore", "pipe", "inherit"],
		cwd: "/",
	});
	let stdout = "";
	helper.stdout.on("data", (data) => {
		stdout += data;
	});
	const ended = once(helper, "close");
	for (let i = 0; i < 1000 && loopsBelow(box.base).length === 0; i++) await new Promise((done) => setTimeout(done, 5));
	expect(loopsBelow(box.base)).toHaveLength(1);
	await new Promise((done) => setTimeout(done, 400));
	meanwhile();
	const [status] = (await ended) as [number | null];
	return { status, stdout };
}

const verbs = [
	["mount", ["mount", name]],
	["boot", ["boot"]],
] as const;

it.each(verbs)("%s takes its mount back when another came in right before it", async (verb, words) => {
	const box = await sandbox();
	box.place(name);
	box.policy(policyText(box.images, "umount = yes").replace("rule test", "rule boot"));
	const target = box.path("src", name);
	const { status, stdout } = await delayed(box, words, () => {
		execFileSync("mount", ["-t", "tmpfs", "none", target]);
	});
	const answer = JSON.parse(stdout);
	const [result] = verb === "boot" ? answer.results : [answer];
	expect(result).toMatchObject({ status: 73, message: "something else was mounted here meanwhile" });
	expect(status).toBe(73);
	expect(typesOn(target)).toEqual(["tmpfs"]);
	expect(loopsBelow(box.base)).toEqual([]);
	execFileSync("umount", [target]);
	expect(call(box, ["mount", name], { as: ["env"] }).status).toBe(0);
});

it.each(verbs)("%s mounts when nothing comes in", async (_verb, words) => {
	const box = await sandbox();
	box.place(name);
	box.policy(policyText(box.images, "umount = yes").replace("rule test", "rule boot"));
	const { status } = await delayed(box, words, () => undefined);
	expect(status).toBe(0);
	expect(typesOn(box.path("src", name))).toEqual(["squashfs"]);
	expect(loopsBelow(box.base)).toHaveLength(1);
});

/** Not known to an older kernel (6.8): then the mount table tells on what our mount stands. */
const withoutStatmount = [join(top, "build/Release/deny"), "457=38", "--"];

it("mounts for a user where statmount(2) is missing", async () => {
	const box = await sandbox();
	box.place(name);
	const ran = call(box, ["mount", name], { as: [...withoutStatmount, "/usr/bin/env", ...asUser()] });
	expect(ran, ran.stderr).toMatchObject({ status: 0 });
	expect(typesOn(box.path("src", name))).toEqual(["squashfs"]);
});

it("takes its mount back where statmount(2) is missing", async () => {
	const box = await sandbox();
	box.place(name);
	const target = box.path("src", name);
	const come = (): void => void execFileSync("mount", ["-t", "tmpfs", "none", target]);
	const { status } = await delayed(box, ["mount", name], come, [...withoutStatmount, "/usr/bin/env"]);
	expect(status).toBe(73);
	expect(typesOn(target)).toEqual(["tmpfs"]);
	expect(loopsBelow(box.base)).toEqual([]);
});
