/**
 * A test fixture: a kernel source that every test sees the same, that no test can change, and that is gone afterwards.
 *
 *     KERNEL=/usr/src/linux-6.1.tar.xz node --test examples/test-fixture.mts
 *
 * The tarball is packed once, into a scratch root; each test mounts it for itself. Needs Node 24 for `await using`, or a
 * compiler; test-fixture.mjs is the same for Node 20.
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
	await using tree = await mount(release, { root });
	const makefile = await readFile(join(tree.target, "Makefile"), "utf8");
	assert.match(makefile, /^VERSION = \d+$/m);
});

test("the source cannot be changed", async () => {
	await using tree = await mount(release, { root });
	await assert.rejects(writeFile(join(tree.target, "Makefile"), ""), { code: "EROFS" });
});

test("the image is what was packed", async () => {
	assert.equal((await verify(release, { root, depth: "deep" })).release, release);
});
