/** pack is killed at every call that changes something: the source or the image is whole, and a rerun completes. */

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loopsBelow, mountsBelow, placeTarball, type Scratch, scratchRoot } from "../support/scratch.ts";
import {
	type Content,
	content,
	cuts,
	drop,
	eachCut,
	has,
	imageHolds,
	killedAt,
	ksquash,
	name,
	names,
	patience,
	placeSmall,
	same,
	subRoot,
} from "./support.ts";

const strace = has("strace");

/** After a rerun: mounted, equal, and nothing else there. */
async function expectFinished(
	root: Scratch,
	args: readonly string[],
	expected: Content,
	mounted: boolean,
): Promise<void> {
	const again = await ksquash(args);
	expect(again, again.stderr).toMatchObject({ status: 0 });
	const place = join(root.src, name);
	if (mounted) expect(same(place, expected), "the mount's content").toBe(true);
	else expect(imageHolds(`${place}.sqfs`, expected), "the image's content").toBe(true);
	const files = [`${name}.sqfs`, `${name}.sqfs.json`, `${name}.sqfs.list.gz`];
	expect(names(root.src)).toEqual(mounted ? [name, ...files] : files);
	expect(mountsBelow(root.root)).toHaveLength(mounted ? 1 : 0);
	expect(loopsBelow(root.root)).toHaveLength(mounted ? 1 : 0);
}

describe.skipIf(!strace)("pack, killed at each step", () => {
	it("of a tree in its place: the tree is whole there, or the image is whole", patience, async () => {
		const scratch = scratchRoot();
		const log = scratch.path("trace");
		const args = (root: Scratch): string[] => ["pack", join(root.src, name), "--root", root.root];
		const model = subRoot(scratch, "model");
		const expected = content(placeSmall(join(model.src, name)));
		const points = await cuts(args(model), log);
		drop(model);
		expect(points.length).toBeGreaterThanOrEqual(12);
		let killed = 0;
		const states = { tree: 0, image: 0 };
		await eachCut(points, async (cut, i) => {
			const root = subRoot(scratch, i);
			const place = placeSmall(join(root.src, name));
			const ran = await killedAt(cut, args(root), `${log}-${i}`);
			expect(ran, ran.stderr).toMatchObject({ signal: "SIGKILL" });
			killed++;
			const tree = same(place, expected) && mountsBelow(root.root).length === 0;
			const image = imageHolds(`${place}.sqfs`, expected);
			expect(tree || image, "neither the tree nor the image is whole").toBe(true);
			if (tree) states.tree++;
			if (image) states.image++;
			await expectFinished(root, args(root), expected, true);
			drop(root);
		});
		expect(killed).toBe(points.length);
		expect(states.tree).toBeGreaterThan(5);
		expect(states.image).toBeGreaterThan(5);
	});

	it("where the file system cannot exchange two names: the same", patience, async () => {
		const scratch = scratchRoot();
		const log = scratch.path("trace");
		const args = (root: Scratch): string[] => ["pack", join(root.src, name), "--root", root.root];
		const model = subRoot(scratch, "model");
		const expected = content(placeSmall(join(model.src, name)));
		// The first renameat2 is a probe, the second names the image, the third exchanges.
		const fail = "inject=renameat2:error=EINVAL:when=3";
		const points = (await cuts(args(model), log, fail)).filter(({ syscall }) => /^(?:mkdir|chmod|move_)/.test(syscall));
		expect(readFileSync(log, "utf8")).toMatch(/RENAME_EXCHANGE\) += -1 EINVAL/);
		drop(model);
		expect(points.length).toBeGreaterThanOrEqual(5);
		await eachCut(points, async (cut, i) => {
			const root = subRoot(scratch, i);
			const place = placeSmall(join(root.src, name));
			const ran = await killedAt(cut, args(root), `${log}-${i}`, fail);
			expect(ran, ran.stderr).toMatchObject({ signal: "SIGKILL" });
			expect(same(place, expected) || imageHolds(`${place}.sqfs`, expected)).toBe(true);
			await expectFinished(root, args(root), expected, true);
			drop(root);
		});
	});

	it("of a tarball: it is never touched, and a rerun leaves one image", patience, async () => {
		const scratch = scratchRoot();
		const log = scratch.path("trace");
		const tarball = placeTarball(scratch);
		const before = readFileSync(tarball);
		const expected = content(scratch.path("tmp", name));
		const args = (root: Scratch): string[] => ["pack", tarball, "--root", root.root];
		const model = subRoot(scratch, "model");
		const points = await cuts(args(model), log);
		drop(model);
		expect(points.length).toBeGreaterThanOrEqual(3);
		await eachCut(points, async (cut, i) => {
			const root = subRoot(scratch, i);
			const ran = await killedAt(cut, args(root), `${log}-${i}`);
			expect(ran, ran.stderr).toMatchObject({ signal: "SIGKILL" });
			expect(readFileSync(tarball).equals(before)).toBe(true);
			if (existsSync(join(root.src, `${name}.sqfs`))) {
				expect(imageHolds(join(root.src, `${name}.sqfs`), expected)).toBe(true);
			}
			await expectFinished(root, args(root), expected, false);
			drop(root);
		});
	});

	it("of a tarball with --replace-source: the tarball or the image is there", patience, async () => {
		const scratch = scratchRoot();
		const log = scratch.path("trace");
		const master = placeTarball(scratch);
		const bytes = readFileSync(master);
		const expected = content(scratch.path("tmp", name));
		const args = (root: Scratch): string[] => ["pack", root.path("k.tar.xz"), "--replace-source", "--root", root.root];
		const model = subRoot(scratch, "model");
		writeFileSync(model.path("k.tar.xz"), bytes);
		const points = await cuts(args(model), log);
		drop(model);
		await eachCut(points, async (cut, i) => {
			const root = subRoot(scratch, i);
			writeFileSync(root.path("k.tar.xz"), bytes);
			const ran = await killedAt(cut, args(root), `${log}-${i}`);
			expect(ran, ran.stderr).toMatchObject({ signal: "SIGKILL" });
			const there = existsSync(root.path("k.tar.xz"));
			if (there) expect(readFileSync(root.path("k.tar.xz")).equals(bytes)).toBe(true);
			else expect(imageHolds(join(root.src, `${name}.sqfs`), expected)).toBe(true);
			if (there) await expectFinished(root, args(root), expected, false);
			drop(root);
		});
	});

	it("with --replace: an image is there at every moment, and its manifest is known", patience, async () => {
		const scratch = scratchRoot();
		const log = scratch.path("trace");
		const [old, next] = [placeTarball(scratch, "old.tar"), scratch.path("new.tar")];
		const oldContent = content(scratch.path("tmp", name));
		// An inode more: by size and time alone (images are padded to 4096) each manifest would fit either image.
		writeFileSync(scratch.path("tmp", name, "lib/another.c"), "int another;\n");
		for (const path of ["lib/another.c", "lib"])
			utimesSync(scratch.path("tmp", name, path), 1_700_000_000, 1_700_000_000);
		const newContent = content(scratch.path("tmp", name));
		execFileSync("tar", ["-cf", next, "-C", scratch.path("tmp"), name]);
		const args = (root: Scratch): string[] => ["pack", next, "--replace", "--root", root.root];
		const prepare = async (label: string | number): Promise<Scratch> => {
			const root = subRoot(scratch, label);
			expect(await ksquash(["pack", old, "--root", root.root])).toMatchObject({ status: 0 });
			return root;
		};
		const model = await prepare("model");
		const points = await cuts(args(model), log);
		drop(model);
		await eachCut(points, async (cut, i) => {
			const root = await prepare(i);
			const image = join(root.src, `${name}.sqfs`);
			const ran = await killedAt(cut, args(root), `${log}-${i}`);
			expect(ran, ran.stderr).toMatchObject({ signal: "SIGKILL" });
			expect(imageHolds(image, oldContent) || imageHolds(image, newContent)).toBe(true);
			const rows = JSON.parse((await ksquash(["status", "--json", "--root", root.root])).stdout) as object;
			expect(JSON.stringify(rows)).not.toMatch(/manifestProblem|of another image/);
			// Killed once more at the same place, the rerun still finds the old pair.
			await killedAt(cut, args(root), `${log}-${i}`);
			expect(imageHolds(image, oldContent) || imageHolds(image, newContent)).toBe(true);
			const after = (await ksquash(["status", "--json", "--root", root.root])).stdout;
			expect(after).not.toMatch(/manifestProblem|of another image/);
			await expectFinished(root, args(root), newContent, false);
			drop(root);
		});
	});
});
