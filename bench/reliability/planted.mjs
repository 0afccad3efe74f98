// Contestants that lose, leave, hang and lie on purpose: what does not see these proves nothing about the others.
import { copyFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { meet } from "./contest.mjs";
import { packing } from "./packing.mjs";
import { disgraced } from "./table.mjs";

const row = packing.rows[0];
const shell = (script) => ({
	...row,
	prepare: (place, shared) => {
		const { tree, wanted } = row.prepare(place, shared);
		for (const file of readdirSync(shared.packed)) copyFileSync(join(shared.packed, file), place.path(file));
		return { tree, wanted, image: place.path(`${shared.name}.sqfs`) };
	},
	we: ({ src }, { tree, image }) => ({ command: ["bash", "-c", script], env: { TREE: tree, IMAGE: image, SRC: src } }),
	limit: 3000,
});

/** What it does, and which of an outcome's words must say so. */
const plants = [
	["a tree that is deleted", 'rm -r "$TREE"', ({ lost }) => lost.length > 0],
	["a byte that is changed", 'printf x >>"$TREE/COPYING"', ({ lost }) => lost[0]?.startsWith("COPYING")],
	["a file's mode that is changed", 'chmod 600 "$TREE/README"', ({ lost }) => lost[0]?.startsWith("README")],
	["a temporary file", 'touch "$SRC/.linux.tmp"', ({ left }) => left.includes("the file usr/src/.linux.tmp")],
	[
		"a loop device",
		'cp "$IMAGE" "$SRC/linux-x.sqfs" && losetup -f -r "$SRC/linux-x.sqfs"',
		({ left }) => left.includes("a loop device without a mount"),
	],
	[
		"a mount above another",
		'mkdir "$SRC/linux-m" && for i in 1 2; do mount -t tmpfs tmpfs "$SRC/linux-m"; done',
		({ left }) => left.includes("2 mounts one above the other"),
	],
	["a process", "setsid --fork env -i sleep 44 >/dev/null 2>&1", ({ left }) => left.includes("the process sleep")],
	["no end", "sleep 44", ({ hung }) => hung],
	["a refusal without its reason", "echo it failed; exit 1", ({ unnamed }) => unnamed],
];

/** Throws when one of them is not found. */
export async function findPlanted(shared) {
	for (const [what, script, found] of plants) {
		const outcome = await meet(shell(script), "we", shared);
		const counted = outcome.unnamed || disgraced([{ we: outcome }]);
		if (!found(outcome) || !counted) throw new Error(`${what} was planted and not found: ${JSON.stringify(outcome)}`);
	}
	return plants.length;
}
