/** The power goes while ksquash installs, and while a new image takes an old one's place. */

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, readlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { placeTarball, scratchRoot, smallRelease } from "../../support/scratch.ts";
import { type Content, content, ksquash, name, names, placeSmall } from "../support.ts";
import { fileOf, type State } from "./disk.ts";
import {
	build,
	cannotCut,
	expectFindsNoFsync,
	expectLoses,
	expectSurvives,
	packed,
	patience,
	placeOn,
	type Scenario,
	source,
	tarball,
	treeOrImage,
} from "./judge.ts";

/** All of it: the mount, the link, and the .config that the first, uncut run made. */
function installed(): (expected: Content, root: string) => void {
	let config: string | undefined;
	return (expected, root) => {
		packed(expected, root, [`build-${smallRelease}`, "linux"]);
		expect(readlinkSync(join(root, "usr/src/linux"))).toBe(`build-${smallRelease}`);
		const text = readFileSync(join(root, build, ".config"), "utf8");
		config ??= text;
		expect(text).toBe(config);
	};
}

function installScenario(): Scenario {
	let expected: Content = { listing: "", hashes: "" };
	const finished = installed();
	return {
		args: ["install", source, "--base", "defconfig"],
		mounts: true,
		fill: (root) => {
			expected = placeOn(root);
		},
		lost: treeOrImage,
		finished: (root) => finished(expected, root),
	};
}

/** An image with a manifest that is its own, under the release's name: the first or the last one. */
function neitherImage(first: State, last: State): (state: State) => string | undefined {
	const image = `${source}.sqfs`;
	const manifests = [`${image}.json`, `usr/src/.${name}.sqfs.json.replaced`];
	const pairs = [first, last].map((state) => [fileOf(state, image), fileOf(state, `${image}.json`)]);
	if (pairs.flat().includes(undefined) || pairs[0]?.[0] === pairs[1]?.[0]) throw new Error("not two images");
	return (state) => {
		const pair = pairs.find(([bytes]) => bytes === fileOf(state, image));
		if (pair === undefined) return "neither the old image nor the new one is there";
		return manifests.some((path) => fileOf(state, path) === pair[1]) ? undefined : "the image is without its manifest";
	};
}

/** A changed tree: an inode and some words more. */
function change(tree: string): Content {
	writeFileSync(join(tree, "lib/another.c"), "int another;\n");
	for (const path of ["lib/another.c", "lib"]) utimesSync(join(tree, path), 1_700_000_000, 1_700_000_000);
	return content(tree);
}

async function packOld(root: string): Promise<void> {
	mkdirSync(join(root, "usr/src"), { recursive: true });
	const given = join(root, "usr/src/given");
	placeSmall(given);
	const ran = await ksquash(["pack", given, "--keep-source", "--root", root]);
	expect(ran, ran.stderr).toMatchObject({ status: 0 });
	execFileSync("rm", ["-r", given]);
}

function replaceTree(): Scenario {
	let expected: Content = { listing: "", hashes: "" };
	return {
		args: ["pack", source, "--replace"],
		mounts: true,
		fill: async (root) => {
			await packOld(root);
			execFileSync("rm", ["-rf", join(root, source)]);
			expected = change(placeSmall(join(root, source)));
		},
		lost: (first, last) => {
			const [image, tree] = [neitherImage(first, last), treeOrImage(first, last)];
			return (state) => image(state) ?? tree(state);
		},
		finished: (root) => packed(expected, root),
		// There is nothing left that could be packed anew.
		done: {
			status: 64,
			is: (root) =>
				[name, `.${name}.replaced`, `.${name}.rest`].every((path) => names(join(root, "usr/src", path)).length === 0),
		},
	};
}

describe.skipIf(cannotCut)("the power is cut", () => {
	it("while a tree is installed: the tree is whole, or the image", patience, async () => {
		await expectSurvives(installScenario());
	});

	it("and this test finds an fsync that does nothing in an install", patience, async () => {
		await expectFindsNoFsync(installScenario());
	});

	it(
		"while a changed tree takes an old image's place: an image is there, and the tree or its own",
		patience,
		async () => {
			await expectSurvives(replaceTree());
		},
	);

	it("and this test finds an fsync that does nothing in a replacement", patience, async () => {
		await expectFindsNoFsync(replaceTree());
	});

	it("while a tarball is installed in an old image's place: the old image is whole, or the new", patience, async () => {
		const given = scratchRoot();
		placeTarball(given);
		const expected = change(given.path("tmp", name));
		const made = given.path("new.tar.xz");
		execFileSync("tar", ["-cJf", made, "-C", given.path("tmp"), name]);
		const finished = installed();
		await expectSurvives({
			args: ["install", tarball, "--replace", "--base", "defconfig"],
			mounts: true,
			fill: async (root) => {
				await packOld(root);
				mkdirSync(join(root, "var"));
				copyFileSync(made, join(root, tarball));
			},
			lost: (first, last) => {
				const image = neitherImage(first, last);
				return (state) =>
					fileOf(state, tarball) === fileOf(first, tarball) ? image(state) : "the tarball is not whole";
			},
			finished: (root) => finished(expected, root),
		});
	});

	it("and what is lost where mksquashfs writes the new image over the old one", patience, async () => {
		const image = `${source}.sqfs`;
		const scenario: Pick<Scenario, "fill" | "lost"> = {
			fill: async (root) => {
				await packOld(root);
				change(placeSmall(join(root, "usr/src/changed")));
			},
			lost: (first, last) => (state) =>
				[first, last].some((whole) => fileOf(state, image) === fileOf(whole, image)) ? undefined : "neither image",
		};
		await expectLoses("mksquashfs -noappend", scenario, (root) => {
			const made = join(root, image);
			const flags = ["-noappend", "-quiet", "-no-progress"];
			execFileSync("mksquashfs", [join(root, "usr/src/changed"), made, ...flags], { stdio: "pipe" });
			// Another fsync on the same file system makes the truncation last.
			execFileSync("sh", ["-c", `touch "$1.other" && sync "$1.other" && sync "$1"`, "sh", made]);
		});
	});
});
