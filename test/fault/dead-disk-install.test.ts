/**
 * The disk dies while a build directory is configured, and while a whole release is installed: the source, the tarball and
 * the user's .config are there, what stays is named, and the same command run again ends the work.
 */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { mountsBelow, placeTarball, type Scratch, scratchRoot, smallRelease } from "../support/scratch.ts";
import { diesAtEach } from "./dead-disk.ts";
import {
	content,
	has,
	imageHolds,
	ksquash,
	name,
	names,
	patience,
	placeSmall,
	type Ran,
	same,
	subRoot,
} from "./support.ts";

const build = `build-${smallRelease}`;
const images = [".sqfs", ".sqfs.json", ".sqfs.list.gz"].map((end) => name + end);
/** conf and make are processes of their own: what died before they were started tells them EROFS, in their own words. */
const cause = /EIO|EROFS|I\/O error|input\/output|read-only/i;
const words = "# my own words\n";

function holdsWords(directory: string): boolean {
	if (!existsSync(directory)) return false;
	const found = execFileSync("find", [directory, "-name", ".*config*", "-type", "f"], { encoding: "utf8" });
	return found.split("\n").some((path) => path !== "" && readFileSync(path, "utf8").includes(words));
}

function expectConfigured(root: Scratch): void {
	expect(readFileSync(join(root.src, build, ".config"), "utf8")).toContain("CONFIG_NR_CPUS=");
	const odd = ["(", "-name", "*.tmp*", "-o", "-name", ".ksquash.config", ")"];
	expect(execFileSync("find", [root.src, ...odd], { encoding: "utf8" })).toBe("");
}

function expectInstalled(root: Scratch, also: readonly string[] = []): void {
	expect(names(root.src)).toEqual([build, "linux", name, ...images, ...also].toSorted());
	expect(mountsBelow(root.root)).toEqual([join(root.src, name)]);
	expectConfigured(root);
}

/** The commands that the message names, typed as they stand. */
async function whatIsLeft({ stderr }: Ran): Promise<Ran> {
	const commands = /what is left: (.*)$/m.exec(stderr)?.[1]?.split(" && ") ?? [];
	let last: Ran = { status: null, signal: null, stdout: "", stderr: `nothing is named:\n${stderr}` };
	for (const command of commands) {
		last = await ksquash(command.split(" ").slice(1));
		if (last.status !== 0) break;
	}
	return last;
}

describe.skipIf(!has("strace"))("the disk dies", () => {
	it("while a build directory is configured again", patience, async () => {
		const scratch = scratchRoot();
		const first = subRoot(scratch, "first");
		const ran = await ksquash(["install", placeTarball(scratch), "--base", "defconfig", "--root", first.root]);
		expect(ran, ran.stderr).toMatchObject({ status: 0 });
		writeFileSync(first.path("mine.config"), 'CONFIG_LOCALVERSION="-fragment"\n');
		execFileSync("umount", [join(first.src, name)]);
		await diesAtEach(scratch, {
			args: (root) => ["configure", smallRelease, "--fragment", root.path("mine.config"), "--root", root.root],
			prepare: async (label) => {
				const root = subRoot(scratch, label);
				execFileSync("cp", ["-a", "--no-target-directory", first.root, root.root]);
				expect(await ksquash(["mount", smallRelease, "--root", root.root])).toMatchObject({ status: 0 });
				// The stamp and the GNUmakefile name the place.
				expect(await ksquash(["configure", smallRelease, "--root", root.root])).toMatchObject({ status: 0 });
				writeFileSync(join(root.src, build, ".config"), words, { flag: "a" });
				return root;
			},
			safe: (root) => holdsWords(join(root.src, build)),
			finished: (root) => {
				expectInstalled(root);
				expect(readFileSync(join(root.src, build, ".config"), "utf8")).toContain('CONFIG_LOCALVERSION="-fragment"');
				expect(holdsWords(join(root.src, build))).toBe(true);
			},
			kept: [],
			cause,
		});
	});

	it("while a tree is installed", patience, async () => {
		const scratch = scratchRoot();
		const expected = content(placeSmall(scratch.path("model-tree")));
		await diesAtEach(scratch, {
			args: (root) => ["install", join(root.src, name), "--base", "defconfig", "--root", root.root],
			prepare: async (label) => {
				const root = subRoot(scratch, label);
				placeSmall(join(root.src, name));
				return root;
			},
			safe: (root) => {
				const place = join(root.src, name);
				return same(place, expected) || imageHolds(`${place}.sqfs`, expected);
			},
			finished: (root) => {
				expectInstalled(root);
				expect(same(join(root.src, name), expected)).toBe(true);
			},
			kept: [...images, build, "linux"],
			cause,
		});
	});

	it("while a tarball is installed that may go (--replace-source)", patience, async () => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch);
		const bytes = readFileSync(tarball);
		const expected = content(scratch.path(`tmp/${name}`));
		const own = (root: Scratch): string => root.path("given/linux.tar.xz");
		const args = (root: Scratch): string[] => [
			...["install", own(root), "--replace-source"],
			...["--base", "defconfig", "--root", root.root],
		];
		await diesAtEach(scratch, {
			args,
			prepare: async (label) => {
				const root = subRoot(scratch, label);
				mkdirSync(root.path("given"));
				writeFileSync(own(root), bytes);
				return root;
			},
			safe: (root) =>
				(existsSync(own(root)) && readFileSync(own(root)).equals(bytes)) ||
				imageHolds(join(root.src, `${name}.sqfs`), expected),
			finished: (root) => {
				expectInstalled(root);
				expect(imageHolds(join(root.src, `${name}.sqfs`), expected)).toBe(true);
			},
			kept: [...images, name, build, "linux"],
			cause,
			goOn: async (ran, root) => (existsSync(own(root)) ? await ksquash(args(root)) : await whatIsLeft(ran)),
		});
	});
});
