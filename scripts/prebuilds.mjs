// Makes prebuilds/linux-ARCH/ for the npm package: the add-on by prebuildify, and the static helper beside it.
//   node scripts/prebuilds.mjs [x64] [arm64]      this machine's by default; another by Debian's cross compiler
// In a copy of the sources, since prebuildify empties build/ first.
import { spawnSync } from "node:child_process";
import {
	chmodSync,
	copyFileSync,
	cpSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	rmSync,
	symlinkSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const triplets = { x64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" };
const wanted = process.argv.length > 2 ? process.argv.slice(2) : [process.arch];

function run(file, args, options) {
	const { status, error } = spawnSync(file, args, { stdio: "inherit", ...options });
	if (error !== undefined || status !== 0) throw error ?? new Error(`${file} ${args.join(" ")}: status ${status}`);
}

/** The compilers of another architecture by name; those of this one as they are. */
function tools(arch) {
	if (arch === process.arch) return {};
	const prefix = triplets[arch];
	if (prefix === undefined) throw new Error(`no cross compiler is known for ${arch}`);
	return { CC: `${prefix}-gcc`, CXX: `${prefix}-g++`, AR: `${prefix}-ar`, STRIP: `${prefix}-strip` };
}

/** Node-API's headers are the same for all: the running node's, so that nothing is downloaded. */
function headers() {
	const prefix = dirname(dirname(process.execPath));
	return existsSync(join(prefix, "include/node/node_api.h")) ? { npm_config_nodedir: prefix } : {};
}

const copy = mkdtempSync(join(tmpdir(), "ksquash-prebuilds-"));
try {
	for (const name of ["binding.gyp", "native", "package.json", "scripts/native-sources.mjs"])
		cpSync(join(root, name), join(copy, name), { recursive: true });
	symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
	for (const arch of wanted) {
		// JOBS is node-gyp's.
		const env = { ...process.env, JOBS: "max", ...headers(), ...tools(arch) };
		const directory = join(root, "prebuilds", `linux-${arch}`);
		rmSync(directory, { recursive: true, force: true });
		mkdirSync(directory, { recursive: true });
		const prebuildify = createRequire(import.meta.url).resolve("prebuildify/bin.js");
		const how = ["--napi", "--quiet", "--name", "ksquash", "--target", process.versions.node];
		run(process.execPath, [prebuildify, ...how, "--arch", arch, "--cwd", copy, "--out", root], { env });
		// prebuildify's own --strip knows no cross tools.
		run(env.STRIP ?? "strip", ["--strip-unneeded", ...readdirSync(directory).map((name) => join(directory, name))], {});
		run("sh", [join(root, "scripts/musl.sh"), arch], {});
		run(process.execPath, [join(root, "scripts/build-helper.mjs"), "--arch", arch], { env });
		const helper = join(root, "build/helper", arch === process.arch ? "" : arch, "ksquash-helper");
		copyFileSync(helper, join(directory, "ksquash-helper"));
		chmodSync(join(directory, "ksquash-helper"), 0o755);
	}
} finally {
	rmSync(copy, { recursive: true });
}
