/** remove and configure are killed at every call that changes something: no config is ever lost, and a rerun ends the work. */

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { placeTarball, type Scratch, scratchRoot, smallRelease } from "../support/scratch.ts";
import { cuts, drop, eachCut, expectClean, has, killedAt, ksquash, names, patience, subRoot } from "./support.ts";

const build = `build-${smallRelease}`;

/** A hand-made config: its comment survives no make. */
function edit(root: Scratch): string {
	const path = join(root.src, build, ".config");
	const text = `${readFileSync(path, "utf8").replace(/^CONFIG_LOCALVERSION=.*$/m, 'CONFIG_LOCALVERSION="-mine"')}# my own words\n`;
	writeFileSync(path, text);
	return text;
}

async function installed(scratch: Scratch): Promise<Scratch> {
	const root = subRoot(scratch, "model");
	const ran = await ksquash(["install", placeTarball(scratch), "--base", "defconfig", "--root", root.root]);
	expect(ran, ran.stderr).toMatchObject({ status: 0 });
	return root;
}

/** Does any file of the directory have this text? */
function holds(directory: string, text: string): boolean {
	if (!existsSync(directory)) return false;
	const files = execFileSync("find", [directory, "-type", "f"], { encoding: "utf8" }).split("\n").filter(Boolean);
	return files.some((file) => readFileSync(file, "utf8") === text);
}

describe.skipIf(!has("strace"))("killed at each step", () => {
	it("remove: the .config is in the build directory or in kept/, and a rerun ends it", {
		timeout: 200_000,
	}, async () => {
		const scratch = scratchRoot();
		const log = scratch.path("trace");
		const args = (root: Scratch): string[] => ["remove", smallRelease, "--root", root.root];
		const model = await installed(scratch);
		const text = edit(model);
		// What is known as Kbuild's by its command file alone, in enough pairs that some cut falls between two.
		mkdirSync(join(model.src, build, "lib"), { recursive: true });
		for (const file of Array.from({ length: 12 }, (_, i) => `lib/object-${i}`)) {
			writeFileSync(join(model.src, build, file), "made");
			writeFileSync(join(model.src, build, file.replace("/", "/.").concat(".cmd")), "cmd");
		}
		execFileSync("umount", [join(model.src, `linux-${smallRelease}`)]);
		const copy = async (label: string | number): Promise<Scratch> => {
			const root = subRoot(scratch, label);
			execFileSync("cp", ["-a", "--no-target-directory", model.src, root.src]);
			expect(await ksquash(["mount", smallRelease, "--root", root.root])).toMatchObject({ status: 0 });
			return root;
		};
		const first = await copy("first");
		const points = await cuts(args(first), log);
		drop(first);
		expect(points.map(({ syscall }) => syscall)).toEqual(expect.arrayContaining(["umount2", "unlinkat", "rmdir"]));
		expect(points.length).toBeGreaterThanOrEqual(12);
		await eachCut(points, async (cut, i) => {
			const root = await copy(i);
			const kept = root.path("var/lib/ksquash/kept");
			const ran = await killedAt(cut, args(root), `${log}-${i}`);
			expect(ran, ran.stderr).toMatchObject({ signal: "SIGKILL" });
			expect(holds(kept, text) || holds(join(root.src, build), text), "the .config is lost").toBe(true);
			const again = await ksquash(args(root));
			// Behind the last name only its fsync is left, and nothing to remove.
			const gone = cut.syscall === "fsync" && again.stderr.includes("is not here");
			expect(again, again.stderr).toMatchObject({ status: gone ? 66 : 0 });
			expectClean(root, []);
			expect(holds(kept, text), "the .config is not in kept/").toBe(true);
			expect(execFileSync("find", [root.root, "-name", "*.tmp"], { encoding: "utf8" })).toBe("");
			drop(root);
		});
	});

	it("configure: a .config that was there is never lost", patience, async () => {
		const scratch = scratchRoot();
		const log = scratch.path("trace");
		const root = await installed(scratch);
		const fragment = scratch.path("mine.config");
		writeFileSync(fragment, 'CONFIG_LOCALVERSION="-fragment"\n');
		const args = ["configure", smallRelease, "--fragment", fragment, "--root", root.root];
		const text = edit(root);
		const place = join(root.src, build);
		execFileSync("cp", ["-a", place, scratch.path("saved")]);
		const reset = (): void => {
			rmSync(place, { recursive: true });
			execFileSync("cp", ["-a", scratch.path("saved"), place]);
		};
		const points = await cuts(args, log);
		expect(points.length).toBeGreaterThanOrEqual(6);
		for (const cut of points) {
			reset();
			const where = `${cut.syscall} number ${cut.when}`;
			await killedAt(cut, args, log);
			expect(holds(place, text), `killed at ${where}: the .config is lost`).toBe(true);
			const again = await ksquash(args);
			expect(again, `killed at ${where}: ${again.stderr}`).toMatchObject({ status: 0 });
			const kept = [".config", ".config.old"].map((file) => readFileSync(join(place, file), "utf8"));
			expect(kept.includes(text), `killed at ${where}, then rerun: the .config is lost`).toBe(true);
			expect(kept[0]).toContain('CONFIG_LOCALVERSION="-fragment"');
			expect(names(place).filter((file) => /\.tmp$|^\.ksquash\.config$/.test(file))).toEqual([]);
		}
	});

	it("configure, killed together with make: between the two renames of conf there is no .config", async () => {
		const scratch = scratchRoot();
		const root = await installed(scratch);
		const place = join(root.src, build);
		const text = edit(root);
		cpSync(join(place, ".config"), join(place, ".ksquash.config"));
		renameSync(join(place, ".config"), join(place, ".config.old"));
		writeFileSync(join(place, ".config.old"), "# what ksquash had merged\n");
		const again = await ksquash(["configure", smallRelease, "--root", root.root]);
		expect(again, again.stderr).toMatchObject({ status: 0 });
		expect(readFileSync(join(place, ".config"), "utf8")).toContain('CONFIG_LOCALVERSION="-mine"');
		expect(readFileSync(join(place, ".config.old"), "utf8")).toBe(text);
		expect(existsSync(join(place, ".ksquash.config"))).toBe(false);
	});

	it("leftovers of dead runs go, those of a living run and files that only look alike stay", async () => {
		const scratch = scratchRoot();
		const root = subRoot(scratch, "one");
		const dead = [
			".linux-6.1.1.sqfs.tmp",
			".tarball-1-2.sqfs.tmp",
			".linux-6.1.1.sqfs.json.0123456789ab.tmp",
			".linux-6.1.1.sqfs.list.gz.0123456789ab.tmp",
			"..linux-6.1.1.sqfs.tmp.0123456789ab.tmp",
		];
		const links = [".linux.0123456789ab.tmp", ".build-6.1.1-debug.0123456789ab.tmp"];
		const others = [".linux-6.1.1.sqfs.json.tmp", ".mine.0123456789ab.tmp", "linux-6.1.1.tmp", ".linux-x.sqfs.tmp.bak"];
		for (const file of [...dead, ...links, ...others]) writeFileSync(join(root.src, file), "x");
		mkdirSync(root.path("run"), { recursive: true });
		const ran = await ksquash(["pack", placeTarball(scratch), "--root", root.root]);
		expect(ran, ran.stderr).toMatchObject({ status: 0 });
		for (const file of [...dead, ...links]) expect(ran.stderr).toContain(file);
		expectClean(root, [
			...others,
			`linux-${smallRelease}.sqfs`,
			`linux-${smallRelease}.sqfs.json`,
			`linux-${smallRelease}.sqfs.list.gz`,
		]);
	});
});
