/** --patch: real patches, made by git and by diff, are applied to a copy of the source, or refused with the hunk named. */

import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { install, pack } from "../../../src/index.ts";
import { placeTarball, placeTree, scratchRoot, smallRelease } from "../../support/scratch.ts";
import { expectNothing, inside, origin, patchedRelease, series, shape } from "./patch-support.ts";

describe("a series of git's", () => {
	it("on a tarball: what git made of it is in the image, and the manifest says how", async () => {
		const scratch = scratchRoot();
		const { tree, patches } = series(scratch);
		const tarball = placeTarball(scratch);
		const warnings: string[] = [];
		const result = await pack(tarball, { root: scratch.root, patches, onWarning: (text) => warnings.push(text) });
		expect(result).toMatchObject({ release: patchedRelease, already: false, source: "kept" });
		expect(inside(scratch, result.image)).toBe(shape(tree));
		const sums = execFileSync("sha256sum", patches, { encoding: "utf8" }).trim().split("\n");
		const named = sums.map((line) => ({ sha256: line.slice(0, 64), path: line.slice(66) }));
		expect(origin(result.image)).toMatchObject({ kind: "tarball", path: tarball, way: "extracted", patches: named });
		expect(warnings).toEqual([expect.stringMatching(/extracted into a scratch directory/)]);
		expect(readdirSync(scratch.src).toSorted()).toEqual(
			["", ".json", ".list.gz"].map((end) => `linux-${patchedRelease}.sqfs${end}`),
		);
	});

	it("again: already; without the patches: another release, and no taking of one for the other", async () => {
		const scratch = scratchRoot();
		const { patches } = series(scratch);
		const tarball = placeTarball(scratch);
		await pack(tarball, { root: scratch.root, patches });
		expect(await pack(tarball, { root: scratch.root, patches })).toMatchObject({ already: true });
		expect(await pack(tarball, { root: scratch.root })).toMatchObject({ already: false, release: smallRelease });
		const same = pack(tarball, { root: scratch.root, patches: patches.slice(0, 1) });
		await expect(same).rejects.toMatchObject({ code: "ERR_KSQUASH_EXISTS", exitStatus: 73 });
	});

	it("on a tree: only read, and the content is the tarball's; the same bytes whatever the umask", async () => {
		const scratch = scratchRoot();
		const { patches } = series(scratch);
		const tarball = placeTarball(scratch);
		// Not a second copy of the fixture: its links would be younger.
		const tree = scratch.path("home", `linux-${smallRelease}`);
		mkdirSync(scratch.path("home"));
		execFileSync("tar", ["-xf", tarball, "-C", scratch.path("home")]);
		mkdirSync(join(tree, ".git"));
		const before = shape(tree);
		const roots = ["a", "b", "c"].map((name) => {
			mkdirSync(scratch.path(name, "usr/src"), { recursive: true });
			return scratch.path(name);
		});
		const images: string[] = [];
		for (const [i, source] of [tree, tree, tarball].entries()) {
			const old = process.umask(i === 1 ? 0o077 : 0o002);
			try {
				images.push((await pack(source, { root: roots[i], patches })).image);
			} finally {
				process.umask(old);
			}
		}
		const [first = "", second = "", third = ""] = images;
		expect(readFileSync(second).equals(readFileSync(first))).toBe(true);
		const content = images.map((image) => JSON.parse(readFileSync(`${image}.json`, "utf8")).content.sha256);
		expect(content[2]).toBe(content[0]);
		expect(origin(first)).toMatchObject({ kind: "tree", way: "copied" });
		expect(origin(third)).toMatchObject({ kind: "tarball", way: "extracted" });
		expect(shape(tree)).toBe(before);
	});

	it("compressed, as kernel.org's are, and installed", async () => {
		const scratch = scratchRoot();
		const { tree } = series(scratch);
		const base = placeTree(scratch, "git/base");
		const patch = scratch.path("patch-6.1.100.xz");
		const script = 'cd "$1" && { diff -urN base k || [ $? = 1 ]; } | xz >"$2"';
		execFileSync("sh", ["-c", script, "sh", scratch.path("git"), patch]);
		// diff knows neither modes nor links.
		chmodSync(join(tree, "scripts/run.sh"), 0o644);
		chmodSync(join(base, "scripts/cc-line.sh"), 0o644);
		rmSync(join(tree, "drivers/link.c"));
		copyFileSync(join(tree, "init/main.c"), join(tree, "drivers/link.c"));
		const { release, pack: packed } = await install(base, { root: scratch.root, patches: [patch], base: "defconfig" });
		expect(release).toBe(patchedRelease);
		expect(shape(join(scratch.src, `linux-${patchedRelease}`))).toBe(shape(tree));
		expect(packed.source).toBe("kept");
	});
});

describe("the scratch directory", () => {
	it("goes when the run is stopped", async () => {
		const scratch = scratchRoot();
		const { patches } = series(scratch);
		const tarball = placeTarball(scratch);
		for (const at of ["extract", "patch", "pack", "prove"]) {
			const stop = new AbortController();
			const onProgress = ({ step, state }: { step: string; state: string }): void => {
				if (step === at && state === "start") stop.abort();
			};
			const stopped = pack(tarball, { root: scratch.root, patches, signal: stop.signal, onProgress });
			await expect(stopped, at).rejects.toMatchObject({ name: "AbortError" });
			expectNothing(scratch);
		}
	});

	it("is not begun where there are too few inodes, or too little space", async () => {
		const scratch = scratchRoot();
		const { patches } = series(scratch);
		const tree = placeTree(scratch, "home/k");
		for (const [limit, why] of [
			["nr_inodes=30", /inodes free/],
			["size=300k", /MiB are missing/],
		] as const) {
			execFileSync("mount", ["-t", "tmpfs", "-o", limit, "tmpfs", scratch.src]);
			try {
				const refused = pack(tree, { root: scratch.root, patches });
				await expect(refused).rejects.toMatchObject({
					code: "ERR_KSQUASH_NO_SPACE",
					message: expect.stringMatching(why),
				});
				expectNothing(scratch);
			} finally {
				execFileSync("umount", [scratch.src]);
			}
		}
	});
});

it("a dry run names the patches and does nothing", async () => {
	const scratch = scratchRoot();
	const { patches } = series(scratch);
	const { plan } = await pack(placeTarball(scratch), { root: scratch.root, patches, dryRun: true });
	expect(plan?.slice(0, 3)).toEqual([
		expect.stringMatching(/scratch directory/),
		`apply ${patches[0]} (6 files)`,
		`apply ${patches[1]} (9 files)`,
	]);
	expectNothing(scratch);
});
