/** Links of /lib/modules into a tree: named before it goes. */

import { existsSync, mkdirSync, readlinkSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { pack } from "../../../src/index.ts";
import { mountsBelow, placeTree, type Scratch, scratchRoot, smallRelease } from "../../support/scratch.ts";

/** As a merged /usr has it: /lib is a link. */
function link(scratch: Scratch, release: string, name: "build" | "source", target: string): string {
	const directory = scratch.path("usr/lib/modules", release);
	mkdirSync(directory, { recursive: true });
	if (!existsSync(scratch.path("lib"))) symlinkSync("usr/lib", scratch.path("lib"));
	symlinkSync(target, join(directory, name));
	return join(directory, name);
}

const name = `linux-${smallRelease}`;

describe("links into a tree that would go", () => {
	it.each([
		["absolute, below the root", `/usr/src/${name}`],
		["relative", `../../../src/${name}`],
		["into it", `/usr/src/${name}/arch/small`],
		["by way of another link", "/usr/src/linux"],
	])("build, %s: refused and named; with force it goes, and is warned of", async (_, target) => {
		const scratch = scratchRoot();
		const tree = placeTree(scratch);
		symlinkSync(name, scratch.path("usr/src/linux"));
		const build = link(scratch, "6.1.99-mine", "build", target);
		const linked = {
			code: "ERR_KSQUASH_LINKED",
			exitStatus: 77,
			notes: [expect.stringContaining(`${build} → ${target}`)],
		};
		await expect(pack(tree, { root: scratch.root, dryRun: true })).rejects.toMatchObject(linked);
		await expect(pack(tree, { root: scratch.root })).rejects.toMatchObject(linked);
		expect([existsSync(`${tree}.sqfs`), existsSync(join(tree, "Makefile"))]).toEqual([false, true]);
		const warnings: string[] = [];
		const onWarning = (text: string): void => void warnings.push(text);
		expect(await pack(tree, { root: scratch.root, force: true, onWarning })).toMatchObject({ source: "replaced" });
		expect(warnings.join()).toContain(build);
		expect(readlinkSync(build)).toBe(target);
	});

	it("source still works through the mount: nothing is said; where no mount takes the place it is refused", async () => {
		const scratch = scratchRoot();
		const tree = placeTree(scratch);
		const source = link(scratch, "6.1.99-mine", "source", `/usr/src/${name}`);
		expect((await pack(tree, { root: scratch.root })).source).toBe("replaced");
		expect(mountsBelow(scratch.root)).toEqual([tree]);
		const elsewhere = placeTree(scratch, "home/k");
		const other = link(scratch, "6.1.98-mine", "source", "/home/k");
		const refused = pack(elsewhere, { root: scratch.root, replaceSource: true });
		await expect(refused).rejects.toMatchObject({
			code: "ERR_KSQUASH_LINKED",
			notes: [expect.stringContaining(other)],
		});
		expect(existsSync(join(elsewhere, "Makefile"))).toBe(true);
		expect(readlinkSync(source)).toBe(`/usr/src/${name}`);
	});

	it("links elsewhere, dangling ones, loops, and a tree that stays: nothing is said", async () => {
		const scratch = scratchRoot();
		const tree = placeTree(scratch);
		link(scratch, "a", "build", `/usr/src/${name}.1`);
		link(scratch, "b", "build", "/usr/src/gone");
		link(scratch, "c", "build", "build");
		const own = link(scratch, "d", "build", `/usr/src/${name}`);
		expect((await pack(tree, { root: scratch.root, keepSource: true })).source).toBe("kept");
		await expect(pack(tree, { root: scratch.root })).rejects.toMatchObject({ notes: [expect.stringContaining(own)] });
	});
});
