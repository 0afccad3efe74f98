/**
 * Says what happens to one mount point, until it is interrupted: an image mounted, replaced under its mount, hidden by
 * another mount, unmounted; and who keeps it busy.
 *
 *     node examples/mount-monitor.mjs /usr/src/linux-6.1.sqfs /usr/src/linux-6.1
 */

import { holders, statTarget, watchMounts } from "ksquash/native";

const [image = "", target = ""] = process.argv.slice(2);
const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"]) process.once(name, () => stop.abort());

async function report() {
	const { state, device = "no device", deleted = false } = await statTarget(target, image);
	console.log(`${target}: ${state}, ${device}${deleted ? ", its image was deleted" : ""}`);
	const users = state === "mounted" ? await holders(target) : [];
	for (const { pid, comm, how } of users) console.log(`  used by ${comm} (${pid}): ${how.join(", ")}`);
}

const changes = await watchMounts({ signal: stop.signal });
await report();
try {
	for await (const _change of changes) await report();
} catch (error) {
	if (!stop.signal.aborted) throw error;
}
console.log("done");
