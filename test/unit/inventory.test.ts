/** The list of tests that there must be, and how often they try: what npm test compares with what ran. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { faults, missing, newId, type Row, read, unlisted, written } from "../../scripts/inventory.mjs";

const top = join(import.meta.dirname, "../..");
const rows: Row[] = read();

describe("test/inventory.tsv", () => {
	it("has every line once, with a title or a reason", () => {
		expect(rows.length).toBeGreaterThanOrEqual(1623);
		expect(faults(rows)).toEqual([]);
		expect(rows.filter(({ id, count }) => !/^[0-9a-f]{8}$/.test(id) || count === "")).toEqual([]);
	});

	it("has no count below what test/counts.tsv says, but with a reason", () => {
		const texts = ["test", "scripts"].flatMap((directory) =>
			readdirSync(join(top, directory), { recursive: true, encoding: "utf8" })
				.filter((name) => /\.(?:ts|sh)$/.test(name))
				.map((name) => readFileSync(join(top, directory, name), "utf8")),
		);
		const counts = readFileSync(join(top, "test/counts.tsv"), "utf8").split("\n");
		const lines = counts.filter((line) => line !== "" && !line.startsWith("#")).map((line) => line.split("\t"));
		expect(lines.length).toBeGreaterThan(5);
		for (const [name = "", least, reason = ""] of lines) {
			const now = texts.flatMap((text) => [...text.matchAll(new RegExp(`${name}(?: \\?\\? |:-)(\\d+)`, "g"))]);
			expect(now.length, `${name} is read nowhere`).toBeGreaterThan(0);
			const fallen = now.filter((match) => Number(match[1]) < Number(least) && reason === "");
			expect(fallen.map((match) => match[0])).toEqual([]);
		}
	});
});

describe("the comparison", () => {
	const listed = read(
		"# a comment\naaaa0000\t1\tone\nbbbb0000\t1\ttwo\t\ncccc0000\t1\ttwo\ndddd0000\t\t\tgone: nothing does that now\n",
	);

	it("finds a test that is gone, also one of two with the same title", () => {
		expect(missing(listed, ["one", "two", "two", "three"])).toEqual([]);
		expect(missing(listed, ["one", "two"]).map(({ id }) => id)).toEqual(["cccc0000"]);
		expect(missing(listed, ["two", "two"]).map(({ id }) => id)).toEqual(["aaaa0000"]);
	});

	it("finds one that is new", () => {
		expect(unlisted(listed, ["one", "two", "two"])).toEqual([]);
		expect(unlisted(listed, ["one", "two", "two", "two", "a\ttab"])).toEqual(["two", "a\\ttab"]);
	});

	it("finds a line that stands there twice, and one without a title and a reason", () => {
		expect(faults(listed)).toEqual([]);
		expect(faults([...listed, ...read("aaaa0000\t1\tother\neeee0000\t1\n")])).toEqual([
			"aaaa0000 stands there twice",
			"eeee0000 has no title and no reason",
		]);
	});

	it("gives a new line an id that no other has", () => {
		const taken = new Set<string>();
		const first = newId("one", taken);
		taken.add(first);
		expect(newId("one", taken)).not.toBe(first);
		expect(written("a\nb\\")).toBe("a\\nb\\\\");
	});
});
