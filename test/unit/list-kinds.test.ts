/** What a program is told of two lists that differ: one field has a kind of its own, several are attributes. */

import { expect, it } from "vitest";
import { diffLists, ListBuilder, type ListEntry } from "../../src/system/list.ts";

const file: ListEntry = { type: "f", mode: 0o644, size: 3, mtime: 100, sha256: "a".repeat(64), path: "file" };

function listOf(entry: ListEntry) {
	const list = new ListBuilder();
	list.add(entry);
	return list.finish();
}

it.each<[string, Partial<ListEntry>, string]>([
	["another type", { type: "p" }, "attributes"], // its size goes, too
	["another mode", { mode: 0o600 }, "mode"],
	["another time", { mtime: 101 }, "time"],
	["another content", { sha256: "b".repeat(64) }, "content"],
	["another mode and time", { mode: 0o600, mtime: 101 }, "attributes"],
	["another size and content", { size: 4, sha256: "b".repeat(64) }, "attributes"],
])("%s is told as its kind", (_, change, kind) => {
	const differences = diffLists(listOf(file), listOf({ ...file, ...change }), ["the source", "the image"]);
	expect(differences.map((one) => one.kind)).toEqual([kind]);
});
