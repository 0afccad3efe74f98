// Fragments are merged into a kernel config: `ksquash config merge` and `configure` beside the kernel's merge_config.sh,
// and a base that is older than its kernel beside `make oldconfig`.
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { some } from "./contest.mjs";

const plainBase = 'CONFIG_A=y\nCONFIG_B=m\nCONFIG_C=m\nCONFIG_CMDLINE="quiet"\nCONFIG_D=15\n';

/** What conf would read: the last line of a symbol counts, and a carriage return before the end does not. */
function settings(path) {
	const found = new Map();
	const lines = existsSync(path) ? readFileSync(path, "latin1").split("\n") : [];
	for (const line of lines.map((row) => row.replace(/\r$/, ""))) {
		const [, set, value, unset] = /^CONFIG_(\w+)=(.*)$|^# CONFIG_(\w+) is not set/.exec(line) ?? [];
		if (set !== undefined) found.set(set, value);
		else if (unset !== undefined) found.set(unset, "n");
	}
	return found;
}

/** What is only quoted of a file says nothing of what becomes of it. */
function reported(symbol, said) {
	const own = said.split("\n").filter((line) => !/^(?:Previous|New|Requested|Actual) +value:/.test(line));
	return new RegExp(`\\b(?:CONFIG_)?${symbol}\\b`).test(own.join("\n"));
}

/** Symbols that have not the value that was asked for, and of which no word was said. */
function wanted(values, file) {
	return (place, _, { said, status }) => {
		if (status !== 0) return {};
		const found = settings(place.path(file));
		const other = Object.entries(values).filter(([symbol, value]) => (found.get(symbol) ?? "n") !== value);
		const unsaid = other.filter(([symbol]) => !reported(symbol, said));
		const list = unsaid.map(([symbol, value]) => `${symbol}=${value}: it is ${found.get(symbol) ?? "not there"}`);
		return { lost: list.length > 0 ? [some(list)] : [] };
	};
}

/** Only merging, files to file; the base is named "base", all others are fragments. */
function merge(fault, { base = plainBase, ...fragments }, values, { theirs = [], ours = [], ...row } = {}) {
	const names = Object.keys(fragments);
	const write = (place) => {
		const cwd = place.path("cwd");
		for (const directory of [cwd, place.path("out")]) mkdirSync(directory);
		const texts = Object.entries({ base, ...fragments }).filter(([, text]) => text !== absent);
		for (const [name, text] of texts) writeFileSync(join(cwd, name), text);
	};
	return {
		fault,
		prepare: write,
		they: (place, _, { linux }) => ({
			command: ["sh", join(linux, script), "-m", ...theirs, "-O", place.path("out"), "base", ...names],
			cwd: place.path("cwd"),
		}),
		we: (place, _, { ksquash }) => ({
			command: [...ksquash, "config", "merge", ...ours, "base", ...names, "-o", place.path("out/.config")],
			cwd: place.path("cwd"),
		}),
		makes: [/^out\/\.config$/],
		look: wanted(values, "out/.config"),
		cause: remark,
		...row,
	};
}

/** The line that is shown of a run that ends well. */
const remark = /\blost\b|twice|duplicate|redefined|not in final|range|depend|invalid|is (?:absent|n|not set):/i;

const script = "scripts/kconfig/merge_config.sh";
/** A file that is named and not there. */
const absent = Symbol("absent");
const manyLines = Array.from({ length: 4000 }, (_, i) => `CONFIG_S${i}=y\n`).join("");

/** As soon as it has begun; who is done by then is not met. */
async function interrupt(child, names) {
	await sleep(300);
	if (names().length > 0) child.kill("SIGTERM");
}

const interrupted = merge("SIGTERM while it merges", { f: manyLines }, {}, { cause: undefined });

const merges = [
	merge(
		"the base is not there",
		{ base: absent, f: "CONFIG_B=y\n" },
		{},
		{
			look: (_, __, { status }) => ({ silent: status === 0 ? ["a config without a base"] : [] }),
			cause: /base.*(?:exist|ENOENT|no such)/i,
		},
	),
	merge("a fragment is not there", { f: absent }, {}, { cause: /\bf\b.*(?:exist|ENOENT|no such)/i }),
	merge("no newline at the base's end", { base: plainBase.trimEnd(), f: "CONFIG_E=y\n" }, { D: "15", E: "y" }),
	merge("CRLF in the fragment", { f: "CONFIG_A=m\r\n# CONFIG_B is not set\r\n" }, { A: "m", B: "n", C: "m" }),
	merge("a byte order mark before the fragment's first line", { f: "\uFEFFCONFIG_B=y\n" }, { B: "y" }),
	merge("blanks in the fragment's line: CONFIG_B = y", { f: "CONFIG_B = y\n" }, { B: "y" }),
	merge(
		"another symbol's text mentions the one that is set",
		{ base: `${plainBase}CONFIG_TEXT="see CONFIG_B = 1"\n`, f: "CONFIG_B=y\n" },
		{ B: "y", TEXT: '"see CONFIG_B = 1"' },
	),
	merge(
		"the fragment sets a symbol twice",
		{ f: "CONFIG_E=y\nCONFIG_E=m\n" },
		{},
		{
			look: (_, __, { said }) => ({ silent: reported("E", said) ? [] : ["no word of the first one"] }),
		},
	),
	merge(
		"a y is to stay (-y), and the fragment says m twice",
		{ f: "CONFIG_A=m\nCONFIG_A=m\n" },
		{},
		{
			theirs: ["-y"],
			ours: ["--keep-builtin"],
			look: (place) => {
				const value = settings(place.path("out/.config")).get("A");
				return { lost: value === "y" ? [] : [`A=y: it is ${value}`] };
			},
		},
	),
	merge("a blank in the fragment's name", { "my f": "CONFIG_E=y\n" }, { E: "y" }, { cause: undefined }),
	{
		...interrupted,
		they: (...all) => ({ ...interrupted.they(...all), during: interrupt }),
		we: (...all) => ({ ...interrupted.we(...all), during: interrupt }),
	},
];

/** A release of Linux itself, mounted; both begin with the same base, and the kernel's own conf ends it. */
function placeLinux(base, fragment) {
	return (place, { packedLinux, ksquash }) => {
		for (const file of readdirSync(packedLinux)) copyFileSync(join(packedLinux, file), join(place.src, file));
		const release = readdirSync(packedLinux)[0].replace(/^linux-|\.sqfs.*$/g, "");
		execFileSync(ksquash[0], [...ksquash.slice(1), "mount", release, "--root", place.root], { stdio: "ignore" });
		const files = { base: place.path("given/base"), fragment: place.path("given/fragment") };
		writeFileSync(files.base, base);
		writeFileSync(files.fragment, fragment);
		return { ...files, release, build: join(place.src, "build-their") };
	};
}

const linuxBase = "CONFIG_64BIT=y\nCONFIG_SMP=y\n";

function finished(fault, fragment, values) {
	return {
		fault,
		conf: true,
		prepare: placeLinux(linuxBase, fragment),
		they: (_, { base, fragment: file, build }, { linux }) => {
			mkdirSync(build);
			return { command: ["sh", script, "-O", build, base, file], cwd: linux };
		},
		we: ({ root }, { base, fragment: file, release }, { ksquash }) => ({
			command: [...ksquash, "configure", release, "--root", root, "--base", base, "--fragment", file],
		}),
		makes: builds,
		cause: remark,
		look: (place, given, outcome, side) => {
			const directory = side === "they" ? "build-their" : `build-${given.release}`;
			return wanted(values, `usr/src/${directory}/.config`)(place, given, outcome);
		},
	};
}

const builds = [/^usr\/src\/build-[^/]*$/];

const linux = [
	finished("conf drops a value: its dependency is missing", "CONFIG_SQUASHFS_ZSTD=y\n", { SQUASHFS_ZSTD: "y" }),
	finished("conf changes a value: it is out of range", "CONFIG_NR_CPUS=1\n", { NR_CPUS: "1" }),
	finished("conf drops a value: Y is no y", "CONFIG_BLK_DEV_LOOP=Y\n", { BLK_DEV_LOOP: "y" }),
	finished("conf drops a value: a remark behind a number", "CONFIG_LOG_BUF_SHIFT=20 # large\n", {
		LOG_BUF_SHIFT: "20",
	}),
	{
		...finished("the base is older than the kernel, and stdin a silent pipe", "", {}),
		limit: 20_000,
		cause: undefined,
		they: (_, { base, build }, { linux: source }) => {
			mkdirSync(build);
			copyFileSync(base, join(build, ".config"));
			return { command: ["make", "-s", `O=${build}`, "oldconfig"], cwd: source, stdin: "pipe" };
		},
		we: ({ root }, { base, release }, { ksquash }) => ({
			command: [...ksquash, "configure", release, "--root", root, "--base", base],
			stdin: "pipe",
		}),
	},
];

export const configs = {
	title: "Fragments are merged into a kernel config",
	they: "`merge_config.sh` of Linux 6.1; `make oldconfig`, as hook scripts run it, where stdin is named",
	we: "`ksquash config merge`, and `configure` where conf is named",
	rows: [...merges, ...linux],
};
