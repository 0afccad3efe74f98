/** An ext4 on the disk of disk.cpp, what replay.cpp says of its cut points, and what must hold at each. */

import { type ChildProcess, execFile, execFileSync, spawn, spawnSync } from "node:child_process";
import { closeSync, copyFileSync, existsSync, fsyncSync, mkdirSync, openSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";
import { cached } from "../../support/cache.ts";
import { mountsBelow, type Scratch } from "../../support/scratch.ts";

/** The path of disk or replay, compiled once. */
export function program(name: "disk" | "replay"): string {
	const source = join(import.meta.dirname, `${name}.cpp`);
	const headers = ["record.h", "points.h", "machine.h"].map(
		(file) => statSync(join(import.meta.dirname, file)).mtimeMs,
	);
	const directory = cached(`powercut-${name}-${Math.trunc(Math.max(...headers))}`, source, (to) => {
		const fuse = name === "disk" ? ["-I/usr/include/fuse3", "-lfuse3"] : [];
		const flags = ["-std=c++20", "-O2", "-Wall", "-Wextra", "-Werror", "-D_FILE_OFFSET_BITS=64"];
		execFileSync("c++", [...flags, "-o", join(to, name), source, ...fuse], { stdio: "pipe" });
	});
	return join(directory, name);
}

export interface Disk {
	/** Where the ext4 is mounted. */
	root: string;
	/** The bytes before the log began. */
	base: string;
	log: string;
	/** "write 100", "fsync 1", "off": see disk.cpp. */
	control(command: string): void;
	/** Unmounts all of it and ends the program. */
	end(): Promise<void>;
}

/** `fill` puts onto the disk what is there, safely, before the log begins. */
export async function makeDisk(
	scratch: Scratch,
	mib: number,
	fill: (root: string) => void | Promise<void>,
): Promise<Disk> {
	const [image, base, log] = [scratch.path("image"), scratch.path("base"), scratch.path("log")];
	const [fuse, root] = [scratch.path("fuse"), scratch.path("disk")];
	for (const path of [fuse, root]) mkdirSync(path, { recursive: true });
	execFileSync("truncate", ["-s", `${mib}M`, image]);
	// A small journal is written again and again, and every inode is initialized now, not in the background.
	const features = ["-O", "^metadata_csum_seed", "-E", "lazy_itable_init=0,lazy_journal_init=0", "-J", "size=4"];
	execFileSync("mkfs.ext4", ["-q", "-b", "4096", ...features, image], { stdio: "pipe" });
	execFileSync("mount", ["-o", "loop", image, root]);
	await fill(root);
	execFileSync("umount", [root]);
	copyFileSync(image, base);
	const child = spawn(program("disk"), [image, log, fuse], { stdio: ["ignore", "ignore", "inherit"] });
	const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
	onTestFinished(async () => await endDisk(scratch, child, ended));
	for (let i = 0; !existsSync(join(fuse, "disk")); i++) {
		if (i === 500) throw new Error("the disk's program does not answer");
		await sleep(10);
	}
	// Nothing is written but what is asked for, in whatever order: what ext4 does by itself hides a missing fsync.
	execFileSync("mount", ["-o", "loop,data=writeback,noauto_da_alloc", join(fuse, "disk"), root]);
	return {
		...{ root, base, log },
		control: (command) => writeFileSync(join(fuse, "control"), command),
		end: async () => await endDisk(scratch, child, ended),
	};
}

async function endDisk(scratch: Scratch, child: ChildProcess, ended: Promise<void>): Promise<void> {
	// The last one first: an image, the ext4, the FUSE mount; a loop device goes with its last user, but not at once.
	for (const target of mountsBelow(scratch.root)) {
		for (let i = 0; spawnSync("umount", [target]).status !== 0; i++) {
			if (i === 100) throw new Error(`${target} cannot be unmounted`);
			await sleep(50);
		}
	}
	if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
	await ended;
}

/**
 * Somebody else's fsync on the same file system commits its journal: what was renamed or removed before reaches the disk.
 * The last one comes when the work is done, so that there is one behind its last step also where 15 ms are too long.
 */
export async function withNeighbour<T>(root: string, work: () => Promise<T>): Promise<T> {
	let going = true;
	const commit = (): void => {
		const file = openSync(join(root, "neighbour"), "w");
		writeFileSync(file, "anything");
		fsyncSync(file);
		closeSync(file);
	};
	const neighbour = (async () => {
		while (going) {
			commit();
			await sleep(15);
		}
	})();
	try {
		return await work();
	} finally {
		going = false;
		await neighbour;
		commit();
	}
}

/** path → "MODE SIZE MTIME CONTENT" of everything that is visible. */
export type State = ReadonlyMap<string, string>;

export interface Point {
	index: number;
	label: string;
	state: State;
}

const shards = 4;

/** Every cut point of a log, with what is visible after ext4 has replayed its journal; in their order. */
export async function cutPoints({ base, log }: Disk, count: number, seed: number): Promise<Point[]> {
	const run = promisify(execFile);
	const looking = Array.from({ length: shards }, async (_, shard) => {
		const args = [base, log, `${count}`, `${seed}`, "look", `${shard}`, `${shards}`];
		return pointsOf((await run(program("replay"), args, { maxBuffer: 1 << 30 })).stdout);
	});
	return (await Promise.all(looking)).flat().toSorted((a, b) => a.index - b.index);
}

function pointsOf(text: string): Point[] {
	const [points, states]: [Point[], State[]] = [[], []];
	for (const block of text.split(/^(?=state |point )/m)) {
		const lines = block.split("\n").filter(Boolean);
		const [kind, index = "", state = "", ...label] = (lines[0] ?? "").split(" ");
		if (kind === "state") states.push(new Map(lines.slice(1).map((line) => line.split("\t") as [string, string])));
		else points.push({ index: Number(index), label: label.join(" "), state: states[Number(state)] ?? new Map() });
	}
	return points;
}

/** The disks of some points, as the cut left them. */
export function saveDisks({ base, log }: Disk, count: number, seed: number, to: string, indexes: number[]): void {
	mkdirSync(to, { recursive: true });
	execFileSync(program("replay"), [base, log, `${count}`, `${seed}`, "save", to, ...indexes.map(String)]);
}

/** What lies below a directory, by relative path. */
export function below(state: State, directory: string): State {
	const rows = [...state].filter(([path]) => path.startsWith(`${directory}/`));
	return new Map(rows.map(([path, row]) => [path.slice(directory.length + 1), row]));
}

export function equal(a: State, b: State): boolean {
	return a.size === b.size && [...a].every(([path, row]) => b.get(path) === row);
}

/** Mode, size and content of a file, without its time. */
export function fileOf(state: State, path: string): string | undefined {
	const [mode, size, , content] = (state.get(path) ?? "").split(" ");
	return content === undefined ? undefined : `${mode} ${size} ${content}`;
}

/** States that a rerun cannot tell apart: half-written temporary files differ in their bytes only. */
export function kindOf(state: State): string {
	const rows = [...state].filter(([path]) => path !== "neighbour" && !path.startsWith("run"));
	return rows
		.map(([path, row]) =>
			/\.tmp$/.test(path) ? path.replace(/[0-9a-f]{12}/, "") : `${path} ${fileOf(new Map([[path, row]]), path)}`,
		)
		.join("\n");
}
