/** listTree: what a proof writes down of an image or a tree. */
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { listTree, removeTree } from "../../../src/native/verbs.ts";
import { makeTree, time } from "./compare-support.ts";
import { cleanUp, fresh, pack } from "./support.ts";

afterAll(cleanUp);

const original = makeTree();
const image = pack(original);

describe("listTree", () => {
	it("counts without reading, and the snapshot lets the tree go", async () => {
		const copy = fresh("copy", false);
		execFileSync("cp", ["-a", original, copy]);
		const [read, counted] = [await listTree({ tree: copy }), await listTree({ tree: copy, content: false })];
		expect(counted).toMatchObject({ entries: read.entries, bytes: read.bytes });
		expect([counted.list.length, read.list.length > 0]).toEqual([0, true]);
		expect((await removeTree({ path: copy, expect: counted.snapshot })).keptCount).toBe(0);
	});

	it("lists a tree and its image alike, in the documented form", async () => {
		const [tree, packed] = [await listTree({ tree: original }), await listTree({ image })];
		const text = Buffer.from(tree.list).toString("latin1");
		expect(Buffer.from(packed.list).toString("latin1")).toBe(text);
		const hash = (data: string) => createHash("sha256").update(data).digest("hex");
		expect(text.split("\n")[0]).toBe("d 0755 0 0 - .");
		expect(text).toContain(`\nf 0644 8 ${time} ${hash("new\nline")} new\\012line\n`);
		expect(text).toContain(`\nl 0777 0 ${time} - dangling nowhere\\040at\\040all\n`);
		expect(text).toContain(`\nc 0644 1:3 ${time} - null\n`);
		expect(text).toContain(`\nf 0755 10 ${time} ${hash("#!/bin/sh\n")} script x=${hash("user.a=value\0")}\n`);
		expect(text).toContain(`\nf 0644 9 ${time} ${hash("not UTF-8")} \xff\n`);
		expect(tree.entries).toBe(text.split("\n").length - 1);
	});

	it("hashes every size as node:crypto does", async () => {
		const tree = fresh("sizes");
		const sizes = [0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 127, 128, 129, 4095, 4096, 65537, (4 << 20) + 1];
		const wanted = sizes.map((size) => {
			const data = randomBytes(size);
			writeFileSync(join(tree, `${size}`), data);
			return `${size} ${createHash("sha256").update(data).digest("hex")}`;
		});
		cpSync(tree, fresh("copy", false), { recursive: true });
		for (const jobs of [1, 4]) {
			const { list } = await listTree({ tree, jobs });
			const lines = Buffer.from(list)
				.toString()
				.trim()
				.split("\n")
				.slice(1)
				.map((line) => line.split(" "));
			expect(lines.map((fields) => `${fields[5]} ${fields[4]}`).sort()).toEqual(wanted.sort());
		}
	});
});
