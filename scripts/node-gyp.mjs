// Builds the add-on with node-gyp, without a download: the headers of the running node are used where it has them.
// An incremental build; `--clean` starts anew.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const prefix = dirname(dirname(process.execPath));
const nodeGyp = createRequire(import.meta.url).resolve("node-gyp/bin/node-gyp.js");
const headers = existsSync(join(prefix, "include/node/node_api.h")) ? [`--nodedir=${prefix}`] : [];
const steps = process.argv.includes("--clean") ? ["rebuild"] : ["configure", "build"];

for (const step of steps) {
	const args = [nodeGyp, step, "--loglevel=warn", "--jobs=max", ...headers];
	const { status, error } = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
	if (error !== undefined || status !== 0) {
		console.error(`node-gyp ${step} failed${error === undefined ? "" : `: ${error.message}`}`);
		process.exit(1);
	}
}
