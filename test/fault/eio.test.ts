/**
 * A disk that answers EIO from some read, write or flush on, below a real ext4: what was there is whole when the disk
 * works again, and the same command ends then. KSQUASH_ALL_POINTS=1 tries the first sixty of each, for each verb.
 */

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { mountsBelow, placeTarball, scratchRoot, smallRelease } from "../support/scratch.ts";
import { makeDisk } from "./powercut/disk.ts";
import { type Content, has, ksquash } from "./support.ts";
import {
	configuring,
	ended,
	expectNamed,
	expectNothingLeft,
	image,
	packing,
	removing,
	source,
	type Verb,
} from "./verbs.ts";

const all = process.env.KSQUASH_ALL_POINTS === "1";
const patience = { timeout: all ? 3_600_000 : 120_000 };

/** After an error in its journal ext4 is read-only. */
const cause = /EIO|I\/O error|Input\/output error|EROFS|read-only|EUCLEAN/i;

async function judge(verb: Verb, fault: string): Promise<number | null> {
	const scratch = scratchRoot();
	const tarball = placeTarball(scratch);
	let before: Content | undefined;
	const disk = await makeDisk(scratch, 24, async (root) => {
		before = await verb.prepare(root, tarball);
		for (const target of mountsBelow(source(root))) execFileSync("umount", [target]);
	});
	const { root } = disk;
	if (before === undefined) throw new Error("nothing was prepared");
	const mount = async (): Promise<unknown> => await ksquash(["mount", smallRelease, "--root", root]);
	if (existsSync(image(root))) await mount();
	disk.control(fault);
	const ran = await ksquash([...verb.args(root), "--root", root]);
	disk.control("off");
	await disk.end();
	execFileSync("mount", ["-o", "loop", scratch.path("image"), root]);
	if (ran.status !== 0) expectNamed(ran, cause);
	verb.whole(root, before);
	// As after a boot.
	if (existsSync(image(root))) await mount();
	await ended(root, verb, before);
	expectNothingLeft(root);
	return ran.status;
}

const usual: [Verb, string][] = [
	[packing, "write 5"],
	[packing, "fsync 2"],
	[packing, "read 3"],
	[removing, "fsync 1"],
];
const each = [packing, configuring, removing].flatMap((verb) =>
	["read", "write", "fsync"].flatMap((call) =>
		Array.from({ length: 60 }, (_, i): [Verb, string] => [verb, `${call} ${i + 1}`]),
	),
);

describe.skipIf(!has("mkfs.ext4") || !has("fusermount3") || !has("c++"))("a disk that answers EIO", () => {
	it.each((all ? each : usual).map(([verb, fault]) => ({ verb, name: verb.name, fault })))(
		"$name from $fault on",
		patience,
		async ({ verb, fault }) => {
			const status = await judge(verb, fault);
			if (!all) expect(status).not.toBe(0);
		},
	);
});
