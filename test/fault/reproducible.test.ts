/** Equal input of one kind gives equal bytes, whatever the surroundings; of both kinds, the same content hash. */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Scratch, scratchRoot } from "../support/scratch.ts";
import { ksquash, name, placeSmall, subRoot } from "./support.ts";

/** The small kernel and enough beside it that many blocks and fragments are in work at the same time. */
function larger(scratch: Scratch): string {
	const tree = placeSmall(scratch.path(name));
	let seed = createHash("sha256").update("seed").digest();
	const bytes = (length: number): string => {
		let text = "";
		while (text.length < length) {
			seed = createHash("sha256").update(seed).digest();
			text += `static const char *v = "${seed.toString("base64")}"; /* some text that packs well */\n`;
		}
		return text.slice(0, length);
	};
	for (let i = 0; i < 400; i++) {
		const directory = join(tree, "drivers", `d${i % 7}`);
		mkdirSync(directory, { recursive: true });
		writeFileSync(join(directory, `f${i}.c`), bytes(i === 0 ? 3 << 20 : (i * 97) % 50_000));
	}
	execFileSync("find", [tree, "-exec", "touch", "-h", "-d", "2024-05-06 07:08:09", "{}", "+"]);
	return tree;
}

/** The same files, made in another order: other inode numbers, other places in their directories. */
function reordered(tree: string, to: string): string {
	const script =
		'cd "$1" && find . -mindepth 1 | sort -r | tar -c --no-recursion -T - | tar -x -p --delay-directory-restore -C "$2"';
	mkdirSync(to, { recursive: true });
	execFileSync("sh", ["-c", script, "sh", tree, to]);
	execFileSync("touch", ["-d", "2024-05-06 07:08:09", to]);
	return to;
}

const surroundings = [
	{ script: 'umask 022; cd /; exec "$@"', env: {}, flags: ["--jobs", "1", "--memory", "64M"] },
	{
		script: 'umask 077; cd /usr; exec faketime "2031-02-03 04:05:06" "$@"',
		env: { TZ: "Asia/Tokyo", LANG: "de_DE.UTF-8", SOURCE_DATE_EPOCH: "1000000000", HOME: "/nowhere" },
		flags: ["--jobs", "2", "--memory", "300M", "--nice"],
	},
] as const;

interface Packed {
	image: string;
	content: string;
}

async function packIn(
	root: Scratch,
	source: string,
	{ script, env, flags }: (typeof surroundings)[number],
): Promise<Packed> {
	const prefix = ["sh", "-c", script, "sh"];
	const ran = await ksquash(["pack", source, "--root", root.root, ...flags], { prefix, env: { ...env } });
	expect(ran, ran.stderr).toMatchObject({ status: 0 });
	const image = join(root.src, `${name}.sqfs`);
	return {
		image: createHash("sha256").update(readFileSync(image)).digest("hex"),
		content: JSON.parse(readFileSync(`${image}.json`, "utf8")).content.sha256,
	};
}

describe("the same input twice, with another directory, umask, time, number of processors and order of inodes", () => {
	it("tree and tarball: the same bytes each, the same content both", async () => {
		const scratch = scratchRoot();
		const tree = larger(scratch);
		const other = reordered(tree, scratch.path("other"));
		const tarball = scratch.path("k.tar");
		execFileSync("tar", ["-cf", tarball, "-C", scratch.root, name]);
		const [one, two] = surroundings;
		const results = {
			trees: [await packIn(subRoot(scratch, 1), tree, one), await packIn(subRoot(scratch, 2), other, two)],
			tarballs: [await packIn(subRoot(scratch, 3), tarball, one), await packIn(subRoot(scratch, 4), tarball, two)],
		};
		expect(results.trees[1]).toEqual(results.trees[0]);
		expect(results.tarballs[1]).toEqual(results.tarballs[0]);
		expect(results.tarballs[0]?.content).toBe(results.trees[0]?.content);
	});
});
