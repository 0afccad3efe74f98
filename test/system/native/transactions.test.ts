/** The thread of mounts and unmounts: who waits for the lock holds up nobody else, and not the end of the program. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { Worker } from "node:worker_threads";
import { afterAll, afterEach, beforeEach, expect, it } from "vitest";
import { attach, detach, mountImage, mounts, statTarget, umount } from "../../../src/native/verbs.ts";
import { cleanUp, fresh, ownLoops, rejection, smallImage } from "./support.ts";

const image = smallImage();
const addon = new URL("../../../build/Release/ksquash.node", import.meta.url).pathname;
let holder: ChildProcess | undefined;

/** Another process holds the lock until `release`. */
beforeEach(async () => {
	holder = spawn("flock", ["--no-fork", "/dev/loop-control", "sh", "-c", "echo; exec sleep 30"], {
		stdio: ["ignore", "pipe", "inherit"],
	});
	if (holder.stdout !== null) await once(holder.stdout, "data");
});
async function release(): Promise<void> {
	const child = holder;
	holder = undefined;
	if (child?.kill("SIGKILL")) await once(child, "close");
}
afterEach(release);
afterAll(cleanUp);

/** A program that calls the add-on itself; `native`, `image`, `target` and `control` are there. */
function program(code: string, target: string): { source: string; run: () => ChildProcess } {
	const source = `const native = require(${JSON.stringify(addon)});
		const [image, target, control] = [${JSON.stringify(image)}, ${JSON.stringify(target)}, new BigInt64Array(3)];
		${code}`;
	return { source, run: () => spawn(process.execPath, ["-e", source], { stdio: ["ignore", "pipe", "inherit"] }) };
}

it("waits without a thread of libuv's pool: files are read and targets looked at meanwhile", async () => {
	const targets = Array.from({ length: 12 }, () => fresh());
	const waiting = targets.map((target) => mountImage({ image, target }));
	expect((await readFile(image)).length).toBeGreaterThan(0);
	expect(await statTarget(targets[0] ?? "")).toMatchObject({ state: "unmounted" });
	await release();
	expect((await Promise.all(waiting)).map(({ already }) => already)).toEqual(targets.map(() => false));
	await Promise.all(targets.map((target) => umount(target)));
	expect(ownLoops()).toEqual([]);
});

it("drops who waits for its turn when the signal says so, and nobody else", async () => {
	const [first, second, third] = [fresh(), fresh(), fresh()];
	const controller = new AbortController();
	const { signal } = controller;
	const one = mountImage({ image, target: first });
	const two = mountImage({ image, target: second, signal });
	const three = mountImage({ image, target: third });
	const reason = new Error("no longer wanted");
	controller.abort(reason);
	expect(await rejection(two)).toBe(reason);
	await release();
	await Promise.all([one, three]);
	const places = (await mounts()).map(({ target }) => target);
	expect([first, second, third].map((place) => places.includes(place))).toEqual([true, false, true]);
	await Promise.all([umount(first), umount(third)]);
});

it("does them in the order in which they were asked for", async () => {
	const target = fresh();
	const done: string[] = [];
	const note = (word: string) => (value: unknown) => {
		done.push(word);
		return value;
	};
	const all = [
		mountImage({ image, target }).then(note("mount")),
		umount(target).then(note("umount")),
		attach({ image }).then(note("attach")),
		mountImage({ image, target }).then(note("again")),
		umount(target).then(note("gone")),
	];
	await release();
	const attached = (await Promise.all(all))[2] as { device: string; file: string };
	expect(done).toEqual(["mount", "umount", "attach", "again", "gone"]);
	await detach(attached);
	expect(ownLoops()).toEqual([]);
});

it("keeps the program alive until the promise is kept", async () => {
	const target = fresh();
	const code = `native.mountImage(image, target, "", undefined, control).then(({ already }) => console.log(already));`;
	const child = program(code, target).run();
	let said = "";
	child.stdout?.on("data", (data) => {
		said += data;
	});
	await release();
	expect(await once(child, "close")).toEqual([0, null]);
	expect(said).toBe("false\n");
	await umount(target);
});

it("ends with the program while it waits, and nothing was done", async () => {
	const target = fresh();
	const code = `for (let i = 0; i < 3; i++) native.mountImage(image, target, "", undefined, control);
		setTimeout(() => process.exit(7), 50);`;
	expect(await once(program(code, target).run(), "close")).toEqual([7, null]);
	await release();
	expect(await statTarget(target)).toMatchObject({ state: "unmounted" });
	expect(ownLoops()).toEqual([]);
});

it("ends with a worker thread while it waits, and with one that is done", async () => {
	const target = fresh();
	const waits = program(
		`native.mountImage(image, target, "", undefined, control);
		require("node:worker_threads").parentPort.postMessage("asked");`,
		target,
	);
	for (let i = 0; i < 5; i++) {
		const worker = new Worker(waits.source, { eval: true });
		await once(worker, "message");
		await worker.terminate();
	}
	await release();
	expect(await statTarget(target)).toMatchObject({ state: "unmounted" });
	const works = program(
		`native.mountImage(image, target, "", undefined, control).then(() => native.umount(target, false, undefined, control));`,
		target,
	);
	for (let i = 0; i < 5; i++) expect(await once(new Worker(works.source, { eval: true }), "exit")).toEqual([0]);
	expect(ownLoops()).toEqual([]);
});
