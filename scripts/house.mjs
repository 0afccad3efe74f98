// Draws docs/pictures/house.svg: the rooms of src and native, and who imports whom, read from the imports themselves.
//   node scripts/house.mjs [DIRECTORY]      another place than this repository, for the test that it is fresh
// An arrow that follows from others (A to B to C, so A to C) is left out, and so are src/errors.ts, layout.ts and settings.ts.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const to = join(resolve(process.argv[2] ?? root), "docs/pictures");
const IMPORT = /(?:from|import\()\s*"(\.[^"]+)"|^#include "([^"]+)"/gm;
const HIDDEN = new Set(["src/errors", "src/layout", "src/settings"]);

function below(directory) {
	const names = readdirSync(join(root, directory), { recursive: true, encoding: "utf8" });
	return names.filter((name) => /\.(?:c?ts|cpp|h)$/.test(name)).map((name) => join(directory, name));
}

/** "src/image", "native/core/loop"; a file of src itself is a room of its own name. */
function roomOf(path) {
	const parts = path.split("/");
	const depth = path.startsWith("native/core/") ? 3 : 2;
	return parts
		.slice(0, depth)
		.join("/")
		.replace(/\.c?ts$/, "");
}

/** room → { files, uses: Set of rooms }. */
export function readRooms(tops = ["src", "native/core", "native/addon", "native/helper"]) {
	const rooms = new Map();
	for (const path of tops.flatMap(below)) {
		const name = roomOf(path);
		if (HIDDEN.has(name)) continue;
		if (!rooms.has(name)) rooms.set(name, { files: 0, uses: new Set() });
		const room = rooms.get(name);
		room.files++;
		for (const [, script, header] of readFileSync(join(root, path), "utf8").matchAll(IMPORT)) {
			const target = roomOf(relative(root, resolve(root, dirname(path), script ?? header)));
			if (target !== name && !HIDDEN.has(target)) room.uses.add(target);
		}
	}
	// The door to the add-on is opened at run time: no import shows it.
	rooms.get("src/native").uses.add("native/addon");
	rooms.get("src/mount").uses.add("native/helper");
	return rooms;
}

/** Every room that can be reached from one, itself left out. Throws where an arrow leads back. */
function reach(rooms, name, path = []) {
	if (path.includes(name)) throw new Error(`the arrows lead back: ${[...path, name].join(" → ")}`);
	const found = new Set();
	for (const next of rooms.get(name)?.uses ?? []) {
		found.add(next);
		for (const further of reach(rooms, next, [...path, name])) found.add(further);
	}
	return found;
}

function withoutImplied(rooms) {
	const arrows = [];
	for (const [name, { uses }] of rooms) {
		for (const target of uses) {
			const implied = [...uses].some((other) => other !== target && reach(rooms, other).has(target));
			if (!implied) arrows.push([name, target]);
		}
	}
	return arrows;
}

const isNative = (name) => name.startsWith("native/");

/** 0 for what imports nothing of its own language: the lowest row. */
function levelOf(rooms, name) {
	const uses = [...(rooms.get(name)?.uses ?? [])].filter((next) => isNative(next) === isNative(name));
	return Math.max(-1, ...uses.map((next) => levelOf(rooms, next))) + 1;
}

/** Rows from the top: TypeScript above C++. */
function rowsOf(rooms) {
	const halves = [[], []];
	for (const name of [...rooms.keys()].sort()) {
		const half = halves[isNative(name) ? 1 : 0];
		const level = levelOf(rooms, name);
		half[level] ??= [];
		half[level].push(name);
	}
	return halves.flatMap((half) => half.reverse());
}

const [BOX, GAP, ROW, MARGIN] = [{ width: 104, height: 38 }, 20, 84, 20];

function place(rooms) {
	const rows = rowsOf(rooms);
	const widthOf = (row) => row.length * (BOX.width + GAP) - GAP;
	const width = Math.max(...rows.map(widthOf)) + 2 * MARGIN;
	const boxes = new Map();
	for (const [level, row] of rows.entries()) {
		const left = (width - widthOf(row)) / 2;
		for (const [i, name] of row.entries())
			boxes.set(name, { x: left + i * (BOX.width + GAP), y: MARGIN + level * ROW });
	}
	return { boxes, width, height: (rows.length - 1) * ROW + BOX.height + 2 * MARGIN };
}

function draw(rooms) {
	const { boxes, width, height } = place(rooms);
	const curves = withoutImplied(rooms).map(([from, target]) => {
		const [a, b] = [boxes.get(from), boxes.get(target)];
		const [x1, y1, x2, y2] = [a.x + BOX.width / 2, a.y + BOX.height, b.x + BOX.width / 2, b.y - 4];
		const bend = (y2 - y1) / 2;
		return `<path d="M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}" marker-end="url(#head)"/>`;
	});
	const labels = [...boxes].map(([name, { x, y }]) => {
		const [, short = name] = /^(?:src|native\/core)\/(.+)$/.exec(name) ?? [];
		const kind = name.startsWith("src/") ? "typescript" : "native";
		const files = rooms.get(name).files;
		return `<rect x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="4" class="${kind}"/>
<text x="${x + BOX.width / 2}" y="${y + 17}">${short}</text>
<text x="${x + BOX.width / 2}" y="${y + 31}" class="small">${files} ${files === 1 ? "file" : "files"}</text>`;
	});
	return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>The rooms of ksquash and who imports whom; blue: TypeScript, green: C++</title>
<style>text{font:13px system-ui,sans-serif;fill:#24292f;text-anchor:middle}.small{font-size:10px;fill:#57606a}path{fill:none;stroke:#8c959f}.typescript{fill:#ddf4ff;stroke:#0969da}.native{fill:#dafbe1;stroke:#1a7f37}</style>
<defs><marker id="head" markerWidth="7" markerHeight="7" refX="4" refY="3" orient="auto"><path d="M0 0L5 3L0 6z" style="fill:#8c959f;stroke:none"/></marker></defs>
<rect width="${width}" height="${height}" fill="#ffffff"/>
${[...curves, ...labels].join("\n")}
</svg>
`;
}

mkdirSync(to, { recursive: true });
writeFileSync(join(to, "house.svg"), draw(readRooms()));
