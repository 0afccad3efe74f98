// Builds build/helper/ksquash-helper: the static executable, from native/helper and what it uses of native/core,
// which is linked from an archive: scripts/native-sources.mjs lists both.
// With musl where that is (musl-dev, or scripts/musl.sh), else with static glibc, or where --glibc says so: three times
// as large. An incremental build; CMakeLists.txt makes one with glibc and libstdc++. --check-by-name makes the variant that
// the test of the swap race must catch: what it checks is not what it mounts. --sanitize makes one under ASan and UBSan,
// which is not static.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { findMusl } from "./musl.mjs";
import { nativeSources } from "./native-sources.mjs";

const root = resolve(import.meta.dirname, "..");
const variant = process.argv.includes("--check-by-name") ? "KSQUASH_TEST_CHECK_BY_NAME" : undefined;
const sanitize = process.argv.includes("--sanitize");
const given = process.argv.indexOf("--arch");
const other = given === -1 || process.argv[given + 1] === process.arch ? "" : process.argv[given + 1];
const compiler = process.env.CXX ?? "g++";
const archiver = process.env.AR ?? "ar";
const place = join(root, "build/helper", other);
const arch = other === "" ? process.arch : other;
const musl =
	sanitize || process.argv.includes("--glibc") ? undefined : findMusl(root, compiler, arch, join(place, "musl"));
const program = sanitize ? "sanitized" : variant === undefined ? "ksquash-helper" : "check-by-name";
const output = join(place, process.argv.includes("--glibc") ? `${program}-glibc` : program);
const objects = join(place, sanitize ? "objects-sanitized" : musl === undefined ? "objects-glibc" : "objects");
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

const core = nativeSources("helper_core");
const own = [
	...nativeSources("helper"),
	sanitize ? "native/testing/sanitized.cpp" : "native/helper/standalone/runtime.cpp",
];
const headers = ["native/core", "native/helper"].flatMap((directory) =>
	readdirSync(join(root, directory), { recursive: true }).map((name) => `${directory}/${name}`),
);
const newestHeader = Math.max(
	...[
		...headers.filter((path) => path.endsWith(".h")),
		"package.json",
		"scripts/build-helper.mjs",
		"scripts/musl.mjs",
	].map((path) => statSync(join(root, path)).mtimeMs),
);

// The check of vptr opens a pipe, for which the tests with few descriptors leave no room, and needs the types' names.
const sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize=vptr", "-fno-sanitize-recover=undefined"];
const flags = [
	...["-std=c++20", "-Os", "-fno-exceptions", "-fno-rtti", "-ffunction-sections", "-fdata-sections"],
	...["-fstack-protector-strong", "-fPIE", "-D_GLIBCXX_ASSERTIONS", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64"],
	// The sanitizers do not see through the checked variants of the C library's functions.
	// Templates are made here, not taken from libstdc++, which would bring all of its exceptions' support.
	...(sanitize
		? [...sanitizers, "-g", "-DKSQUASH_SANITIZED"]
		: ["-D_FORTIFY_SOURCE=2", "-D_GLIBCXX_EXTERN_TEMPLATE=0", "-fno-asynchronous-unwind-tables"]),
	...(musl?.flags ?? []),
	...["-Wall", "-Wextra", "-Wconversion", "-Wno-restrict", `-DKSQUASH_VERSION="${version}"`],
];

/** A source that knows the variant's macro has an object of its own for it. */
function plan(source) {
	const concerned = variant !== undefined && readFileSync(join(root, source), "utf8").includes(variant);
	const name = source.slice("native/".length).replaceAll("/", "-");
	const object = join(objects, `${name}${concerned ? ".variant" : ""}.o`);
	return { source, object, defines: concerned ? [`-D${variant}`] : [] };
}

function isStale({ source, object }) {
	if (!existsSync(object)) return true;
	const made = statSync(object).mtimeMs;
	return made < newestHeader || made < statSync(join(root, source)).mtimeMs;
}

function compile({ source, object, defines }) {
	return new Promise((done, fail) => {
		const args = [...flags, ...defines, "-c", join(root, source), "-o", object];
		const child = spawn(compiler, args, { stdio: "inherit" });
		child.once("error", fail);
		child.once("close", (status) => (status === 0 ? done() : fail(new Error(`${source}: status ${status}`))));
	});
}

function run(file, args) {
	const { status, error } = spawnSync(file, args, { stdio: "inherit" });
	if (error !== undefined || status !== 0) throw error ?? new Error(`${file} ${args.join(" ")}: status ${status}`);
}

/** An archive, of which the linker takes only the objects that something needs. */
function archive() {
	const path = join(objects, "core.a");
	rmSync(path, { force: true });
	run(archiver, ["rcs", path, ...core.map((source) => plan(source).object)]);
	return path;
}

function linkArguments() {
	const all = [...own.map((source) => plan(source).object), archive()];
	if (sanitize) return [...sanitizers, ...all];
	const whole = ["-static-pie", "-s", "-Wl,--gc-sections,--build-id=none,-z,relro,-z,now,-z,noexecstack"];
	return [...whole, ...(musl?.link(all) ?? [...all, "-nodefaultlibs", "-lc", "-lgcc", "-lgcc_eh", "-lc"])];
}

const units = [...core, ...own].map(plan);
const stale = units.filter(isStale);
if (
	stale.length > 0 ||
	!existsSync(output) ||
	units.some(({ object }) => statSync(object).mtimeMs > statSync(output).mtimeMs)
) {
	mkdirSync(objects, { recursive: true });
	const worker = async () => {
		for (let unit = stale.pop(); unit !== undefined; unit = stale.pop()) await compile(unit);
	};
	await Promise.all(Array.from({ length: availableParallelism() }, worker));
	run(compiler, [...linkArguments(), "-o", output]);
}
