/** Copies of several build directories: none is written over another. */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { findOwner } from "../../../src/build/ownership.ts";
import { type BuildBackup, keep } from "../../../src/release/backup.ts";
import { pinDirectory } from "../../../src/system/files.ts";
import { scratchRoot } from "../../support/scratch.ts";

it.each([
	["two by one name", ["build-6.1", "build-6.1-2", "build-6.1"], ["build-6.1", "build-6.1-2", "build-6.1-3"]],
	[
		"two by one name, and a variant called 2",
		["build-6.1", "build-6.1", "build-6.1-2"],
		["build-6.1", "build-6.1-2", "build-6.1-2-2"],
	],
	["each by its own name", ["build-6.1", "build-6.1-a"], ["build-6.1", "build-6.1-a"]],
])("saves the .config of all build directories: %s", async (_, names, expected) => {
	const scratch = scratchRoot();
	const owner = await findOwner(0);
	const saved: BuildBackup[] = [];
	for (const [i, name] of names.entries()) {
		const path = scratch.path(`b${i}`);
		mkdirSync(path);
		writeFileSync(join(path, ".config"), `text ${i}`);
		const pinned = await pinDirectory(path);
		if (pinned === undefined) throw new Error(`no ${path}`);
		const build = { name, path, id: pinned.id, links: [], elsewhere: false, owner, stamp: undefined };
		saved.push({ build, pinned, names: [".config"] });
	}
	const kept = (await keep(scratch.path("kept"), "6.1", saved)) ?? "";
	for (const { pinned } of saved) await pinned.close();
	expect(expected.map((name) => readFileSync(join(kept, name, ".config"), "utf8"))).toEqual(
		names.map((_, i) => `text ${i}`),
	);
	expect(existsSync(join(kept, ".config"))).toBe(false);
});
