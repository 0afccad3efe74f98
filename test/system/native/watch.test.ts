import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import {
	type MountChange,
	type MountWatch,
	mountImage,
	mounts,
	statTarget,
	umount,
	watchMounts,
} from "../../../src/native/verbs.ts";
import { cleanUp, drive, fresh, ownFds, ownLoops, rejection, smallImage } from "./support.ts";

afterAll(cleanUp);

const image = smallImage();

/** The next change of this target. */
async function next(watch: MountWatch, target: string): Promise<MountChange> {
	for await (const change of { [Symbol.asyncIterator]: () => ({ next: () => watch.next() }) }) {
		if (change.target === target) return change;
	}
	throw new Error("the watch ended");
}

const threads = () => readdirSync("/proc/self/task").length;
const special = () =>
	readdirSync("/proc/self/fd").filter((fd) => {
		try {
			return /fanotify|mountinfo/.test(readlinkSync(`/proc/self/fd/${fd}`));
		} catch {
			return false;
		}
	}).length;

describe.each([["fanotify"], ["mountinfo"]] as const)("watchMounts by %s", (way) => {
	const onlyTable = way === "mountinfo";

	it("tells of mounts that come, move and go", async (test) => {
		const watch = await watchMounts({ onlyTable });
		if (!onlyTable && watch.way !== way) {
			await watch.return();
			if (process.env.MUST_WORK === "1") expect(watch.way).toBe(way);
			test.skip(`this kernel has no ${way} for mounts (6.15)`);
		}
		expect(watch.way).toBe(way);
		const target = fresh("a b\n\\é");
		const seen: (MountChange | undefined)[] = [];
		await mountImage({ image, target });
		seen.push(await next(watch, target));
		const id = (await statTarget(target)).mountId;
		const moved = fresh();
		execFileSync("mount", ["--move", target, moved]);
		seen.push(await next(watch, moved));
		await umount(moved);
		seen.push(await next(watch, moved));
		expect(seen.map((change) => change?.kind)).toEqual(["attached", "moved", "detached"]);
		expect(new Set(seen.map((change) => change?.mountId)).size).toBe(1);
		if (seen[0]?.unique) expect(seen[0].mountId).toBe(id);
		expect(seen[0]).toMatchObject({ fstype: "squashfs", device: expect.stringMatching(/^7:\d+$/) });
		await watch.return();
		expect(ownLoops()).toEqual([]);
	});

	it("tells of each of three hundred mounts", async () => {
		const watch = await watchMounts({ onlyTable });
		const top = fresh();
		execFileSync(drive, ["many", top, "300"]);
		const seen = new Set<string>();
		while (seen.size < 300) {
			const { value } = await watch.next();
			if (value === undefined || value.kind === "lost") throw new Error("lost");
			if (value.kind === "attached" && value.target !== top) seen.add(String(value.target));
		}
		expect([...seen].sort()).toEqual(Array.from({ length: 300 }, (_, i) => join(top, String(i))).sort());
		execFileSync("umount", ["--recursive", top]);
		await watch.return();
	});

	it("leaves neither thread nor descriptor behind: after return, a broken loop, or an abort", async () => {
		// The first mount and watch start libuv's threads.
		await (await watchMounts({ onlyTable })).return();
		await mounts();
		await new Promise((done) => setTimeout(done, 100));
		const [before, fds] = [threads(), ownFds()];
		const target = fresh();
		for (let i = 0; i < 20; i++) {
			const controller = new AbortController();
			const watch = await watchMounts({ onlyTable, signal: controller.signal });
			expect(special()).toBeGreaterThan(0);
			await mountImage({ image, target });
			if (i % 2 === 0) {
				// Before the unmount: a comparison of tables does not see what comes and goes between.
				for await (const _ of watch) break;
				expect(await watch.next()).toEqual({ done: true, value: undefined });
			} else {
				const reason = new Error("enough");
				const all = async () => {
					for await (const _ of watch);
				};
				const waiting = rejection(all());
				await new Promise((done) => setTimeout(done, 20));
				controller.abort(reason);
				expect(await waiting).toBe(reason);
				expect(await watch.next()).toEqual({ done: true, value: undefined });
			}
			await umount(target);
		}
		for (let i = 0; i < 100 && (threads() > before || special() > 0); i++)
			await new Promise((done) => setTimeout(done, 10));
		expect(threads()).toBe(before);
		expect(ownFds()).toBe(fds);
		expect(special()).toBe(0);
	});

	it("lets the process end while it waits, and with it when it has ended", () => {
		const addon = new URL("../../../build/Release/ksquash.node", import.meta.url).pathname;
		const run = (end: string) =>
			spawnSync(
				process.execPath,
				[
					"-e",
					`const native = require(${JSON.stringify(addon)});
					native.watchMounts(${onlyTable}, () => {}).then(({ token }) => setTimeout(() => { ${end} }, 50));
					process.on("exit", () => console.log("ended"));`,
				],
				{ timeout: 2000, encoding: "utf8" },
			);
		for (const end of ["process.exit(0)", "native.stopWatch(token)"]) {
			expect(run(end)).toMatchObject({ status: 0, signal: null, stdout: "ended\n", stderr: "" });
		}
		// It waits, until the time is over.
		expect(run("")).toMatchObject({ signal: "SIGTERM" });
	});
});

it("is refused before it begins when the signal says so", async () => {
	const reason = new Error("no");
	expect(await rejection(watchMounts({ signal: AbortSignal.abort(reason) }))).toBe(reason);
});
