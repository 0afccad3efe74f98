/** The systemd unit: what it allows the helper to do, by systemd's own tools. */

import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { deny } from "../../support/built.ts";
import { buildHelper, machine, makeImage } from "../../support/helper.ts";
import { mustWork } from "../../support/kernel.ts";

beforeAll(() => void buildHelper());

const share = join(import.meta.dirname, "../../../share");
const program = "/usr/libexec/ksquash/ksquash-helper";

function needsSystemd(test: { skip(note: string): void }): void {
	if (spawnSync("systemd-analyze", ["--version"]).error === undefined) return;
	if (mustWork) throw new Error("systemd-analyze is missing, and MUST_WORK=1");
	test.skip("systemd-analyze is not installed");
}

const UNIT = "/etc/systemd/system/ksquash.service";
const STATMOUNT = 457;
const EPERM = 1;

describe("the systemd unit", () => {
	const unit = readFileSync(join(share, "systemd/ksquash.service"), "utf8");

	it("has no directive that gives it a mount namespace, which would hide the mounts, or takes openat2 away", () => {
		const directives = unit.split("\n").flatMap((line) => /^([A-Za-z]+)=/.exec(line)?.[1] ?? []);
		expect(directives.length).toBeGreaterThan(15);
		const hiding =
			/^(?:Protect.*|Private.*|Read(?:Only|Write).*|Inaccessible.*|ExecPaths|NoExecPaths|Bind.*|Temporary.*|Root.*|Mount.*|DynamicUser|.*Directory|ProcSubset|Device.*|ExtensionImages|RestrictSUIDSGID)$/;
		expect(directives.filter((name) => hiding.test(name))).toEqual([]);
	});

	it("passes systemd-analyze verify, and scores below 5 in its security table", (test) => {
		needsSystemd(test);
		const box = machine();
		expect(box.ksquash(["boot", "enable", "--init", "systemd"]).status).toBe(0);
		const verify = spawnSync("systemd-analyze", ["verify", "--man=no", UNIT], { encoding: "utf8" });
		expect({ status: verify.status, stderr: verify.stderr }).toEqual({ status: 0, stderr: "" });
		const security = spawnSync(
			"systemd-analyze",
			["security", "--offline=true", "--no-pager", "--threshold=50", UNIT],
			{ encoding: "utf8" },
		);
		expect(security.status, security.stdout).toBe(0);
	});

	it("allows every system call that the helper makes", (test) => {
		needsSystemd(test);
		const box = machine();
		makeImage(box.base, "/usr/src/linux-6.1.sqfs", "6.1");
		expect(box.ksquash(["boot", "enable", "--init", "systemd"]).status).toBe(0);
		const log = join(box.base, "strace.log");
		for (const verb of ["boot", "unboot"]) execFileSync("strace", ["-o", log, "-A", program, verb]);
		const made = [...readFileSync(log, "utf8").matchAll(/^([a-z_0-9]+)\(/gm)].map((match) => match[1] as string);
		expect(made).toContain("move_mount");
		const members = (set: string): string[] => {
			if (!set.startsWith("@")) return [set];
			return execFileSync("systemd-analyze", ["syscall-filter", set, "--no-pager"], { encoding: "utf8" })
				.split("\n")
				.map((line) => line.trim())
				.flatMap((name) => (name === set ? [name] : members(name)));
		};
		const filters = [...unit.matchAll(/^SystemCallFilter=(~?)(.*)$/gm)];
		const named = (sign: string): Set<string> =>
			new Set(
				filters.filter((match) => match[1] === sign).flatMap((match) => (match[2] ?? "").split(" ").flatMap(members)),
			);
		const [allowed, denied] = [named(""), named("~")];
		expect(allowed.size).toBeGreaterThan(100);
		// strace and systemd may be too old to have a name for it.
		const statmount = ["statmount", "syscall_0x1c9"];
		const refused = [...new Set(made)].filter((name) => !allowed.has(name) || denied.has(name));
		expect(refused.filter((name) => !statmount.includes(name))).toEqual([]);
		// What the unit's filter answers for it: the mount table says the same.
		const filtered = (verb: string): Buffer => execFileSync(deny, [`${STATMOUNT}=${EPERM}`, "--", program, verb]);
		const mounted = (): boolean => readFileSync("/proc/self/mountinfo", "utf8").includes("/usr/src/linux-6.1 ");
		expect(mounted()).toBe(false);
		filtered("boot");
		expect(mounted()).toBe(true);
		filtered("unboot");
		expect(mounted()).toBe(false);
	});
});
