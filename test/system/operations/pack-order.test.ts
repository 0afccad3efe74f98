/** pack: a tarball whose files stand in no order is packed and proved like any other, with a word on what that costs. */

import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { pack } from "../../../src/index.ts";
import { placeTree, scratchRoot } from "../../support/scratch.ts";

const names = Array.from({ length: 150 }, (_, i) => `file${String(i).padStart(3, "0")}.c`);
/** Every name once; each second step leads back. */
const mixed = names.map((_, i) => names[(i * 67) % names.length] as string);

/** A kernel's tarball with a directory of these files, in this order. */
async function warningsFor(order: readonly string[]): Promise<string[]> {
	const scratch = scratchRoot();
	const tree = placeTree(scratch, "tmp/linux");
	mkdirSync(`${tree}/drivers/many`, { recursive: true });
	for (const name of order) writeFileSync(`${tree}/drivers/many/${name}`, `${name}\n`);
	const tarball = scratch.path("linux.tar");
	const tar = (...args: string[]) => execFileSync("tar", ["-C", scratch.path("tmp"), ...args]);
	tar("-cf", tarball, "--sort=name", "--exclude=drivers/many", "linux");
	tar("-rf", tarball, "--no-recursion", "linux/drivers/many", ...order.map((name) => `linux/drivers/many/${name}`));
	const warnings: string[] = [];
	await pack(tarball, { root: scratch.root, onWarning: (text) => warnings.push(text) });
	return warnings.filter((text) => text.includes("order"));
}

describe("the order of a tarball's files", () => {
	it("is not spoken of where it is that of their names", async () => {
		expect(await warningsFor(names)).toEqual([]);
	});

	it("is spoken of where there is none", async () => {
		expect(new Set(mixed).size).toBe(names.length);
		expect(await warningsFor(mixed)).toEqual([expect.stringContaining("linux.tar does not hold the files")]);
	});

	it("is not spoken of where there are too few to matter", async () => {
		expect(await warningsFor(mixed.slice(0, 50))).toEqual([]);
	});
});
