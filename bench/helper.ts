/**
 * What it costs to start the helper and the CLI, against Node and against mount(8), in turn in one run. See bench/run.sh.
 *
 * Owns: what is measured, and the goals. Leaves to others: the peers' own code (peers.cpp).
 */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { Contest, columns, goal } from "./measure.ts";

const [peers = "", , helper = ""] = process.argv.slice(2);
const cli = join(process.cwd(), "dist/cli/ksquash.cjs");
if (!existsSync(cli)) throw new Error("build first: npm run build:ts");
const rounds = Number(process.env.KSQUASH_BENCH_ROUNDS ?? 20);

const contest = new Contest();
for (let round = 0; round < rounds; round++) {
	contest.add("ksquash-helper", ...(columns(peers, "run", "10", helper, "--version")[0] ?? []));
	contest.add("mount --version", ...(columns(peers, "run", "10", "mount", "--version")[0] ?? []));
	contest.add("node -e 0", ...(columns(peers, "run", "1", process.execPath, "-e", "0")[0] ?? []));
	contest.add("ksquash --version", ...(columns(peers, "run", "1", process.execPath, cli, "--version")[0] ?? []));
}
contest.print("start-up", "ksquash-helper");
const ours = contest.median("ksquash-helper");
goal("start-up: Node takes so many times ours", contest.median("node -e 0") / ours, 10, true);
goal("start-up: ours over mount's", ours / contest.median("mount --version"), 1, false);
const version = contest.median("ksquash --version") / contest.median("node -e 0");
goal("start-up: ksquash --version over node -e 0", version, 1.3, false);
