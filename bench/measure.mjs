// Runs a command and measures it: wall and processor time of it and all its children, and, ten times a second, the
// memory of its processes and what the disk holds. The disk is a file system of its own, so that nobody else counts.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** An ext4 of this many GiB in a sparse file, mounted; `close` takes both away. */
export function makeDisk(directory, gib) {
	const [file, path] = [join(directory, "disk"), join(directory, "work")];
	mkdirSync(path);
	execFileSync("truncate", ["-s", `${gib}G`, file]);
	execFileSync("mkfs.ext4", ["-q", "-m0", "-i", "8192", file]);
	execFileSync("mount", ["-o", "loop", file, path]);
	return { path, close: () => execFileSync("umount", [path]) };
}

/** A memory cgroup of this many bytes, of either version; what it caches of files counts. `enter` stands before a command. */
export function memoryGroup(bytes) {
	const v1 = existsSync("/sys/fs/cgroup/memory/memory.limit_in_bytes");
	const path = `/sys/fs/cgroup/${v1 ? "memory/" : ""}ksquash-bench-${process.pid}`;
	mkdirSync(path);
	writeFileSync(join(path, v1 ? "memory.limit_in_bytes" : "memory.max"), String(bytes));
	const enter = ["sh", "-ec", 'echo $$ >"$0/cgroup.procs"; exec "$@"', path];
	return { enter, close: () => rmdirSync(path) };
}

export function dropCaches() {
	execFileSync("sync");
	writeFileSync("/proc/sys/vm/drop_caches", "3\n");
}

function used(path) {
	const { blocks, bfree, bsize, files, ffree } = statfsSync(path);
	return { bytes: (blocks - bfree) * bsize, inodes: files - ffree };
}

/** Bytes of memory that the processes below `root` have for themselves. */
function memory(root) {
	const processes = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
	const parents = new Map();
	const sizes = new Map();
	for (const pid of processes) {
		try {
			const status = readFileSync(`/proc/${pid}/status`, "latin1");
			parents.set(Number(pid), Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]));
			sizes.set(Number(pid), Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024);
		} catch {
			// It has ended.
		}
	}
	const below = (pid) => pid === root || (parents.has(pid) && below(parents.get(pid)));
	return [...sizes].filter(([pid]) => below(pid)).reduce((sum, [, size]) => sum + size, 0);
}

/** Seconds, and peaks above what there was before. Throws when the command fails. */
export async function measure(command, disk) {
	const before = used(disk);
	const peak = { memory: 0, disk: 0, inodes: 0 };
	const child = spawn("bash", ["-c", 'TIMEFORMAT="TIMES %R %U %S"; time "$@"', "bash", ...command], {
		stdio: ["ignore", "ignore", "pipe"],
	});
	let said = "";
	child.stderr.setEncoding("utf8").on("data", (text) => {
		said += text;
	});
	const sample = () => {
		const now = used(disk);
		peak.disk = Math.max(peak.disk, now.bytes - before.bytes);
		peak.inodes = Math.max(peak.inodes, now.inodes - before.inodes);
		peak.memory = Math.max(peak.memory, memory(child.pid));
	};
	const timer = setInterval(sample, 100);
	const status = await new Promise((resolve, reject) => child.once("error", reject).once("close", resolve));
	clearInterval(timer);
	sample();
	const times = /TIMES ([\d.]+) ([\d.]+) ([\d.]+)/.exec(said)?.slice(1).map(Number);
	if (status !== 0 || times === undefined) throw new Error(`${command.join(" ")}: status ${status}\n${said}`);
	const [wall = 0, user = 0, system = 0] = times;
	return { wall, cpu: user + system, ...peak };
}

/** The middle one of each field. */
export function medians(runs) {
	const middle = (values) => values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
	return Object.fromEntries(Object.keys(runs[0]).map((key) => [key, middle(runs.map((run) => run[key]))]));
}
