/** The law of native/: which room of the core may include which, and that every file is in a room and in the build. */

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";

const top = join(import.meta.dirname, "../..");
const { rooms, nativeSources } = (await import(join(top, "scripts/native-sources.mjs"))) as {
	rooms: Record<string, string[]>;
	nativeSources(target: string): string[];
};
const files = readdirSync(join(top, "native"), { recursive: true, encoding: "utf8" })
	.filter((name) => /\.(?:cpp|h)$/.test(name))
	.map((name) => ({ path: `native/${name}`, text: readFileSync(join(top, "native", name), "utf8") }));
const core = files.filter(({ path }) => path.startsWith("native/core/"));

/** "core/mount", "helper", "testing" … */
function part(path: string): string {
	const [, first = "", second = ""] = path.split("/");
	return first === "core" ? `core/${second}` : first;
}

/** Which parts include which: "core/mount → core/base" to the files' own arrows. */
const arrows = new Map<string, string[]>();
const targets = new Set<string>();
for (const { path, text } of files) {
	for (const [, name = ""] of text.matchAll(/#include "([^"]+)"/g)) {
		const target = join(dirname(path), name);
		targets.add(target);
		if (part(path) === part(target)) continue;
		const key = `${part(path)} → ${part(target)}`;
		arrows.set(key, [...(arrows.get(key) ?? []), `${path} → ${target}`]);
	}
}

describe("the rooms of native/core", () => {
	const names = Object.keys(rooms);
	it("are eight, and every file is in one", () => {
		expect(names).toEqual(["base", "image", "table", "tree", "loop", "mount", "compare", "watch"]);
		expect(new Set(core.map(({ path }) => part(path)))).toEqual(new Set(names.map((room) => `core/${room}`)));
		for (const { path } of core) expect(path).toMatch(/^native\/core\/[a-z]+\/[a-z0-9_]+\.(?:cpp|h)$/);
		expect(core.length).toBeGreaterThan(60);
	});

	it("may each include only rooms that stand before it", () => {
		for (const [at, room] of names.entries()) {
			expect([room, rooms[room]?.filter((other) => names.indexOf(other) >= at)]).toEqual([room, []]);
		}
	});

	it("include each other exactly as the list says", () => {
		const real = [...arrows.keys()].filter((arrow) => /^core\/\w+ → core\//.test(arrow)).toSorted();
		const allowed = names.flatMap((room) => rooms[room]?.map((other) => `core/${room} → core/${other}`) ?? []);
		expect(real.length).toBeGreaterThan(15);
		expect(real).toEqual(allowed.toSorted());
	});

	it("know nothing of Node, the add-on or the helper", () => {
		expect([...arrows].filter(([arrow]) => /^core\/\w+ → (?!core\/)/.test(arrow))).toEqual([]);
		expect(core.filter(({ text }) => /napi|node_api|node\.h|\buv\.h/.test(text))).toEqual([]);
	});
});

describe("native/", () => {
	it("keeps the add-on and the helper apart, and nothing of theirs knows what is for tests", () => {
		const own = [...arrows.keys()].filter((arrow) => /^(?:addon|helper) → /.test(arrow));
		expect(own.length).toBeGreaterThan(8);
		expect(own.filter((arrow) => !/ → core\//.test(arrow))).toEqual([]);
	});

	it("includes only files that there are", () => {
		const there = new Set(files.map(({ path }) => path));
		expect(targets.size).toBeGreaterThan(50);
		expect([...targets].filter((target) => !there.has(target))).toEqual([]);
	});

	it("has every source in the one list of the builds, which have none of their own", () => {
		const wanted = ["core", "addon", "helper", "drive", "mutants", "deny", "confined", "core_test"];
		const fuzz = ["mountinfo", "escapes", "superblock", "policy", "arguments"].map((name) => `fuzz_${name}`);
		const listed = new Set([...wanted, ...fuzz].flatMap(nativeSources));
		const sources = files.map(({ path }) => path).filter((path) => path.endsWith(".cpp"));
		// Each is of one build of the helper only: scripts/build-helper.mjs names it.
		const special = ["native/helper/standalone/runtime.cpp", "native/testing/sanitized.cpp"];
		expect(sources.filter((path) => !listed.has(path)).toSorted()).toEqual(special);
		for (const build of [
			"binding.gyp",
			"CMakeLists.txt",
			"scripts/build-helper.mjs",
			"test/fault/helper/confined.test.ts",
		]) {
			const text = readFileSync(join(top, build), "utf8");
			const named = [...text.matchAll(/[\w/-]+\.cpp\b/g)].map(([name]) => name);
			expect([build, named.filter((name) => !special.includes(name) && name !== "sha256.cpp")]).toEqual([build, []]);
		}
		const words = ["scripts/native-sources.mjs", "core"];
		const printed = execFileSync(process.execPath, words, { cwd: top, encoding: "utf8" });
		expect(printed.trim().split("\n")).toEqual(nativeSources("core"));
	});

	it("writes JSON by the core's writer only", () => {
		const own = files.filter(({ path }) => !/^native\/(?:core\/base\/json\.cpp|test\/)/.test(path));
		expect(own.filter(({ text }) => text.includes("JsonWriter")).length).toBeGreaterThan(4);
		const byHand = own.filter(({ text }) => /^(?!\s*\/\/).*(?:\\":(?! )|\{\\"|\\\\u00)/m.test(text));
		expect(byHand.map(({ path }) => path)).toEqual([]);
	});

	it("has small files, each with a head", () => {
		const broken = files.flatMap(({ path, text }) => {
			const lines = text.split("\n").length - 1;
			return [
				...(lines > 250 ? [`${path}: ${lines} lines`] : []),
				...(text.startsWith("// ") ? [] : [`${path}: no head`]),
			];
		});
		expect(broken).toEqual([]);
	});
});
