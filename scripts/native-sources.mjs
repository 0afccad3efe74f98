// The one list of native sources: binding.gyp, CMakeLists.txt, build-helper.mjs and the house's test take theirs from it.
//   node scripts/native-sources.mjs TARGET      its sources, one a line, relative to the project's root
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");

/** The rooms of native/core, each with those that it may include: only ones that stand before it. */
export const rooms = {
	base: [],
	image: ["base"],
	table: ["base"],
	tree: ["base", "table"],
	loop: ["base", "image", "table"],
	mount: ["base", "image", "table", "tree", "loop"],
	compare: ["base", "tree", "mount"],
	watch: ["base", "table"],
};

const helperReaders = ["policy", "values"].map((name) => `native/helper/${name}.cpp`);

const targets = {
	core: () => ofRooms(Object.keys(rooms)),
	/** What the helper needs of the core: it mounts. */
	helper_core: () => ofRooms([...rooms.mount, "mount"]),
	addon: () => all("native/addon"),
	helper: () => all("native/helper"),
	// For tests and benchmarks only: what is not in the package.
	drive: () => testing("drive", "races"),
	mutants: () => testing("mutants"),
	deny: () => testing("deny"),
	confined: () => [...testing("confined"), "native/helper/seccomp.cpp"],
	core_test: () => all("native/test"),
	fuzz_mountinfo: () => ["native/fuzz/mountinfo.cpp", "native/addon/mount_json.cpp"],
	fuzz_escapes: () => ["native/fuzz/escapes.cpp"],
	fuzz_superblock: () => ["native/fuzz/superblock.cpp"],
	// The helper's readers, without the helper.
	fuzz_policy: () => ["native/fuzz/policy.cpp", ...helperReaders],
	fuzz_arguments: () => ["native/fuzz/arguments.cpp", ...helperReaders, "native/helper/arguments.cpp"],
};

function all(directory) {
	const names = readdirSync(join(root, directory)).filter((name) => name.endsWith(".cpp"));
	return names.toSorted().map((name) => `${directory}/${name}`);
}

function ofRooms(names) {
	return names.flatMap((room) => all(`native/core/${room}`));
}

function testing(...names) {
	return names.map((name) => `native/testing/${name}.cpp`);
}

export function nativeSources(target) {
	const sources = targets[target]?.();
	if (sources === undefined) throw new Error(`no target ${target}: ${Object.keys(targets).join(" ")}`);
	return sources;
}

if (import.meta.main ?? process.argv[1] === import.meta.filename) {
	console.log(nativeSources(process.argv[2]).join("\n"));
}
