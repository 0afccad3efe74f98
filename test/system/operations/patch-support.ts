/** A series of patches that git made on the small kernel, and what an image that was packed with them holds. */

import { execFileSync } from "node:child_process";
import {
	appendFileSync,
	chmodSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { hashes, listing } from "../../support/content.ts";
import { loopsBelow, placeTree, type Scratch, smallRelease } from "../../support/scratch.ts";

export const env = { PATH: process.env.PATH, HOME: "/nonexistent", GIT_CONFIG_NOSYSTEM: "1" };
export const author = ["-c", "user.name=Tester", "-c", "user.email=tester@test"];

export function git(directory: string, ...args: string[]): string {
	return execFileSync("git", ["-C", directory, ...author, ...args], { encoding: "utf8", env, stdio: "pipe" });
}

export interface Series {
	/** The patched tree, as git has it. */
	tree: string;
	patches: string[];
}

/** Two commits on the small kernel, the second on what the first made, as git format-patch gives them. */
export function series(scratch: Scratch): Series {
	const tree = placeTree(scratch, "git/k");
	git(tree, "init", "-q");
	git(tree, "add", "-A");
	git(tree, "commit", "-qm", "base");
	appendFileSync(join(tree, "init/main.c"), "/* one */\n");
	mkdirSync(join(tree, "drivers/new/deep"), { recursive: true });
	writeFileSync(join(tree, "drivers/new/deep/file.c"), "int one;\nint two;\n");
	writeFileSync(join(tree, "scripts/run.sh"), "#!/bin/sh\n");
	chmodSync(join(tree, "scripts/run.sh"), 0o755);
	symlinkSync("../init/main.c", join(tree, "drivers/link.c"));
	for (const file of ["a b,c.yaml", "f g.yaml"]) writeFileSync(join(tree, file), `one of ${file}\n`);
	git(tree, "add", "-A");
	git(
		tree,
		"commit",
		"-qm",
		"One\n\nIts message shows a diff, which is none of the patch:\n\n    --- a/lib/checksum.c\n    +++ b/lib/checksum.c\n    @@ -1 +0,0 @@\n    -x",
	);
	writeFileSync(join(tree, "drivers/new/deep/file.c"), "int one;\nint three;");
	renameSync(join(tree, "lib/checksum.c"), join(tree, "lib/sum.c"));
	// Linux has such names: tools/testing/selftests/devices/probe/boards/Dell Inc.,XPS 13 9300.yaml
	renameSync(join(tree, "a b,c.yaml"), join(tree, "d  e.yaml"));
	writeFileSync(join(tree, "f g.yaml"), "two\n");
	rmSync(join(tree, "Documentation/building.rst"));
	chmodSync(join(tree, "scripts/cc-line.sh"), 0o644);
	const makefile = readFileSync(join(tree, "Makefile"), "utf8");
	writeFileSync(join(tree, "Makefile"), makefile.replace(/^SUBLEVEL = 99$/m, "SUBLEVEL = 100"));
	git(tree, "add", "-A");
	git(tree, "commit", "-qm", "Two");
	const names = git(tree, "format-patch", "-M", "-o", scratch.path("patches"), "HEAD~2").trim().split("\n");
	rmSync(join(tree, ".git"), { recursive: true });
	return { tree, patches: names };
}

export const patchedRelease = smallRelease.replace("99", "100");

/** What find and sha256sum say of an image, without times. */
export function inside(scratch: Scratch, image: string): string {
	const place = scratch.path("inside");
	mkdirSync(place, { recursive: true });
	execFileSync("mount", ["-o", "ro,loop", image, place]);
	try {
		return shape(place);
	} finally {
		execFileSync("umount", [place]);
	}
}

export function shape(directory: string): string {
	return `${listing(directory).replace(/ \d+( \d+)?$/gm, "$1")}\n${hashes(directory)}`;
}

export function origin(image: string): Record<string, unknown> {
	return JSON.parse(readFileSync(`${image}.json`, "utf8")).origin;
}

export function expectNothing(scratch: Scratch): void {
	expect(readdirSync(scratch.src)).toEqual([]);
	expect(loopsBelow(scratch.root)).toEqual([]);
}
