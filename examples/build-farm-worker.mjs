/**
 * build-farm-worker.mts for Node 20, whose JavaScript has no `await using`: try and finally say the same.
 *
 *     node examples/build-farm-worker.mjs ROOT RELEASE JOB TARGET...
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { configure, KsquashError, mount } from "ksquash";

const [root = "/", release = "", job = "", ...targets] = process.argv.slice(2);
const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"]) process.once(name, () => stop.abort(new Error(`stopped by ${name}`)));
const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(3_600_000)]);

try {
	const tree = await mount(release, { root, signal });
	try {
		console.log(`${tree.release}: ${tree.already ? "was mounted" : "mounted"} on ${tree.target}`);
		const { buildDir } = await configure(release, { root, signal, variant: job, base: "defconfig" });
		try {
			const make = spawn("make", ["-C", buildDir, "-j2", ...targets], {
				signal,
				stdio: ["ignore", "inherit", "inherit"],
			});
			const [status] = await once(make, "close");
			if (status !== 0) process.exitCode = 1;
			console.log(`${job}: make ended with ${status}`);
		} finally {
			await rm(buildDir, { recursive: true });
		}
	} finally {
		await tree[Symbol.asyncDispose]();
	}
} catch (error) {
	if (!(error instanceof KsquashError)) throw error;
	console.error(`${error.code}: ${error.message}\n  ${error.hint}`);
	process.exitCode = error.code === "ERR_KSQUASH_LOCKED" ? 75 : error.exitStatus;
}
