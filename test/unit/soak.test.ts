/** Every part of npm run soak has files, and turns on something that they know of. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { run } from "../support/process.ts";

const top = join(import.meta.dirname, "../..");
const script = join(top, "scripts/soak.mjs");

interface Part {
	what: string;
	env?: Record<string, string>;
	files?: string[];
	script?: string;
}

const parts: Record<string, Part> = JSON.parse(readFileSync(join(top, "test/soak.json"), "utf8"));
const scripts: Record<string, string> = JSON.parse(readFileSync(join(top, "package.json"), "utf8")).scripts;
const all = readdirSync(join(top, "test"), { recursive: true, encoding: "utf8" }).map((name) => `test/${name}`);
/** Variables that tests read, but for those that say where or how, not how much. */
const long = new Set(
	all
		.filter((path) => path.endsWith(".ts"))
		.flatMap((path) => [...readFileSync(join(top, path), "utf8").matchAll(/process\.env\.(KSQUASH_\w+)/g)])
		.map((match) => match[1] as string)
		.filter((name) => /_(?:CUTS|POINTS|ROUNDS|SECONDS|CYCLES|CONFIGS|ERRNO|DAMAGED)$/.test(name)),
);

describe("npm run soak", () => {
	it("turns on every long variant, in some part", () => {
		const turnedOn = Object.values(parts).flatMap(({ env }) => Object.keys(env ?? {}));
		expect(long.size).toBeGreaterThan(5);
		expect([...long].filter((name) => !turnedOn.includes(name))).toEqual([]);
	});

	it.each(Object.entries(parts))("%s runs what is there", (_, { files = [], script: name }) => {
		expect(files.length > 0).toBe(name === undefined);
		if (name !== undefined) expect(Object.keys(scripts)).toContain(name);
		const tests = all.filter((path) => path.endsWith(".test.ts"));
		expect(files.filter((start) => !tests.some((path) => path.startsWith(start)))).toEqual([]);
	});

	it("lists its parts, and knows no other", async () => {
		const listed = await run([process.execPath, script]);
		expect(listed.status).toBe(0);
		expect(listed.stdout.split("\n").map((line) => line.split(" ")[0])).toEqual([...Object.keys(parts), ""]);
		const unknown = await run([process.execPath, script, "everything"]);
		expect(unknown.status).toBe(64);
		expect(unknown.stderr).toContain("no part everything");
	});

	it("has results only of parts that there are", () => {
		const place = join(top, "test/soak-results");
		const results = existsSync(place) ? readdirSync(place) : [];
		expect(results.filter((name) => parts[name.replace(/\.txt$/, "")] === undefined)).toEqual([]);
	});
});
