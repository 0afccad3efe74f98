// Runs test files and other checks three at a time, the longest first; scripts/test.sh calls it.
//   node scripts/lanes.mjs RESULTS JOB…      JOB: a part of npm test (test/parts.json), "files:BEGINNING,…", or "run:NAME"
// for npm run NAME.
// Each job has a mount namespace of its own with a tmpfs for its scratch roots (main: the disk, as a user has it), and a
// node of /dev/loop-control of its own: the lock of the loop devices is that inode's, so tests that hold it hinder only
// their own job. RESULTS gets vitest's reports; test/seconds.tsv says how long each file takes (npm test writes a new one
// with KSQUASH_SECONDS=FILE).
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, freemem } from "node:os";
import { basename, join, resolve } from "node:path";

const top = resolve(import.meta.dirname, "..");
const [results, ...wanted] = process.argv.slice(2);
// A third lane works while the two others wait for a disk, a timer or an emulated machine.
const LANES = Number(process.env.KSQUASH_LANES ?? availableParallelism() + 1);
/** A job of more test files than this many seconds is divided. */
const LONGEST = 90;
const onDisk = process.env.KSQUASH_TEST_DISK === "1" || freemem() < 6 * 2 ** 30;

/** What each part runs: the directories of its test files. */
const parts = JSON.parse(readFileSync(join(top, "test/parts.json"), "utf8"));

const tests = readdirSync(join(top, "test"), { recursive: true, encoding: "utf8" })
	.filter((name) => name.endsWith(".test.ts"))
	.map((name) => `test/${name}`);
const seconds = new Map(
	readFileSync(join(top, "test/seconds.tsv"), "utf8")
		.split("\n")
		.filter(Boolean)
		.map((line) => line.split("\t"))
		.map(([time, path]) => [path, Number(time)]),
);
const secondsOf = (path) => seconds.get(path) ?? 5;
const total = (paths) => paths.reduce((sum, path) => sum + secondsOf(path), 0);

/** An emulated machine takes minutes: one of them, which goes round by commit. A shallow clone has no count; its hash will do. */
function machineOfCommit() {
	const git = (...words) => spawnSync("git", words, { cwd: top, encoding: "utf8" }).stdout?.trim() ?? "";
	const shallow = git("rev-parse", "--is-shallow-repository");
	const number =
		shallow === "false"
			? Number(git("rev-list", "--count", "HEAD"))
			: shallow === "true"
				? Number.parseInt(git("rev-parse", "--short=7", "HEAD"), 16)
				: 0;
	const machines = filesOf("boot");
	return machines[number % machines.length];
}

function filesOf(part) {
	return tests.filter((path) => parts[part].some((start) => path.startsWith(start))).toSorted();
}

/** Files in as many groups as keep each below LONGEST, about equally long; each keeps the order of names. */
function divided(files) {
	const groups = Array.from({ length: Math.ceil(total(files) / LONGEST) || 1 }, () => []);
	for (const path of files.toSorted((a, b) => secondsOf(b) - secondsOf(a))) {
		groups.toSorted((a, b) => total(a) - total(b))[0].push(path);
	}
	return groups.filter((group) => group.length > 0).map((group) => group.toSorted());
}

function jobsOf(name) {
	if (name.startsWith("run:")) {
		const script = name.slice(4);
		return [{ part: script, label: script, command: ["npm", "run", "--silent", script], seconds: secondsOf(name) }];
	}
	if (name.startsWith("files:")) {
		const starts = name.slice(6).split(",");
		const files = tests.filter((path) => starts.some((start) => path.startsWith(start))).toSorted();
		return [{ part: "files", label: files.join(" "), files, seconds: total(files) }];
	}
	if (name === "boot-one") {
		const machine = machineOfCommit();
		const label = `boot: the machine of this commit is ${basename(machine, ".test.ts")} (all of them: npm run test:boot)`;
		return [{ part: "boot", label, files: [machine], seconds: secondsOf(machine) }];
	}
	if (parts[name] === undefined) {
		process.stderr.write(`parts: ${Object.keys(parts).join(" ")}\n`);
		process.exit(64);
	}
	const groups = divided(filesOf(name));
	return groups.map((files, i) => ({
		part: name,
		label: groups.length === 1 ? name : `${name} ${i + 1}/${groups.length}`,
		files,
		seconds: total(files),
	}));
}

/** What must be there before a part begins, and is nobody else's. Prebuilds are renamed into place: the same file system. */
const before = { package: "env -u TMPDIR node scripts/prebuilds.mjs x64 arm64" };

/** What a job's shell does in its namespace before the command. */
const PREPARE = `set -eu
mknod "$2/loop-control" c 10 237
mount --bind "$2/loop-control" /dev/loop-control
if [ "$1" != disk ]; then
	mkdir "$2/tmp"
	mount -t tmpfs -o mode=1777 none "$2/tmp"
	export TMPDIR="$2/tmp"
fi
before=$3
shift 3
$before
exec "$@"`;

const going = new Map();
let failed = false;

async function work(job, number) {
	const began = Date.now();
	// Others than root must get through, and tests know how long a path may be.
	const place = mkdtempSync("/run/kq-");
	spawnSync("chmod", ["755", place]);
	const report = ["--reporter=default", "--reporter=json", `--outputFile.json=${join(results, `${number}.json`)}`];
	const command = job.command ?? [process.execPath, "node_modules/vitest/vitest.mjs", "run", ...job.files, ...report];
	const kind = onDisk || job.part === "main" || job.command !== undefined ? "disk" : "tmpfs";
	const words = [
		"--mount",
		"--propagation",
		"private",
		"sh",
		"-c",
		PREPARE,
		"sh",
		kind,
		place,
		before[job.part] ?? ":",
		...command,
	];
	const { NODE_EXTRA_CA_CERTS: certificates, ...env } = process.env;
	// npm fetches the Nodes, through a proxy of this machine's where there is one.
	if (job.part === "package" && certificates !== undefined) env.NODE_EXTRA_CA_CERTS = certificates;
	const child = spawn("unshare", words, { cwd: top, stdio: ["ignore", "pipe", "pipe"], env, detached: true });
	going.set(child.pid, place);
	// What a job says is printed when it ends: two would write into each other's lines.
	const said = [];
	for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => said.push(data));
	const status = await new Promise((done) => {
		child.once("error", () => done(-1));
		child.once("close", done);
	});
	going.delete(child.pid);
	rmSync(place, { recursive: true, force: true });
	if (status !== 0) failed = true;
	job.took = (Date.now() - began) / 1000;
	process.stdout.write(`\n== ${job.label}\n`);
	process.stdout.write(Buffer.concat(said));
	process.stdout.write(`== ${job.label}: ${Math.round(job.took)} s${status === 0 ? "" : `, failed (${status})`}\n`);
}

for (const signal of ["SIGINT", "SIGTERM"]) {
	process.on(signal, () => {
		for (const [pid, place] of going) {
			spawnSync("kill", ["-TERM", "--", `-${pid}`]);
			rmSync(place, { recursive: true, force: true });
		}
		process.exit(130);
	});
}

const began = Date.now();
const jobs = wanted.flatMap(jobsOf).toSorted((a, b) => b.seconds - a.seconds);
const queue = [...jobs.entries()];
process.stdout.write(`== ${jobs.length} jobs, ${LANES} at a time, scratch roots on ${onDisk ? "the disk" : "tmpfs"}\n`);
await Promise.all(
	Array.from({ length: LANES }, async () => {
		for (let next = queue.shift(); next !== undefined; next = queue.shift()) await work(next[1], next[0]);
	}),
);

const minutes = (time) => `${(time / 60).toFixed(1)} min`;
process.stdout.write("\nthe time of each part, added up:\n");
for (const part of new Set(jobs.map((job) => job.part))) {
	const own = jobs.filter((job) => job.part === part);
	const sum = own.reduce((all, job) => all + job.took, 0);
	process.stdout.write(`${minutes(sum).padStart(10)}  ${part}${own.length > 1 ? ` (${own.length} jobs)` : ""}\n`);
}
process.stdout.write(`${minutes((Date.now() - began) / 1000).padStart(10)}  all of it, ${LANES} at a time\n`);
process.exitCode = failed ? 1 : 0;
