/** The law of the house: who may import whom, and where the dangerous names may stand. See docs/architecture.md. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const top = join(import.meta.dirname, "../..");
/** Every file below a directory whose name ends so. */
function below(directory: string, ending: RegExp): { path: string; text: string }[] {
	const names = readdirSync(join(top, directory), { recursive: true, encoding: "utf8" });
	const paths = names.filter((name) => ending.test(name)).map((name) => `${directory}/${name}`);
	return paths.map((path) => ({ path, text: readFileSync(join(top, path), "utf8") }));
}

const files = below("src", /\.c?ts$/);

/** The rooms: each knows nothing of the others. */
const rooms = ["source", "image", "mount", "build", "kconfig", "portage"];
/** The doors to the kernel, to other programs and to tar streams. */
const doors = ["native", "process", "tar"];
const ground = ["system", "errors", "text"];

/** Who may import whom, besides itself. "room" stands for each room, "verb" for each of operations/. */
const law: Readonly<Record<string, readonly string[]>> = {
	text: [],
	errors: ["text"],
	system: ["errors", "text"],
	native: ground,
	process: ground,
	// tar(1) and cp(1) are programs.
	tar: ["process", ...ground],
	options: ground,
	layout: ["native", ...ground],
	settings: ground,
	// Who could write a file: the kernel and the user database know.
	trust: ["native", "process", ...ground],
	room: [...doors, "trust", ...ground],
	release: ["room", "trust", "layout", "settings", "options", ...doors, ...ground],
	verb: ["release", "room", "trust", "layout", "settings", "options", ...doors, ...ground],
	index: ["verb", "release", "errors", "text"],
	cli: ["verb", "index", "options", ...ground],
};

/** The verbs that are made of others. */
const composed = ["operations/install", "operations/uninstall"];

/** The part of the house that a file belongs to: a room, "operations/pack", or a file of src itself. */
function part(path: string): string {
	const [, first = "", second = ""] = path.split("/");
	if (first === "operations") return `operations/${second.replace(/\.ts$/, "")}`;
	return first.replace(/\.ts$/, "");
}

function kind(name: string): string {
	if (name.startsWith("operations/")) return "verb";
	return rooms.includes(name) ? "room" : name;
}

function allowed(from: string, to: string): boolean {
	if (from === to || (composed.includes(from) && kind(to) === "verb")) return true;
	return law[kind(from)]?.includes(kind(to)) ?? false;
}

function imports({ path, text }: { path: string; text: string }): string[] {
	const found = [...text.matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g)].map((match) => match[1] as string);
	return found.map((target) => relative(top, resolve(top, dirname(path), target)));
}

describe("the house", () => {
	it("has imports to look at", () => {
		expect(files.length).toBeGreaterThan(40);
		expect(files.flatMap(imports).length).toBeGreaterThan(100);
	});

	it("lets each part import only what the law allows", () => {
		const broken = files.flatMap((file) =>
			imports(file).flatMap((target) => (allowed(part(file.path), part(target)) ? [] : [`${file.path} → ${target}`])),
		);
		expect(broken).toEqual([]);
	});

	it("runs every test file in one part of npm test, and has no time for one that is gone", () => {
		const parts = Object.values<string[]>(JSON.parse(readFileSync(join(top, "test/parts.json"), "utf8")));
		const tests = below("test", /\.test\.ts$/).map(({ path }) => path);
		const partsOf = (path: string): number =>
			parts.filter((starts) => starts.some((start) => path.startsWith(start))).length;
		expect(tests.length).toBeGreaterThan(100);
		expect(tests.filter((path) => partsOf(path) !== 1)).toEqual([]);
		const rows = readFileSync(join(top, "test/seconds.tsv"), "utf8").split("\n").filter(Boolean);
		const timed = rows.map((row) => row.split("\t")[1] as string).filter((path) => path.startsWith("test/"));
		expect(timed.filter((path) => !tests.includes(path))).toEqual([]);
	});

	it("has a line in docs/architecture.md for each room, and no line without a room", () => {
		const page = readFileSync(join(top, "docs/architecture.md"), "utf8");
		const table = page.split("\n").filter((line) => line.startsWith("| `"));
		const named = table.flatMap((line) =>
			[...(line.split("|")[1] ?? "").matchAll(/`([^`]+)\/`/g)].map(([, name]) => name),
		);
		const inside = (directory: string): string[] =>
			readdirSync(join(top, directory), { withFileTypes: true })
				.filter((entry) => entry.isDirectory())
				.map((entry) => `${directory}/${entry.name}`);
		const roomsThere = ["src", "src/kconfig", "src/cli", "native", "native/core"].flatMap(inside);
		// native/core has a line for each of its rooms.
		expect(roomsThere.filter((room) => room !== "native/core" && !named.includes(room))).toEqual([]);
		expect(named.filter((room) => room?.includes("/") && !existsSync(join(top, room)))).toEqual([]);
	});

	it("keeps dangerous names in their places", () => {
		const places: [RegExp, RegExp][] = [
			[/node:child_process/, /^src\/process\//],
			[/process\.exit\(|process\.exitCode =|console\./, /^src\/cli\//],
			[/\.node"|\.node`|createRequire/, /^src\/native\/load\.ts$/],
			// The commands\' help has examples.
			[/"\/usr\/src/, /^src\/(?:layout|cli\/commands)\.ts$/],
		];
		const broken = files.flatMap(({ path, text }) =>
			places.flatMap(([name, place]) => (name.test(text) && !place.test(path) ? [`${path}: ${name.source}`] : [])),
		);
		expect(broken).toEqual([]);
	});

	it("has small test files", () => {
		const texts = below("test", /\.(?:ts|sh|cpp|h|c|mjs)$/).filter(({ path }) => !path.startsWith("test/fixtures/"));
		const long = texts.map(({ path, text }) => `${path}: ${text.split("\n").length - 1} lines`);
		expect(texts.length).toBeGreaterThan(100);
		expect(long.filter((line) => Number(/: (\d+) lines$/.exec(line)?.[1]) > 250)).toEqual([]);
	});

	it("has small files, each with a head that says what it owns", () => {
		const broken = files.flatMap(({ path, text }) => {
			const lines = text.split("\n").length - 1;
			const head = /^(?:#!.*\n)?(?:\/\*\*|\/\/ )/.test(text);
			return [...(lines > 250 ? [`${path}: ${lines} lines`] : []), ...(head ? [] : [`${path}: no head`])];
		});
		expect(broken).toEqual([]);
	});
});
