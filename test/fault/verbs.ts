/** Each verb that writes: what it works on, what must be whole after a fault, and what it must have done in the end. */

import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { loopsBelow, mountsBelow, smallRelease } from "../support/scratch.ts";
import { type Content, content, imageHolds, ksquash, name, names, placeSmall, type Ran, same } from "./support.ts";

export const build: string = `build-${smallRelease}`;
const own = "# my own words\n";

export interface Verb {
	name: string;
	args: (root: string) => readonly string[];
	/** Puts onto the medium what the verb works on; `tarball` lies elsewhere. */
	prepare: (root: string, tarball: string) => Promise<Content>;
	/** Throws where something of it is lost. */
	whole: (root: string, before: Content) => void;
	/** Throws where the work is not done. */
	done: (root: string, before: Content) => void;
}

async function run(root: string, ...words: string[]): Promise<void> {
	const ran = await ksquash([...words, "--root", root]);
	expect(ran, ran.stderr).toMatchObject({ status: 0 });
}

export const source = (root: string): string => join(root, "usr/src", name);
export const image = (root: string): string => `${source(root)}.sqfs`;

async function placeTree(root: string): Promise<Content> {
	mkdirSync(join(root, "usr/src"), { recursive: true });
	return content(placeSmall(source(root)));
}

/** In its place, as files or through the mount of its image, or in the image. */
function treeOrImage(root: string, before: Content): void {
	expect(same(source(root), before) || imageHolds(image(root), before), "neither the tree nor the image").toBe(true);
}

function imageIs(root: string, before: Content): void {
	expect(imageHolds(image(root), before), "the image").toBe(true);
}

function configured(root: string): void {
	expect(readFileSync(join(root, "usr/src", build, ".config"), "utf8")).toContain("CONFIG_NR_CPUS=");
}

/** Everywhere below var and usr where a .config can be. */
function savedConfigs(root: string): string[] {
	const text = execFileSync("find", [root, "-name", ".config", "-not", "-path", `${source(root)}/*`], {
		encoding: "utf8",
	});
	return text.split("\n").filter((path) => path !== "" && readFileSync(path, "utf8").endsWith(own));
}

export const packing: Verb = {
	name: "pack",
	args: (root) => ["pack", source(root)],
	prepare: placeTree,
	whole: treeOrImage,
	done: (root, before) => {
		imageIs(root, before);
		expect(mountsBelow(source(root))).toHaveLength(1);
	},
};

export const installing: Verb = {
	...packing,
	name: "install",
	args: (root) => ["install", source(root), "--base", "defconfig"],
	done: (root, before) => {
		packing.done(root, before);
		configured(root);
	},
};

export const configuring: Verb = {
	name: "configure",
	args: () => ["configure", smallRelease, "--base", "defconfig"],
	prepare: async (root, tarball) => {
		mkdirSync(join(root, "usr/src"), { recursive: true });
		await run(root, "pack", tarball);
		await run(root, "mount", smallRelease);
		return content(source(root));
	},
	whole: imageIs,
	done: configured,
};

export const removing: Verb = {
	name: "remove",
	args: () => ["remove", smallRelease],
	prepare: async (root, tarball) => {
		mkdirSync(join(root, "usr/src"), { recursive: true });
		mkdirSync(join(root, "var/lib"), { recursive: true });
		await run(root, "install", tarball, "--base", "defconfig");
		appendFileSync(join(root, "usr/src", build, ".config"), own);
		return content(source(root));
	},
	whole: (root) => expect(savedConfigs(root), "no .config with what was written into it").not.toEqual([]),
	done: (root) => {
		expect(names(join(root, "usr/src"))).toEqual([]);
		expect(savedConfigs(root)).not.toEqual([]);
	},
};

/** No temporary file, no tree set aside, no loop device without a mount. */
export function expectNothingLeft(root: string): void {
	const odd = ["(", "-name", "*.tmp*", "-o", "-name", "*.replaced", "-o", "-name", "*.rest", ")"];
	const found = execFileSync("find", [root, "-not", "-path", `${source(root)}/*`, ...odd], { encoding: "utf8" });
	expect(found).toBe("");
	const images = mountsBelow(root).filter((path) => path === source(root));
	expect(images.length, "mounts one above the other").toBeLessThan(2);
	expect(loopsBelow(`${root}/usr/src`)).toHaveLength(images.length);
}

/** A clear error: no stack, the cause, a hint, a status of sysexits.h. */
export function expectNamed(ran: Ran, cause: RegExp): void {
	expect(ran.stderr).not.toMatch(/^ {4}at /m);
	expect(ran.stderr).toMatch(cause);
	expect(ran.stderr).toMatch(/^ {2}→ \S/m);
	expect(ran.status).toBeGreaterThanOrEqual(64);
	expect(ran.status).toBeLessThanOrEqual(78);
}

/** The fault is gone: what is not done yet gets done. */
export async function ended(root: string, verb: Verb, before: Content): Promise<void> {
	try {
		verb.done(root, before);
	} catch {
		await run(root, ...verb.args(root));
		verb.done(root, before);
	}
	expectNothingLeft(root);
}
