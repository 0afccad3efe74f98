/**
 * test-fixture.mts for Node 20, whose JavaScript has no `await using`: try and finally say the same.
 *
 *     KERNEL=/usr/src/linux-6.1.tar.xz node --test examples/test-fixture.mjs
 */

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { mount, pack, verify } from "ksquash";

const tarball = process.env.KERNEL ?? "linux.tar.xz";
let root = "";
let release = "";

before(async () => {
	root = await mkdtemp(join(tmpdir(), "fixture-"));
	({ release } = await pack(tarball, { root, preset: "fast" }));
});

after(async () => await rm(root, { recursive: true }));

test("the source says its version", async () => {
	const tree = await mount(release, { root });
	try {
		const makefile = await readFile(join(tree.target, "Makefile"), "utf8");
		assert.match(makefile, /^VERSION = \d+$/m);
	} finally {
		await tree[Symbol.asyncDispose]();
	}
});

test("the source cannot be changed", async () => {
	const tree = await mount(release, { root });
	try {
		await assert.rejects(writeFile(join(tree.target, "Makefile"), ""), { code: "EROFS" });
	} finally {
		await tree[Symbol.asyncDispose]();
	}
});

test("the image is what was packed", async () => {
	assert.equal((await verify(release, { root, depth: "deep" })).release, release);
});
