/**
 * A worker of a build farm: thirty kernels on one disk, each of them an image, and a build directory for each job.
 *
 *     node examples/build-farm-worker.mts ROOT RELEASE JOB TARGET...
 *
 * Mounts the release (other workers may have it mounted already), makes a build directory of the job's own from the
 * tree's defconfig, builds the targets, and takes away what it brought: the build directory, and the mount if it was ours.
 * Needs Node 24 for `await using`, or a compiler; build-farm-worker.mjs is the same for Node 20.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { configure, KsquashError, mount } from "ksquash";

const [root = "/", release = "", job = "", ...targets] = process.argv.slice(2);
// One signal for all of it: a job that takes too long, and a farm that shuts down.
const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"]) process.once(name, () => stop.abort(new Error(`stopped by ${name}`)));
const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(3_600_000)]);

try {
	await using tree = await mount(release, { root, signal });
	console.log(`${tree.release}: ${tree.already ? "was mounted" : "mounted"} on ${tree.target}`);
	const { buildDir } = await configure(release, { root, signal, variant: job, base: "defconfig" });
	// Things are disposed of in reverse: the build directory goes before the mount.
	await using _build = { [Symbol.asyncDispose]: () => rm(buildDir, { recursive: true }) };
	const make = spawn("make", ["-C", buildDir, "-j2", ...targets], { signal, stdio: ["ignore", "inherit", "inherit"] });
	const [status] = await once(make, "close");
	if (status !== 0) process.exitCode = 1;
	console.log(`${job}: make ended with ${status}`);
} catch (error) {
	if (!(error instanceof KsquashError)) throw error;
	// The code is stable: a worker can wait and try again when somebody holds the lock, and give up on all else.
	console.error(`${error.code}: ${error.message}\n  ${error.hint}`);
	process.exitCode = error.code === "ERR_KSQUASH_LOCKED" ? 75 : error.exitStatus;
}
