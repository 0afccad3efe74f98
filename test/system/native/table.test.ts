/** The two ways to ask what is mounted, by target and by table, agree on every row of a real table; on an old kernel too. */

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MountEntry, mountImage, mounts, parseMountinfo, statTarget, umount } from "../../../src/native/verbs.ts";
import { cleanUp, deny, drive, fresh, rejection, smallImage } from "./support.ts";

const image = smallImage();
const top = fresh();
const place = (name: string) => {
	mkdirSync(join(top, name), { recursive: true });
	return join(top, name);
};
const mount = (...args: string[]) => execFileSync("mount", args);

beforeAll(async () => {
	// Stacked twice, hidden below a later mount, a bind, a bind of a file, odd names, and images.
	mount("-t", "tmpfs", "one", place("stacked"));
	mount("-t", "ramfs", "two", place("stacked"));
	const hidden = place("outer/inner");
	await mountImage({ image, target: hidden });
	mount("-t", "tmpfs", "three", join(top, "outer"));
	mount("--bind", place("from"), place("bind"));
	execFileSync("touch", [join(top, "file"), join(top, "file2")]);
	mount("--bind", join(top, "file"), join(top, "file2"));
	for (const name of ["a b", "a\tb", "a\nb", "a\\040b", "#", "é", "x (deleted)"])
		mount("-t", "tmpfs", "#", place(name));
	for (const name of ["image", "image.1"]) await mountImage({ image, target: place(name) });
});
afterAll(cleanUp);

/** Of the rows with one target the visible one is the last that no mount over a parent covers. */
async function visible(rows: readonly MountEntry[]): Promise<MountEntry[]> {
	const last = new Map(rows.map((row) => [String(row.target), row]));
	const within = (outer: string, inner: string) => outer === "/" || inner.startsWith(`${outer}/`);
	const covered = (row: MountEntry) => {
		// A row is visible when each mount above it on its way is an ancestor of it.
		const parents = new Set<number>();
		for (let at: MountEntry | undefined = row; at !== undefined; ) {
			parents.add(at.id);
			const here: MountEntry = at;
			at = rows.find(({ id }) => id === here.parent && id !== here.id);
		}
		return [...last.values()].some(
			(other) => within(String(other.target), String(row.target)) && !parents.has(other.id),
		);
	};
	return [...last.values()].filter((row) => !covered(row));
}

interface Said {
	state: string;
	fstype: string;
	device: string;
	mountId: string;
}

/** What the program without Node says of each target, under a filter. */
function ask(targets: readonly string[], ...rules: string[]): Said[] {
	const command = [...(rules.length > 0 ? [deny, ...rules, "--"] : []), drive, "status"];
	const [file = "", ...args] = command;
	const out = execFileSync(file, args, { input: targets.map((target) => `${target}\n`).join(""), encoding: "utf8" });
	return out
		.trim()
		.split("\n")
		.map((line) => JSON.parse(line) as Said);
}

describe("statTarget and mounts", () => {
	it("agree on every row of the real table", async () => {
		const rows = await visible(await mounts());
		expect(rows.length).toBeGreaterThan(10);
		for (const row of rows) {
			const status = await statTarget(row.target);
			const loop = row.device.startsWith("7:");
			expect({ target: row.target, ...status }).toMatchObject({
				state: loop ? "mounted" : "other",
				fstype: row.fstype,
			});
			if (loop) expect(status.device).toBe(row.source);
		}
	});

	it("agree where statmount is missing: ids are then the table's", async () => {
		const rows = (await visible(await mounts())).filter(({ target }) => !String(target).includes("\n"));
		const targets = rows.map(({ target }) => String(target));
		const newer = ask(targets);
		const older = ask(targets, "457=38");
		expect(older.map(({ state, fstype, device }) => ({ state, fstype, device }))).toEqual(
			newer.map(({ state, fstype, device }) => ({ state, fstype, device })),
		);
		expect(older.map(({ fstype }) => fstype)).toEqual(rows.map(({ fstype }) => fstype));
		// Without statx (before 4.11 there is none; a filter may say EPERM) it says so.
		expect(ask(targets.slice(0, 1), "332=1")[0]).toMatchObject({ errno: 1, syscall: "statx", step: "target" });
	});

	it("see what is hidden, and do not take a stacked mount for the one below", async () => {
		expect(await statTarget(join(top, "outer/inner"), image)).toMatchObject({ state: "hidden", fstype: "squashfs" });
		expect(await statTarget(join(top, "stacked"))).toMatchObject({ state: "other", fstype: "ramfs" });
		await umount(join(top, "stacked"));
		expect(await statTarget(join(top, "stacked"))).toMatchObject({ state: "other", fstype: "tmpfs" });
		expect(await statTarget(join(top, "from"))).toEqual({ state: "unmounted", deleted: false });
		const link = join(top, "link");
		symlinkSync(join(top, "image"), link);
		expect(await statTarget(link)).toMatchObject({ state: "unmounted" });
	});

	it("hand over the whole table in batches, in order, and let others have their turn", async () => {
		const many = place("many");
		execFileSync(drive, ["many", many, "1500"]);
		let turns = 0;
		let counting = true;
		const count = () => {
			turns++;
			if (counting) setImmediate(count);
		};
		setImmediate(count);
		const rows = await mounts();
		counting = false;
		expect(rows).toEqual(parseMountinfo(readFileSync("/proc/self/mountinfo")));
		expect(rows.length).toBeGreaterThan(1500);
		expect(turns).toBeGreaterThanOrEqual(Math.floor(rows.length / 256));
		const controller = new AbortController();
		const stopped = mounts({ signal: controller.signal });
		controller.abort(new Error("enough"));
		expect((await rejection(stopped)).message).toBe("enough");
		// All of it at once.
		await umount(many, { lazy: true });
	});
});
