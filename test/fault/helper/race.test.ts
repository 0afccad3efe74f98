/**
 * The swap race: root's own directories, in which image and mount point are exchanged with others all the time while a
 * user mounts. Whatever is mounted must be a file, on a directory, that the policy would let through.
 * KSQUASH_RACE_ROUNDS=20000 for the long run.
 */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chownSync, mkdirSync, statSync } from "node:fs";
import { expect, it, onTestFinished } from "vitest";
import { statTarget } from "../../../src/native/verbs.ts";
import {
	buildHelper,
	call,
	inode,
	makeImage,
	placeProgram,
	type Sandbox,
	sandbox,
	USER,
} from "../../support/helper.ts";
import { loopsBelow, mountsBelow } from "../../support/scratch.ts";

const rounds = Number(process.env.KSQUASH_RACE_ROUNDS ?? 150);
const name = "linux-6.1";

/** Exchanges two pairs of names without end. */
function racer(...pairs: [string, string][]): ChildProcess {
	const code = `import ctypes,random,sys
exchange=ctypes.CDLL(None).renameat2; names=[a.encode() for a in sys.argv[1:]]
pairs=list(zip(names[::2],names[1::2])); print("running",flush=True)
while True:
	for a,b in random.choices(pairs,k=64): exchange(-100,a,-100,b,2)`;
	const child = spawn("python3", ["-c", code, ...pairs.flat()], { stdio: ["ignore", "pipe", "inherit"] });
	onTestFinished(() => void child.kill("SIGKILL"));
	return child;
}

/** A signal that has taken effect when this returns. */
function halt({ pid }: ChildProcess): void {
	execFileSync("sh", [
		"-c",
		'kill -STOP "$1"; until grep -q "^State:.T" "/proc/$1/status"; do sleep 0.01; done',
		"sh",
		String(pid),
	]);
}

interface Count {
	mounted: number;
	refused: number;
	/** Mounts of a file, or on a directory, that never passed. */
	bad: number;
}

async function race(box: Sandbox, program: string, most: number, untilBad: boolean): Promise<Count> {
	const [good, evil] = [box.path(`src/${name}.sqfs`), box.path("evil.sqfs")];
	const [goodPlace, evilPlace] = [box.path("src", name), box.path("evil")];
	makeImage(box.base, evil, "evil");
	chownSync(evil, USER, USER);
	mkdirSync(evilPlace);
	chownSync(evilPlace, USER, USER);
	const [goodFile, goodInode] = [inode(good), statSync(goodPlace).ino];
	const child = racer([good, evil], [goodPlace, evilPlace]);
	await new Promise((done) => child.stdout?.once("data", done));
	const count: Count = { mounted: 0, refused: 0, bad: 0 };
	for (let i = 0; i < most && !(untilBad && count.bad > 0); ++i) {
		const { status } = call(box, ["mount", name], { program });
		// 66: what was there did not pass · 75: the mount point changed under way
		if (status !== 0) expect([66, 75]).toContain(status);
		count[status === 0 ? "mounted" : "refused"] += 1;
		if (mountsBelow(box.base).length === 1) continue;
		halt(child);
		for (const place of mountsBelow(box.base).filter((path) => path !== box.base)) {
			const { file } = await statTarget(place);
			execFileSync("umount", [place]);
			if (file !== goodFile || statSync(place).ino !== goodInode) count.bad += 1;
		}
		child.kill("SIGCONT");
	}
	child.kill("SIGKILL");
	return count;
}

it(`mounts nothing that never passed the policy, in ${rounds} rounds`, { timeout: 3_600_000 }, async () => {
	const box = await sandbox();
	box.place(name, "good");
	const count = await race(box, box.program, rounds, false);
	expect(count.bad).toBe(0);
	expect(count.mounted).toBeGreaterThan(0);
	expect(count.refused).toBeGreaterThan(0);
	expect(loopsBelow(box.base)).toEqual([]);
});

it("would be caught here if the file that is mounted were not the one that was checked", async () => {
	const box = await sandbox();
	box.place(name, "good");
	const program = box.path("check-by-name");
	await placeProgram(buildHelper("check-by-name"), program);
	expect((await race(box, program, 5000, true)).bad).toBeGreaterThan(0);
});
