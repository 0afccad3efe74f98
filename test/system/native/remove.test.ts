import { execFileSync } from "node:child_process";
import {
	chmodSync,
	existsSync,
	linkSync,
	lstatSync,
	mkdirSync,
	readdirSync,
	renameSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { compareTree, removeTree, umount } from "../../../src/native/verbs.ts";
import { cleanUp, fresh, ownFds, pack, rejection } from "./support.ts";

afterAll(cleanUp);

function makeTree(): string {
	const tree = fresh("tree");
	mkdirSync(join(tree, "a/b"), { recursive: true });
	for (const name of ["one", "two", "a/three", "a/b/four", "a/b/five"]) writeFileSync(join(tree, name), name);
	linkSync(join(tree, "one"), join(tree, "a/b/hard"));
	linkSync(join(tree, "one"), join(tree, "a/hard"));
	symlinkSync("/etc", join(tree, "a/link"));
	return tree;
}

/** A tree with the snapshot that a compare without differences gives. */
async function seenTree(): Promise<{ tree: string; expect: Uint8Array }> {
	const tree = makeTree();
	const { differences, snapshot } = await compareTree({ tree, image: pack(tree) });
	expect(differences).toEqual([]);
	return { tree, expect: snapshot };
}

describe("removeTree", () => {
	it("removes all of it, links themselves and not what they lead to", async () => {
		const tree = makeTree();
		const before = ownFds();
		expect(await removeTree({ path: tree })).toEqual({ removed: 11, spared: 0, kept: [], keptCount: 0 });
		expect(existsSync(tree)).toBe(false);
		expect(existsSync("/etc/passwd")).toBe(true);
		expect(ownFds()).toBe(before);
	});

	it("removes a link at the top itself", async () => {
		const [tree, link] = [makeTree(), fresh("link", false)];
		symlinkSync(tree, link);
		expect((await removeTree({ path: link })).removed).toBe(1);
		expect(existsSync(join(tree, "one"))).toBe(true);
		expect(await rejection(removeTree({ path: link }))).toMatchObject({ code: "ENOENT" });
	});

	it("removes what is as the snapshot saw it, hard links too, wherever it stands now", async () => {
		const { tree, expect: snapshot } = await seenTree();
		renameSync(tree, `${tree}.aside`);
		expect(await removeTree({ path: `${tree}.aside`, expect: snapshot })).toEqual({
			removed: 11,
			spared: 0,
			kept: [],
			keptCount: 0,
		});
	});

	it("leaves and names what changed, what is new, and the directories above", async () => {
		const { tree, expect: snapshot } = await seenTree();
		writeFileSync(join(tree, "a/b/four"), "FOUR");
		writeFileSync(join(tree, "a/new\n"), "");
		chmodSync(join(tree, "two"), 0o600);
		renameSync(join(tree, "a/three"), join(tree, "a/three3"));
		const result = await removeTree({ path: tree, expect: snapshot });
		expect(result.kept.sort()).toEqual(["a/b/four", "a/new\\012", "a/three3", "two"]);
		expect(result.keptCount).toBe(4);
		expect(readdirSync(join(tree, "a")).sort()).toEqual(["b", "new\n", "three3"]);
		expect(readdirSync(join(tree, "a/b"))).toEqual(["four"]);
	});

	it("leaves a file that was rewritten with the same bytes, size and time", async () => {
		const { tree, expect: snapshot } = await seenTree();
		const file = join(tree, "a/three");
		execFileSync("sh", ["-c", 'cp -p "$0" "$0.tmp" && mv "$0.tmp" "$0"', file]);
		expect((await removeTree({ path: tree, expect: snapshot })).kept).toEqual(["a/three"]);
	});

	it("leaves every name of a hard link that was changed", async () => {
		const { tree, expect: snapshot } = await seenTree();
		chmodSync(join(tree, "a/hard"), 0o600);
		expect((await removeTree({ path: tree, expect: snapshot })).kept.sort()).toEqual(["a/b/hard", "a/hard", "one"]);
	});

	it("leaves a hard link that has got a name outside", async () => {
		const { tree, expect: snapshot } = await seenTree();
		linkSync(join(tree, "one"), fresh("outside", false));
		expect((await removeTree({ path: tree, expect: snapshot })).keptCount).toBe(3);
	});

	it("keeps what it is told to keep", async () => {
		const tree = makeTree();
		expect(await removeTree({ path: tree, keep: ["a/b", "two"] })).toMatchObject({ spared: 2, kept: [], keptCount: 0 });
		expect(readdirSync(join(tree, "a/b")).sort()).toEqual(["five", "four", "hard"]);
		expect(readdirSync(tree).sort()).toEqual(["a", "two"]);
	});

	it("refuses a mount point, and a tree with one below, before anything goes", async () => {
		const tree = makeTree();
		const inside = join(tree, "a/b/m");
		mkdirSync(inside);
		execFileSync("mount", ["--bind", "/etc", inside]);
		expect(await rejection(removeTree({ path: inside }))).toMatchObject({
			code: "EBUSY",
			reason: "it is a mount point",
		});
		expect(await rejection(removeTree({ path: tree }))).toMatchObject({
			code: "EBUSY",
			reason: expect.stringContaining(inside),
		});
		expect(existsSync(join(tree, "one"))).toBe(true);
		expect(existsSync("/etc/passwd")).toBe(true);
		await umount(inside);
		expect((await removeTree({ path: tree })).keptCount).toBe(0);
	});

	it("removes only the very directory that is named by its identity", async () => {
		const [tree, other] = [makeTree(), makeTree()];
		const { dev, ino } = lstatSync(tree, { bigint: true });
		const top = `${dev}:${ino}`;
		expect(await rejection(removeTree({ path: other, top }))).toMatchObject({ code: "ESTALE" });
		expect(await rejection(removeTree({ path: other, top: "1" }))).toMatchObject({ code: "ESTALE" });
		expect(existsSync(join(other, "one"))).toBe(true);
		renameSync(tree, `${tree}.moved`);
		symlinkSync(other, tree);
		expect(await rejection(removeTree({ path: tree, top }))).toMatchObject({ code: "ESTALE" });
		expect(existsSync(join(other, "one"))).toBe(true);
		expect((await removeTree({ path: `${tree}.moved`, top })).keptCount).toBe(0);
	});

	it("refuses bytes that are no snapshot", async () => {
		const tree = makeTree();
		expect(await rejection(removeTree({ path: tree, expect: Buffer.from("KSQSNAP1x") }))).toMatchObject({
			code: "EINVAL",
		});
		expect(await rejection(removeTree({ path: tree, expect: Buffer.from("") }))).toMatchObject({ code: "EINVAL" });
		expect(existsSync(join(tree, "one"))).toBe(true);
	});

	it("stays empty-handed with an empty snapshot", async () => {
		const tree = makeTree();
		expect(await removeTree({ path: tree, expect: Buffer.from("KSQSNAP1") })).toEqual({
			removed: 0,
			spared: 0,
			kept: ["."],
			keptCount: 1,
		});
	});
});
