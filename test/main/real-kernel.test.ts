/**
 * The main job on the whole of a real kernel, through the CLI: 84,000 entries, 1.3 GB. Minutes.
 */

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cli } from "../support/cli.ts";
import { hashes, listing } from "../support/content.ts";
import { extractKernel, kernelTarball, mustWork } from "../support/kernel.ts";
import { loopsBelow, mountsBelow, type Scratch, scratchRoot } from "../support/scratch.ts";

const tarball = kernelTarball() ?? "linux-source-6.1 is not installed";
const minutes = 60_000;

interface Installed {
	release: string;
	mount: { target: string };
	configure: { buildDir: string; base: string };
	pack: { entries: number; bytes: number; imageBytes: number; source: string };
}

async function install(scratch: Scratch, source: string): Promise<Installed> {
	const { status, stdout, stderr } = await cli(["install", "--json", "--root", scratch.root, source]);
	expect(stderr).not.toContain("✗");
	expect(status).toBe(0);
	return JSON.parse(stdout);
}

function contentOf(scratch: Scratch, release: string): unknown {
	return JSON.parse(readFileSync(join(scratch.src, `linux-${release}.sqfs.json`), "utf8")).content;
}

describe.skipIf(!existsSync(tarball) && !mustWork)(
	"the whole of Debian's linux-source-6.1 (install that package)",
	() => {
		it("tarball and tree give the same mounted source, in which make compiles", { timeout: 15 * minutes }, async () => {
			const extracted = scratchRoot();
			const tree = extracted.path("tree");
			extractKernel(tarball, tree);
			const wanted = { listing: listing(tree), hashes: hashes(tree) };

			const fromTarball = scratchRoot();
			const one = await install(fromTarball, tarball);
			expect(one.pack).toMatchObject({ source: "kept", entries: wanted.listing.split("\n").length + 1 });
			expect(one.pack.imageBytes).toBeLessThan(one.pack.bytes / 5);
			expect(listing(one.mount.target)).toBe(wanted.listing);
			expect(hashes(one.mount.target)).toBe(wanted.hashes);
			execFileSync("diff", ["-r", "--no-dereference", tree, one.mount.target], { stdio: "pipe" });
			execFileSync("make", ["-C", one.configure.buildDir, "-j2", "kernel/sched/"], { stdio: "pipe" });
			expect(existsSync(join(one.configure.buildDir, "kernel/sched/core.o"))).toBe(true);

			const place = join(extracted.src, `linux-${one.release}`);
			execFileSync("mv", [tree, place]);
			const two = await install(extracted, place);
			expect(two.pack.source).toBe("replaced");
			expect(mountsBelow(extracted.root)).toEqual([place]);
			expect(hashes(place)).toBe(wanted.hashes);
			expect(contentOf(extracted, two.release)).toEqual(contentOf(fromTarball, one.release));

			for (const scratch of [fromTarball, extracted]) {
				const { status } = await cli(["remove", "--root", scratch.root, one.release]);
				expect(status).toBe(0);
				expect(readdirSync(scratch.src)).toEqual([]);
				expect([mountsBelow(scratch.root), loopsBelow(scratch.root)]).toEqual([[], []]);
			}
		});
	},
);
