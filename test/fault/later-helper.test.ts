/**
 * One system call of the helper fails, and then every later one, while it mounts, unmounts, and mounts all images at boot:
 * no loop device and no mount more or less than it says, the reason is told, and the same call ends the work afterwards.
 */

import { beforeAll, describe, expect, it } from "vitest";
import { type Death, deaths, dying } from "../support/dying.ts";
import { buildHelper, call, policyText, type Sandbox, sandbox } from "../support/helper.ts";
import { loopsBelow, mountsBelow } from "../support/scratch.ts";
import { traced } from "../support/trace.ts";
import { has, spread } from "./support.ts";

beforeAll(() => void buildHelper());

const names = ["linux-6.1", "linux-6.2"];
/** Not capset: a process that cannot give a capability back ends at once, as it must. */
const watched = [
	...[
		"open",
		"openat",
		"openat2",
		"ioctl",
		"flock",
		"statx",
		"readlink",
		"readlinkat",
		"getdents64",
		"pread64",
		"read",
	],
	...["fsopen", "fsconfig", "fsmount", "move_mount", "mount", "umount2", "mkdirat", "fchmod"],
];
/** EAGAIN, EBUSY and EINTR are tried again: that must end, too. */
const errnos = ["EIO", "EPERM", "ENOMEM", "EBUSY", "EAGAIN", "EINTR"];
/** What a later one says that cannot even tell its reason is its status alone; these are the documented ones. */
const statuses = [64, 65, 66, 69, 70, 71, 73, 74, 75, 77, 78];

interface Verb {
	args: readonly string[];
	/** Mounts before it, and after it when it succeeded. */
	mounts: readonly [number, number];
}

const verbs: Record<string, Verb> = {
	mount: { args: ["mount", names[0] as string], mounts: [0, 1] },
	umount: { args: ["umount", names[0] as string], mounts: [1, 0] },
	boot: { args: ["boot"], mounts: [0, 2] },
};

async function place(): Promise<Sandbox> {
	const box = await sandbox();
	for (const name of names) box.place(name);
	const rule = policyText(box.images);
	box.policy(`${rule}${rule.replace(/^version.*\n/, "").replace("rule test", "rule boot")}`);
	return box;
}

const asRoot = { as: ["env"] };

/** Brings the mounts to what the verb begins with. */
function begin(box: Sandbox, { mounts: [before] }: Verb): void {
	for (const name of names) call(box, ["umount", name], asRoot);
	if (before === 1) expect(call(box, ["mount", names[0] as string], asRoot)).toMatchObject({ status: 0 });
	expect(mountsBelow(box.images)).toHaveLength(before);
}

/** What is wrong with the outcome, in words. */
function judge(box: Sandbox, { mounts: [before, after] }: Verb, status: number | null, stderr: string): string[] {
	const wrong: string[] = [];
	const [mounts, loops] = [mountsBelow(box.images).length, loopsBelow(box.base).length];
	if (loops !== mounts) wrong.push(`${loops} loop devices, ${mounts} mounts`);
	if (status === 0 && mounts !== after) wrong.push(`0, and ${mounts} mounts`);
	// boot may have mounted the first of two.
	if (status !== 0 && after < 2 && mounts !== before) wrong.push(`failed, and ${mounts} mounts`);
	if (status !== 0 && !statuses.includes(status ?? -1)) wrong.push(`exit status ${status}`);
	if (status !== 0 && !/^ksquash-helper: \S.{8}/m.test(stderr)) wrong.push("no reason");
	return wrong;
}

function tried(box: Sandbox, verb: Verb, death: Death, errno: string): string[] {
	begin(box, verb);
	// strace fails a call by making it another one, for which the helper's own filter would end the process.
	const filter = ["trace=all", "inject=seccomp:error=ENOSYS"];
	const { status, stderr } = traced(box, verb.args, ...filter, ...dying(death, watched, () => errno));
	const wrong = judge(box, verb, status, stderr);
	const again = call(box, verb.args, asRoot);
	if (again.status !== 0) wrong.push(`run again: ${again.stderr}`);
	if (mountsBelow(box.images).length !== verb.mounts[1]) wrong.push("run again: other mounts");
	return wrong.map((what) => `${death.syscall} no. ${death.when}, ${errno}: ${what}: ${status} ${stderr}`);
}

describe.skipIf(!has("strace"))("one call and then every later one fails", () => {
	it.each(Object.keys(verbs))("in the helper's %s: nothing is left", { timeout: 3_600_000 }, async (name) => {
		const box = await place();
		const verb = verbs[name] as Verb;
		begin(box, verb);
		const whole = traced(box, verb.args);
		expect(whole.status, whole.stderr).toBe(0);
		const points = deaths(
			whole.calls.map(({ syscall }) => syscall),
			watched,
		);
		const chosen = spread(
			points.flatMap((death) => errnos.map((errno) => [death, errno] as const)),
			12,
		);
		expect(chosen.flatMap(([death, errno]) => tried(box, verb, death, errno))).toEqual([]);
		console.log(`${name}: ${points.length} calls, ${chosen.length} times broken off for good`);
	});

	it("and this test finds a mount that stays, a status that is none, and silence", async () => {
		const box = await place();
		const verb = verbs.mount as Verb;
		begin(box, verb);
		expect(judge(box, verb, 75, "ksquash-helper: linux-6.1: it is busy")).toEqual([]);
		expect(judge(box, verb, 75, "")).toEqual(["no reason"]);
		expect(judge(box, verb, 1, "ksquash-helper: linux-6.1: it is busy")).toEqual(["exit status 1"]);
		expect(judge(box, verb, 0, "")).toEqual(["0, and 0 mounts"]);
		begin(box, verbs.umount as Verb);
		expect(judge(box, verb, 75, "ksquash-helper: linux-6.1: it is busy")).toEqual(["failed, and 1 mounts"]);
	});
});
