/**
 * A life of a machine: power on, look, replace an image, reboot with a broken one among the others, look, switch off,
 * and look at the disk. The same for each init system.
 */

import { execFileSync, spawnSync } from "node:child_process";
import { expect, type TestContext } from "vitest";
import { mustWork } from "../../support/kernel.ts";
import { bare, broken, good, listed, makeGuest } from "./guest.ts";
import { Machine } from "./machine.ts";
import type { Init } from "./packages.ts";

/** Minutes on an idle machine; a busy one must not fail it. */
export const LIFE_MS = 3_600_000;

/** Why no machine can be made here; undefined when it can. */
function obstacle(): string | undefined {
	if (process.arch !== "x64") return "the emulated machine is an x86-64 one";
	const needed = ["qemu-system-x86_64", "mmdebstrap", "cpio", "mke2fs", "depmod", "apt-get"];
	const missing = needed.filter((name) => spawnSync("sh", ["-c", `command -v ${name}`]).status !== 0);
	return missing.length > 0 ? `not installed: ${missing.join(", ")}` : undefined;
}

const target = (release: string): string => `/usr/src/linux-${release}`;

/** What is mounted below /usr/src by the rows of a mountinfo, each as often as it is there. */
function mounted(mountinfo: string): string[] {
	const rows = mountinfo.split("\n").filter((row) => row.includes(" - squashfs "));
	return rows.map((row) => row.split(" ")[4] ?? "").toSorted();
}

interface Rows {
	releases: { release: string; state: string; boot: string }[];
}

async function states(machine: Machine): Promise<Record<string, string>> {
	const { releases } = JSON.parse(await machine.must("ksquash status --json")) as Rows;
	return Object.fromEntries(releases.map(({ release, state, boot }) => [release, `${state}, boot: ${boot}`]));
}

/** Is the service seen as running? OpenRC's `local` is whatever its scripts say. */
const serviceState: Readonly<Record<Init, string>> = {
	systemd: "systemctl is-active ksquash.service",
	openrc: "rc-service ksquash status",
	"local.d": "rc-service local status",
};

export async function lifeOf(init: Init, test: TestContext): Promise<void> {
	const reason = obstacle();
	if (reason !== undefined) {
		if (mustWork) throw new Error(`${reason}, and MUST_WORK=1`);
		test.skip(reason);
	}
	const hardware = makeGuest(init);
	const machine = new Machine(hardware);
	const all = [bare, good, listed].map(target).toSorted();

	await machine.logIn();
	await machine.must("echo 1 >>/var/boots");
	expect(mounted(await machine.must("cat /run/at-login"))).toEqual(all);
	expect(mounted(await machine.must("cat /proc/1/mountinfo"))).toEqual(all);
	expect(await machine.must(`cat ${target(good)}/MARK`)).toBe("first");
	const fine = `mounted, boot: ${init}`;
	expect(await states(machine)).toEqual({ [bare]: fine, [good]: fine, [listed]: "mounted, boot: fstab" });
	expect(JSON.parse(await machine.must("ksquash boot status --json"))).toMatchObject({ enabled: [init], ready: true });
	expect(await machine.run(serviceState[init])).toMatchObject({ status: 0 });

	// --replace puts another image in the place of the mounted one.
	await machine.must(`ksquash pack --replace --keep-source /root/linux-${good}`);
	expect((await states(machine))[good]).toBe(`stale, boot: ${init}`);
	await machine.must(`cp /root/broken.sqfs ${target(broken)}.sqfs && sync`);
	machine.order("reboot");

	await machine.logIn();
	await machine.must("echo 2 >>/var/boots");
	expect(mounted(await machine.must("cat /run/at-login"))).toEqual(all);
	expect(await machine.must(`cat ${target(good)}/MARK`)).toBe("second");
	expect(await states(machine)).toEqual({
		[bare]: fine,
		[good]: fine,
		[listed]: "mounted, boot: fstab",
		[broken]: `bad image, boot: ${init}`,
	});
	const again = await machine.run("/usr/libexec/ksquash/ksquash-helper boot");
	expect(again.status).toBe(65);
	expect(again.output).toMatch(new RegExp(`linux-${broken}[^]*0 done, 3 already, 1 failed`));
	expect((await machine.run(serviceState[init])).status === 0).toBe(init === "local.d");
	machine.order("poweroff");
	await machine.off();

	const check = spawnSync("e2fsck", ["-fn", hardware.disk], { encoding: "utf8" });
	expect({ status: check.status, said: check.stdout }).toEqual({ status: 0, said: check.stdout });
	const seen = readFrom(hardware.disk, "/var/witness").split("end\n").filter(Boolean);
	// What was mounted by then would stand in the lines that follow.
	expect(seen.filter((each) => each.startsWith("last "))).toEqual(["last 1\n", "last 2\n"]);
	expect(seen.find((each) => each.startsWith("stopped 1"))).toBe("stopped 1\n");
}

/** A file of the disk, which no machine uses. */
function readFrom(disk: string, path: string): string {
	return execFileSync("debugfs", ["-R", `cat ${path}`, disk], {
		encoding: "utf8",
		stdio: ["ignore", "pipe", "ignore"],
	});
}
