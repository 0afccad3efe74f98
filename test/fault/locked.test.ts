/** The lock under every mount and unmount, held by another for longer than anybody waits. */

import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import { mountsBelow, placeTarball, scratchRoot, smallRelease } from "../support/scratch.ts";
import { expectRefusal, ksquash } from "./support.ts";

it("is named by mount and umount alike, 75: nobody is told to end a process that is not in the way", {
	timeout: 60_000,
}, async () => {
	const scratch = scratchRoot();
	const packed = await ksquash(["pack", placeTarball(scratch), "--root", scratch.root]);
	expect(packed, packed.stderr).toMatchObject({ status: 0 });
	// A node of our own has a lock of its own: other tests mount meanwhile.
	const node = scratch.path("loop-control");
	execFileSync("mknod", [node, "c", "10", "237"]);
	const hold = 'mount --bind "$1" /dev/loop-control && shift && exec flock /dev/loop-control "$@"';
	const prefix = ["unshare", "--mount", "--propagation", "private", "sh", "-c", hold, "sh", node];
	const refused = async (verb: string): Promise<void> => {
		const ran = await ksquash([verb, smallRelease, "--root", scratch.root], { prefix });
		const reason = "another process has held the loop devices' lock for ten seconds";
		expectRefusal(ran, 75, reason, "wait for the other");
	};
	await refused("mount");
	expect(mountsBelow(scratch.root)).toEqual([]);
	expect(await ksquash(["mount", smallRelease, "--root", scratch.root])).toMatchObject({ status: 0 });
	await refused("umount");
	expect(mountsBelow(scratch.root)).toHaveLength(1);
});
