/**
 * The power goes while ksquash packs and removes, on a real ext4 on a disk whose cache writes in any order: at every cut
 * point the sources are whole, or the image is; and the next run finishes.
 */

import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { placeTarball, scratchRoot, smallRelease } from "../../support/scratch.ts";
import { type Content, content, imageHolds, ksquash, name, names } from "../support.ts";
import { below, equal, fileOf, type State } from "./disk.ts";
import {
	build,
	cannotCut,
	expectFindsNoFsync,
	expectLoses,
	expectSurvives,
	hasImage,
	packed,
	patience,
	placeOn,
	type Scenario,
	source,
	tarball,
	treeOrImage,
} from "./judge.ts";

function treeScenario(): Scenario {
	let expected: Content = { listing: "", hashes: "" };
	const fill = (root: string): void => {
		expected = placeOn(root);
	};
	// The path is below the root's working directory: the disk.
	const args = ["pack", source];
	return { args, fill, mounts: true, lost: treeOrImage, finished: (root) => packed(expected, root) };
}

describe.skipIf(cannotCut)("the power is cut", () => {
	it("while a tree gives way to its image", patience, async () => {
		await expectSurvives(treeScenario());
	});

	it("and this test finds an fsync that does nothing", patience, async () => {
		await expectFindsNoFsync(treeScenario());
	});

	it("and what is lost by mksquashfs and rm -rf, one after the other", patience, async () => {
		const scenario: Pick<Scenario, "fill" | "lost"> = {
			fill: (root) => void placeOn(root),
			lost: (first, last) => (state) => {
				const image = `${source}.sqfs`;
				const tree = equal(below(state, source), below(first, source));
				return tree || fileOf(state, image) === fileOf(last, image) ? undefined : "neither is whole";
			},
		};
		await expectLoses("mksquashfs and rm -rf", scenario, (root) => {
			const tree = join(root, source);
			execFileSync("mksquashfs", [tree, `${tree}.sqfs`, "-quiet", "-no-progress"], { stdio: "pipe" });
			// Another fsync on the same file system makes the removal last.
			execFileSync("sh", ["-c", `rm -rf "$1" && touch "$1.gone" && sync "$1.gone"`, "sh", tree]);
		});
	});

	it("while a tarball is packed and removed: the tarball or the image is whole", patience, async () => {
		const given = scratchRoot();
		const made = placeTarball(given);
		const expected = content(given.path("tmp", name));
		await expectSurvives({
			args: ["pack", tarball, "--replace-source"],
			fill: (root) => {
				mkdirSync(join(root, "usr/src"), { recursive: true });
				mkdirSync(join(root, "var"));
				copyFileSync(made, join(root, tarball));
			},
			lost: (first, last) => (state) =>
				fileOf(state, tarball) === fileOf(first, tarball) || hasImage(state, last)
					? undefined
					: "neither the tarball nor the image is whole",
			finished: (root) => {
				expect(existsSync(join(root, tarball))).toBe(false);
				expect(imageHolds(join(root, `${source}.sqfs`), expected)).toBe(true);
			},
			done: { status: 66, is: (root) => !existsSync(join(root, tarball)) },
		});
	});

	it("while a release is removed: the .config is in the build directory or in kept/", patience, async () => {
		const config = `${build}/.config`;
		const copies = (state: State): string[] => [...state.keys()].filter((path) => path.endsWith("/.config"));
		await expectSurvives({
			args: ["remove", smallRelease],
			fill: async (root) => {
				placeOn(root);
				const ran = await ksquash(["install", source, "--base", "defconfig", "--root", root], { cwd: root });
				expect(ran, ran.stderr).toMatchObject({ status: 0 });
				writeFileSync(join(root, config), "# my own words\n", { flag: "a" });
				execFileSync("umount", [join(root, source)]);
			},
			lost: (first) => (state) =>
				copies(state).some((path) => fileOf(state, path)?.split(" ")[2] === fileOf(first, config)?.split(" ")[2])
					? undefined
					: "the .config is nowhere",
			finished: (root) => {
				expect(names(join(root, "usr/src"))).toEqual([]);
				const found = execFileSync("grep", ["-rl", "my own words", join(root, "var")], { encoding: "utf8" });
				expect(found.trim()).toMatch(/\/\.config$/m);
			},
			done: { status: 66, is: (root) => names(join(root, "usr/src")).length === 0 },
		});
	});
});
