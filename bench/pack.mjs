// Packing a kernel tarball, and reading what came of it: the original's way (extract, mksquashfs xz 1M with a dictionary
// of 100 %, delete) against ksquash with each preset, alternating in one run. As root, in a mount namespace of its own:
//   npm run build && unshare -m --propagation private node bench/pack.mjs [--small] [--rounds N] [--tarball FILE]
// --ways original,balanced: these only, of the names in the table (plain, for reading, is always there).
// --half packing|reading: packing only, or (with the packing that it needs, unmeasured) reading only.
// --small: some directories of the tarball only, in about a minute, and nothing is compiled: a check that it works.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { dropCaches, makeDisk, measure, medians, memoryGroup } from "./measure.mjs";

const { values } = parseArgs({
	options: {
		small: { type: "boolean", default: false },
		rounds: { type: "string" },
		ways: { type: "string" },
		half: { type: "string" },
		tarball: { type: "string", default: "/usr/src/linux-source-6.1.tar.xz" },
	},
});
const rounds = Number(values.rounds ?? (values.small ? 1 : 3));
const cli = join(import.meta.dirname, "../dist/cli/main.js");
const presets = ["smallest", "balanced", "fast"];
const goals = [];
const release = "0.0.0-bench";
const quiet = { stdio: ["ignore", "ignore", "inherit"] };
const sh = (script, ...args) => execFileSync("sh", ["-ec", script, "sh", ...args], quiet);

const scratch = mkdtempSync(join(tmpdir(), "ksquash-bench-"));
const disk = makeDisk(scratch, values.small ? 2 : 8);
const small = memoryGroup(256 << 20);
const mounted = [];
try {
	const tarball = values.small ? smallTarball() : values.tarball;
	const images = await packing(tarball);
	if (values.half !== "packing") await reading(tarball, images);
	console.log(["", ...goals].join("\n"));
} finally {
	for (const path of mounted.toReversed()) execFileSync("umount", ["--recursive", path]);
	disk.close();
	small.close();
	rmSync(scratch, { recursive: true });
}

/** Outside the measured disk. */
function smallTarball() {
	const [tree, to] = [join(scratch, "small"), join(scratch, "small.tar.xz")];
	mkdirSync(join(tree, "linux"), { recursive: true });
	const wanted = ["Makefile", "Kbuild", "Kconfig", "arch/Kconfig", "include/linux", "init", "kernel/*.c", "scripts"];
	const members = wanted.map((name) => `*/${name}`);
	const extract = [
		"-xf",
		values.tarball,
		"-C",
		join(tree, "linux"),
		"--strip-components=1",
		"--wildcards",
		"--no-wildcards-match-slash",
	];
	execFileSync("tar", [...extract, ...members], quiet);
	// In order of name, as kernel.org's and Debian's are: an image reads slowly in another order than it was packed in.
	execFileSync("tar", ["-cf", to, "-I", "xz -1 -T0", "--sort=name", "-C", tree, "linux"], quiet);
	rmSync(tree, { recursive: true });
	return to;
}

async function packing(tarball) {
	const at = (name) => join(disk.path, name);
	const original = `mkdir "$2.tree"; tar -xf "$1" -C "$2.tree" --strip-components=1
mksquashfs "$2.tree" "$2" -comp xz -b 1M -Xdict-size 100% -noappend -no-progress; rm -r "$2.tree"`;
	// With the options of balanced: it proves nothing, and leaves no list.
	const tar2sqfs = `xz -dc "$1" | tar2sqfs -q -f -c zstd -X level=9 -b 262144 -r "$(tar -tf "$1" | sed -n '1s,/.*,,p;1q')" "$2"`;
	const ours = (name, options, before = []) => {
		const where = ["--root", at(name), "--release", release, "--replace"];
		mkdirSync(join(at(name), "usr/src"), { recursive: true });
		const command = [...before, process.execPath, cli, "pack", tarball, ...where, ...options];
		return { name, image: join(at(name), `usr/src/linux-${release}.sqfs`), command };
	};
	const every = [
		{
			name: "original",
			image: at("original.sqfs"),
			command: ["sh", "-ec", original, "sh", tarball, at("original.sqfs")],
		},
		{
			name: "tar2sqfs",
			image: at("tar2sqfs.sqfs"),
			command: ["sh", "-ec", tar2sqfs, "sh", tarball, at("tar2sqfs.sqfs")],
		},
		...presets.map((preset) => ours(preset, ["--preset", preset])),
		ours("balanced-256M", ["--preset", "balanced"], small.enter),
		ours("erofs", ["--format", "erofs"]),
	];
	const ways = every.filter(({ name }) => values.ways?.split(",").includes(name) ?? true);
	const runs = new Map(ways.map(({ name }) => [name, []]));
	for (let round = 0; round < (values.half === "reading" ? 1 : rounds); round++) {
		for (const { name, image, command } of ways) {
			rmSync(image, { force: true });
			dropCaches();
			runs.get(name).push(await measure(command, disk.path));
		}
	}
	if (values.half === "reading") return ways;
	const middles = new Map(ways.map(({ name }) => [name, medians(runs.get(name))]));
	const size = (name) => statSync(ways.find((way) => way.name === name).image).size;
	packingGoals(middles, size);
	const rows = ways.map(({ name, image }) => {
		const { wall, cpu, memory, disk: bytes, inodes } = middles.get(name);
		return [name, wall, cpu, bytes / 1e6, inodes, memory / 1e6, statSync(image).size / 1e6];
	});
	print(["pack", "wall s", "CPU s", "disk MB", "inodes", "memory MB", "image MB"], rows);
	return ways;
}

/** Those whose contestants took part. */
function packingGoals(middles, size) {
	const [theirs, balanced, smallest] = ["original", "balanced", "smallest"].map((name) => middles.get(name));
	if (theirs && balanced) {
		goal("balanced, packed and proved: of the original's wall time", balanced.wall / theirs.wall, 0.25, false);
		goal("balanced: peak inodes, with the list and the manifest", balanced.inodes, 3, false);
	}
	const confined = middles.get("balanced-256M");
	if (balanced && confined) {
		goal("balanced where there are 256 MB of memory: of its wall time", confined.wall / balanced.wall, 1.2, false);
	}
	if (theirs && smallest) {
		goal("smallest, packed and proved: of the original's wall time", smallest.wall / theirs.wall, 1, false);
		goal("smallest: of the original's image", size("smallest") / size("original"), 1, false);
	}
}

async function reading(tarball, images) {
	const plain = join(disk.path, "plain");
	mkdirSync(plain);
	sh('tar --delay-directory-restore -xf "$1" -C "$2" --strip-components=1', tarball, plain);
	const places = [{ name: "plain", path: plain }];
	// The other one of balanced is the same image.
	for (const { name, image } of images.filter((way) => way.name !== "balanced-256M")) {
		const path = join(disk.path, `mount-${name}`);
		mkdirSync(path);
		execFileSync("mount", ["-t", name === "erofs" ? "erofs" : "squashfs", "-o", "loop,ro", image, path]);
		mounted.push(path);
		places.push({ name, path });
	}
	// One path for all: make remembers it, and a build directory is of one source.
	const source = join(disk.path, "source");
	mkdirSync(source);
	const works = [...readWorks(plain, source), ...(values.small ? [] : makeWorks(source))];
	const runs = new Map(places.map(({ name }) => [name, works.map(() => [])]));
	for (let round = 0; round < rounds; round++) {
		for (const { name, path } of places) {
			execFileSync("mount", ["--bind", path, source]);
			mounted.push(source);
			for (const [i, { prepare, command, warm = false }] of works.entries()) {
				prepare?.();
				if (!warm) dropCaches();
				runs.get(name)[i].push(await measure(command, disk.path));
			}
			execFileSync("umount", [mounted.pop()]);
		}
	}
	const over = (a, b, i) => medians(runs.get(a)[i]).wall / medians(runs.get(b)[i]).wall;
	if (runs.has("original") && runs.has("balanced")) {
		goal("random files, through the original's image over balanced", over("original", "balanced", 2), 8, true);
	}
	if (!values.small && runs.has("balanced")) {
		goal("cold compile through balanced over the plain directory", over("balanced", "plain", 4), 1.05, false);
		goal("warm compile through balanced over the plain directory", over("balanced", "plain", 5), 1.05, false);
	}
	const rows = places.map(({ name }) => [name, ...runs.get(name).map((row) => medians(row).wall)]);
	print(["read, cold but for the last, wall s", ...works.map(({ name }) => name)], rows);
	if (values.small)
		console.log("\n--small: the tree is no whole kernel, so make olddefconfig and a compile are left out");
}

function readWorks(plain, source) {
	const list = join(scratch, "random-files");
	const found = execFileSync("find", [".", "-type", "f"], { cwd: plain, encoding: "utf8", maxBuffer: 1 << 28 });
	const files = shuffled(found.trimEnd().split("\n").sort()).slice(0, 2000);
	writeFileSync(list, files.map((name) => `${name}\n`).join(""));
	const inSource = (script) => ["sh", "-ec", `cd "$1"; ${script}`, "sh", source, list];
	return [
		{ name: "find", command: inSource("find . -type f >/dev/null") },
		{ name: "tar of all", command: inSource("tar -cf - . | cat >/dev/null") },
		{ name: `${files.length} random files`, command: inSource('xargs -d "\\n" cat <"$2" >/dev/null') },
	];
}

/** The same order each time (Numerical Recipes' generator), so that every place reads the same files. */
function shuffled(names) {
	let state = 1;
	for (let i = names.length - 1; i > 0; i--) {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		const j = Math.floor((state / 2 ** 32) * (i + 1));
		[names[i], names[j]] = [names[j], names[i]];
	}
	return names;
}

function makeWorks(source) {
	const build = join(disk.path, "build");
	const make = (...args) => ["make", "-s", "-C", source, `O=${build}`, ...args];
	const fresh = () => {
		rmSync(build, { recursive: true, force: true });
		mkdirSync(build);
		execFileSync(...split(make("defconfig")), quiet);
	};
	const prepared = () => execFileSync(...split(make("-j2", "prepare")), quiet);
	const slices = ["ipc/", "block/", "kernel/time/", "crypto/"];
	const cleaned = () => {
		for (const slice of slices) rmSync(join(build, slice), { recursive: true });
	};
	const compile = make("-j2", ...slices);
	return [
		{ name: "olddefconfig", prepare: fresh, command: make("olddefconfig") },
		{ name: "compile", prepare: prepared, command: compile },
		{ name: "compile, warm", prepare: cleaned, command: compile, warm: true },
	];
}

function goal(what, value, limit, atLeast) {
	const met = atLeast ? value >= limit : value <= limit;
	goals.push(
		`${met ? "met   " : "MISSED"} ${what}: ${value.toFixed(2)} (${atLeast ? "at least" : "at most"} ${limit})`,
	);
}

function split([file, ...args]) {
	return [file, args];
}

/** Figures, and below each row its ratio to the first one. */
function print(titles, rows) {
	const show = (value) => (typeof value === "string" ? value : value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0));
	const [first] = rows;
	const lines = rows.flatMap((row) => {
		const ratios = row.slice(1).map((value, i) => (first[i + 1] > 0 ? `x${(value / first[i + 1]).toFixed(2)}` : "-"));
		return row === first ? [row.map(show)] : [row.map(show), [`  of ${first[0]}`, ...ratios]];
	});
	const widths = titles.map((title, i) => Math.max(title.length, ...lines.map((line) => line[i].length)));
	const line = (cells) =>
		cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("  ");
	console.log(["", line(titles), ...lines.map(line)].join("\n"));
}
