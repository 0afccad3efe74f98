/** Why an image has other content than its source: known by what differs, never by the words for it. */

import { execFileSync } from "node:child_process";
import { rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { pack } from "../../../src/index.ts";
import { placeTree, scratchRoot, smallRelease } from "../../support/scratch.ts";

const time = 1_700_000_000;

/** Of the same tree each time, but for one change. */
function sources(): { root: string; tarball: (change: (tree: string) => void) => string; tree: string } {
	const scratch = scratchRoot();
	const tree = placeTree(scratch, `tmp/linux-${smallRelease}`);
	const tarball = (change: (tree: string) => void): string => {
		change(tree);
		utimesSync(tree, time, time);
		const path = scratch.path("linux.tar");
		execFileSync("tar", ["-cf", path, `--mtime=@${time}`, "-C", join(tree, ".."), `linux-${smallRelease}`]);
		return path;
	};
	return { root: scratch.root, tarball, tree };
}

describe("an image that is there", () => {
	it("is kept for a tarball of the same content", async () => {
		const { root, tarball } = sources();
		await pack(
			tarball(() => undefined),
			{ root },
		);
		expect(
			await pack(
				tarball(() => undefined),
				{ root },
			),
		).toMatchObject({ already: true });
	});

	it("is named as the whole of a tarball that lacks entries", async () => {
		const { root, tarball } = sources();
		const path = tarball(() => undefined);
		await pack(path, { root });
		const lacking = pack(
			tarball((tree) => rmSync(join(tree, "COPYING"))),
			{ root },
		);
		await expect(lacking).rejects.toMatchObject({
			code: "ERR_KSQUASH_EXISTS",
			differences: [{ path: "COPYING", kind: "missing-in-source", what: "only in the image" }],
			hint: `${path} only lacks entries that the image has: is it a whole tree?`,
		});
	});

	it("is to be replaced by a tarball that has other entries, also where their words are the same", async () => {
		const { root, tarball } = sources();
		await pack(
			tarball(() => undefined),
			{ root },
		);
		const change = (tree: string): void => {
			rmSync(join(tree, "COPYING"));
			writeFileSync(join(tree, "only in the image"), "");
		};
		await expect(pack(tarball(change), { root })).rejects.toMatchObject({
			code: "ERR_KSQUASH_EXISTS",
			differences: [
				{ path: "only\\040in\\040the\\040image", kind: "missing-in-image" },
				{ path: "COPYING", kind: "missing-in-source" },
			],
			hint: expect.stringMatching(/^the option replace packs it anew/),
		});
	});
});
