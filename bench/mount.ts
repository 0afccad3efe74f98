/**
 * Mounting, unmounting, and asking what is mounted: the add-on against a loop without checks, mount(8) and umount(8),
 * findmnt(8), losetup(8) and a mountinfo reader in JavaScript, in turn in one run. See bench/run.sh.
 *
 * Owns: what is measured, and the goals. Leaves to others: the peers' own code (peers.cpp).
 */

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mountImage, mounts, statTarget, umount } from "../src/native/verbs.ts";
import { Contest, columns, goal, micros } from "./measure.ts";

const [peers = "", drive = ""] = process.argv.slice(2);
const rounds = Number(process.env.KSQUASH_BENCH_ROUNDS ?? 20);
const perRound = 20;

const scratch = mkdtempSync(join(tmpdir(), "ksquash-bench-"));
const place = (name: string) => {
	mkdirSync(join(scratch, name), { recursive: true });
	return join(scratch, name);
};
const tree = place("tree");
for (let i = 0; i < 200; i++) writeFileSync(join(tree, `file${i}`), `${i} `.repeat(1000));
const image = join(scratch, "image.sqfs");
execFileSync("mksquashfs", [tree, image, "-quiet", "-no-progress", "-comp", "zstd"], { stdio: "ignore" });
const target = place("target");

async function cycles(): Promise<void> {
	const up = new Contest();
	const down = new Contest();
	for (let round = 0; round < rounds; round++) {
		for (let i = 0; i < perRound; i++) {
			up.add("the add-on, awaited in Node", await micros(() => mountImage({ image, target })));
			down.add("the add-on, awaited in Node", await micros(() => umount(target)));
		}
		for (const [name, file, verb] of [
			["the core, without Node", drive, "cycle"],
			["bare: no check, no lock", peers, "bare"],
			["bare, and the first entry read", peers, "read"],
			["node-loopdev's system calls, mount(2)", peers, "steps"],
			["mount -o loop, umount (posix_spawn)", peers, "spawn"],
		] as const) {
			const [mounting = [], unmounting = []] = columns(file, verb, image, target, String(perRound));
			up.add(name, ...mounting);
			down.add(name, ...unmounting);
		}
	}
	up.print("mount one image", "the add-on, awaited in Node");
	down.print("unmount it", "the add-on, awaited in Node");
	for (const [what, contest, times] of [
		["mount", up, 5],
		["unmount", down, 12],
	] as const) {
		const ours = contest.median("the add-on, awaited in Node");
		goal(
			`${what}: the process takes so many times ours`,
			contest.median("mount -o loop, umount (posix_spawn)") / ours,
			times,
			true,
		);
		goal(`${what}: ours in Node over the bare limit`, ours / contest.median("bare: no check, no lock"), 1.5, false);
		const core = contest.median("the core, without Node");
		goal(`${what}: the core over the bare limit`, core / contest.median("bare: no check, no lock"), 1.5, false);
		goal(`${what}: the core over bare and read`, core / contest.median("bare, and the first entry read"), 1.5, false);
	}
}

async function parallel(count: number): Promise<void> {
	const contest = new Contest();
	const directory = place(`many-${count}`);
	const targets = Array.from({ length: count }, (_, i) => place(`many-${count}/${i}`));
	for (let round = 0; round < Math.max(3, rounds / 4); round++) {
		contest.add(
			"the add-on",
			await micros(() => Promise.all(targets.map((each) => mountImage({ image, target: each })))),
		);
		await Promise.all(targets.map((each) => umount(each)));
		contest.add("bare, one after another", ...(columns(peers, "bare-many", image, directory, String(count))[0] ?? []));
		contest.add(
			"mount -o loop, all at once",
			...(columns(peers, "spawn-many", image, directory, String(count))[0] ?? []),
		);
	}
	contest.print(`${count} mounts at once`, "the add-on");
}

interface Row {
	target: string;
	fstype: string;
}

/** The usual reader in JavaScript: the whole file, every row. */
function readInJavaScript(): Row[] {
	const plain = (field: string) =>
		field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
	return readFileSync("/proc/self/mountinfo", "utf8")
		.trim()
		.split("\n")
		.map((line) => {
			const fields = line.split(" ");
			const dash = fields.indexOf("-", 6);
			return { target: plain(fields[4] ?? ""), fstype: fields[dash + 1] ?? "" };
		});
}

/** The longest time between two turns of the event loop while work is done, in microseconds. */
async function longestPause(work: () => Promise<unknown>): Promise<number> {
	let longest = 0;
	let last = process.hrtime.bigint();
	let going = true;
	const turn = () => {
		const now = process.hrtime.bigint();
		longest = Math.max(longest, Number(now - last) / 1000);
		last = now;
		if (going) setImmediate(turn);
	};
	setImmediate(turn);
	await work();
	going = false;
	await new Promise((done) => setImmediate(done));
	return longest;
}

async function tables(): Promise<void> {
	const flat: number[] = [];
	const flatCore: number[] = [];
	let made = 0;
	await mountImage({ image, target });
	const plain = place("plain");
	for (const count of [50, 1000, 10_000]) {
		const more = count - (await mounts()).length;
		execFileSync(drive, ["many", place(`table-${made++}`), String(more)]);
		const one = new Contest();
		const all = new Contest();
		const pause = new Contest();
		const repeat = count >= 10_000 ? 5 : 20;
		for (let round = 0; round < repeat; round++) {
			for (let i = 0; i < 20; i++) {
				one.add("statTarget of a mounted image", await micros(() => statTarget(target, image)));
				one.add("statTarget of a plain directory", await micros(() => statTarget(plain, image)));
			}
			one.add("statTarget in the core, without Node", ...(columns(drive, "looks", image, target, "20")[0] ?? []));
			one.add(
				"mountinfo in JavaScript",
				await micros(async () => readInJavaScript().find((row) => row.target === target)),
			);
			one.add("findmnt TARGET", ...(columns(peers, "run", "1", "findmnt", target)[0] ?? []));
			one.add("losetup -j IMAGE", ...(columns(peers, "run", "1", "losetup", "-j", image)[0] ?? []));
			all.add("mounts()", await micros(() => mounts()));
			all.add("mountinfo in JavaScript", await micros(async () => readInJavaScript()));
			all.add("findmnt --raw", ...(columns(peers, "run", "1", "findmnt", "--raw", "--noheadings")[0] ?? []));
			pause.add("mounts()", await longestPause(() => mounts()));
			pause.add("mountinfo in JavaScript", await longestPause(async () => readInJavaScript()));
		}
		one.print(`status of one target, ${count} mounts`, "statTarget of a mounted image");
		all.print(`the whole table, ${count} mounts`, "mounts()");
		pause.print(`longest pause of the event loop meanwhile, ${count} mounts`, "mounts()");
		flat.push(one.median("statTarget of a mounted image"));
		flatCore.push(one.median("statTarget in the core, without Node"));
		if (count === 10_000) {
			const table = one.median("mountinfo in JavaScript");
			const core = one.median("statTarget in the core, without Node");
			goal("status of one target: the table takes so many times that, in Node", table / (flat[2] ?? 1), 1000, true);
			goal("status of one target: the table takes so many times that, in the core", table / core, 1000, true);
			goal("status of one target at 10,000 over 50 mounts, in Node", (flat[2] ?? 0) / (flat[0] ?? 1), 1.25, false);
			goal("status of one target at 10,000 over 50 mounts, in the core", core / (flatCore[0] ?? 1), 1.25, false);
		}
	}
	await umount(target);
}

const parts = { cycles, parallel50: () => parallel(50), parallel200: () => parallel(200), tables };

try {
	const wanted = process.env.KSQUASH_BENCH_PARTS?.split(" ");
	for (const [name, part] of Object.entries(parts)) if (wanted?.includes(name) ?? true) await part();
} finally {
	// The namespace is our own: what is mounted goes with it. Lazily, the loops must go before the files.
	for (const { target: left } of (await mounts()).reverse()) {
		if (String(left).startsWith(`${scratch}/`)) await umount(left, { lazy: true }).catch(() => {});
	}
	rmSync(scratch, { recursive: true, force: true });
}
