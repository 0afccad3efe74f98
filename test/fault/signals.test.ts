/** SIGINT and SIGTERM at each step of install, configure and remove: undone or told, 130 and 143, and the same command run again ends the work. */

import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cliPath } from "../support/cli.ts";
import { loopsBelow, mountsBelow, placeTarball, type Scratch, scratchRoot, smallRelease } from "../support/scratch.ts";
import {
	type Content,
	content,
	cuts,
	drop,
	eachCut,
	has,
	imageHolds,
	ksquash,
	mounting,
	name,
	names,
	patience,
	placeSmall,
	same,
	signalledAt,
	spread,
	subRoot,
} from "./support.ts";

const build = `build-${smallRelease}`;
const installed = [build, "linux", name, `${name}.sqfs`, `${name}.sqfs.json`, `${name}.sqfs.list.gz`].toSorted();
const ends = { INT: 130, TERM: 143 } as const;

/** A root as it is before the command. */
interface Work {
	args: (root: Scratch) => string[];
	prepare: (label: string | number) => Promise<Scratch>;
	/** What may never be lost, whenever it is asked. */
	safe: (root: Scratch) => void;
	/** After the rerun. */
	finished: (root: Scratch) => void;
}

/** What a process that was asked to end leaves, whatever it was doing. */
function expectTidy(root: Scratch): void {
	const find = ["(", "-name", "*.tmp*", "-o", "-name", ".ksquash.config", ")"];
	expect(execFileSync("find", [root.src, ...find], { encoding: "utf8" })).toBe("");
	// A loop device of each mounted image, and none besides.
	expect(loopsBelow(root.root)).toHaveLength(mountsBelow(root.root).length);
}

async function interruptedAtEach(scratch: Scratch, { args, prepare, safe, finished }: Work): Promise<void> {
	const log = scratch.path("trace");
	const model = await prepare("model");
	// strace sends to the thread that makes the call, and the mounts' own takes no signals: a person's reach the main thread.
	const heard = (await cuts(args(model), log)).filter(({ syscall }) => !mounting.includes(syscall));
	const points = spread(heard, 8);
	finished(model);
	drop(model);
	expect(points.length).toBeGreaterThanOrEqual(8);
	const told = { undone: 0, begun: 0 };
	await eachCut(points, async (cut, i) => {
		for (const signal of process.env.KSQUASH_ALL_CUTS === "1" || i % 2 === 0
			? (["INT", "TERM"] as const)
			: (["TERM"] as const)) {
			const root = await prepare(`${i}-${signal}`);
			const before = names(root.src);
			const ran = await signalledAt(signal, cut, args(root), `${log}-${i}`);
			expect(ran, ran.stderr).toMatchObject({ status: ends[signal], signal: null });
			expect(ran.stderr).not.toMatch(/^ {4}at /m);
			safe(root);
			expectTidy(root);
			if (ran.stderr.includes("what was begun is undone")) {
				told.undone++;
				expect(names(root.src)).toEqual(before);
			} else if (/interrupted in or after/.test(ran.stderr)) told.begun++;
			// Else it was at its end.
			else expect(ran.stderr).not.toMatch(/^ksquash:/m);
			const again = await ksquash(args(root));
			// remove has nothing left to do where it had ended.
			expect([0, ...(existsSync(join(root.src, `${name}.sqfs`)) ? [] : [66])], again.stderr).toContain(again.status);
			finished(root);
			drop(root);
		}
	});
	expect(told.begun).toBeGreaterThan(0);
	console.log(
		`${args(model)[0]}: ${points.length} steps, ${told.undone} times undone, ${told.begun} times to be run again`,
	);
}

describe.skipIf(!has("strace"))("interrupted at each step", () => {
	it("install: the tree or the image is whole", patience, async () => {
		const scratch = scratchRoot();
		let expected: Content = { listing: "", hashes: "" };
		await interruptedAtEach(scratch, {
			args: (root) => ["install", join(root.src, name), "--base", "defconfig", "--root", root.root],
			prepare: async (label) => {
				const root = subRoot(scratch, label);
				expected = content(placeSmall(join(root.src, name)));
				return root;
			},
			safe: (root) => {
				const place = join(root.src, name);
				expect(same(place, expected) || imageHolds(`${place}.sqfs`, expected)).toBe(true);
			},
			finished: (root) => {
				expect(same(join(root.src, name), expected)).toBe(true);
				expect(names(root.src)).toEqual(installed);
				expect(mountsBelow(root.root)).toHaveLength(1);
			},
		});
	});

	it("and this test finds what a SIGKILL leaves at the same step", async () => {
		const scratch = scratchRoot();
		const root = subRoot(scratch, "one");
		const args = ["pack", placeSmall(join(root.src, name)), "--root", root.root];
		// The first is a probe, the second gives the image its name.
		const ran = await signalledAt("KILL", { syscall: "renameat2", when: 2 }, args, scratch.path("trace"));
		expect(ran).toMatchObject({ signal: "SIGKILL" });
		expect(names(root.src)).toContain(`.${name}.sqfs.tmp`);
		expect(() => expectTidy(root)).toThrow("to be ''");
	});

	/** A release with a .config of a person's; copied for each. */
	async function model(scratch: Scratch): Promise<(label: string | number) => Promise<Scratch>> {
		const first = subRoot(scratch, "first");
		const ran = await ksquash(["install", placeTarball(scratch), "--base", "defconfig", "--root", first.root]);
		expect(ran, ran.stderr).toMatchObject({ status: 0 });
		writeFileSync(join(first.src, build, ".config"), "# my own words\n", { flag: "a" });
		writeFileSync(first.path("mine.config"), 'CONFIG_LOCALVERSION="-fragment"\n');
		execFileSync("umount", [join(first.src, name)]);
		return async (label) => {
			const root = subRoot(scratch, label);
			mkdirSync(root.root, { recursive: true });
			execFileSync("cp", ["-a", "--no-target-directory", first.root, root.root]);
			expect(await ksquash(["mount", smallRelease, "--root", root.root])).toMatchObject({ status: 0 });
			// The stamp and the GNUmakefile name the place: what follows from the copy is not of this test.
			const made = await ksquash(["configure", smallRelease, "--root", root.root]);
			expect(made, made.stderr).toMatchObject({ status: 0 });
			writeFileSync(join(root.src, build, ".config"), "# my own words\n", { flag: "a" });
			return root;
		};
	}

	function configs(directory: string): string[] {
		if (!existsSync(directory)) return [];
		const files = execFileSync("find", [directory, "-name", ".config*", "-type", "f"], { encoding: "utf8" });
		return files.split("\n").filter((path) => path !== "" && readFileSync(path, "utf8").includes("# my own words"));
	}

	it("configure: the .config that was there is there", patience, async () => {
		const scratch = scratchRoot();
		await interruptedAtEach(scratch, {
			args: (root) => ["configure", smallRelease, "--fragment", root.path("mine.config"), "--root", root.root],
			prepare: await model(scratch),
			safe: (root) => {
				expect(configs(join(root.src, build)).length).toBeGreaterThan(0);
			},
			finished: (root) => {
				expect(readFileSync(join(root.src, build, ".config"), "utf8")).toContain('CONFIG_LOCALVERSION="-fragment"');
				expect(readFileSync(join(root.src, build, ".config.old"), "utf8")).toContain("# my own words");
			},
		});
	});

	it("remove: the .config is in the build directory or in kept/", patience, async () => {
		const scratch = scratchRoot();
		await interruptedAtEach(scratch, {
			args: (root) => ["remove", smallRelease, "--root", root.root],
			prepare: await model(scratch),
			safe: (root) => {
				const places = [join(root.src, build), root.path("var/lib/ksquash/kept")];
				expect(places.flatMap(configs).length).toBeGreaterThan(0);
			},
			finished: (root) => {
				expect(names(root.src)).toEqual([]);
				expect(mountsBelow(root.root)).toEqual([]);
				expect(configs(root.path("var/lib/ksquash/kept")).length).toBeGreaterThan(0);
			},
		});
	});
});

const ESC = String.fromCharCode(27);

/** Runs on a terminal of its own; Ctrl-C is typed as soon as the live line of this step is drawn. */
async function typedAt(step: string, args: readonly string[]): Promise<{ status: number | null; output: string }> {
	const command = 'stty -g; "$NODE" "$CLI" "$@"; s=$?; stty -g; exit $s';
	const quoted = args.map((word) => `'${word}'`).join(" ");
	const child = spawn(
		"script",
		["--quiet", "--return", "--command", `set -- ${quoted}; trap : INT; ${command}`, "/dev/null"],
		{
			stdio: ["pipe", "pipe", "inherit"],
			env: { PATH: process.env.PATH, NODE: process.execPath, CLI: cliPath, TERM: "xterm", SHELL: "/bin/sh" },
		},
	);
	let output = "";
	let typed = false;
	child.stdout.setEncoding("utf8").on("data", (text: string) => {
		output += text;
		if (typed || !output.includes(`  ${step}: `)) return;
		typed = true;
		child.stdin.write("\u0003");
	});
	const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
	expect(typed, `${step} was never drawn`).toBe(true);
	return { status, output };
}

/** What is left to read; the first and the last line are the terminal's own settings. */
function linesOf(output: string): string[] {
	const lines = output.replaceAll("\r\n", "\n").replaceAll("^C", "").trimEnd().split("\n");
	return lines.map((line) => line.split(`\r${ESC}[K`).at(-1) ?? "");
}

/** Live lines that nothing has drawn over. */
function halfDrawn(lines: readonly string[]): string[] {
	return lines.filter((line) => /^ {2}\w[\w ]*: /.test(line));
}

describe.skipIf(!has("script"))("Ctrl-C on a terminal", () => {
	it.each(["pack", "prove", "configure"])("in %s: 130, no half-drawn line, the terminal as it was", async (step) => {
		const { root, src, path } = scratchRoot();
		const tarball = placeTarball({ root, src, path });
		const args = ["install", tarball, "--base", "defconfig", "--root", root];
		const { status, output } = await typedAt(step, args);
		expect({ status, output }).toMatchObject({ status: 130 });
		const lines = linesOf(output);
		expect(lines.at(-1)).toBe(lines[0]);
		expect(halfDrawn(lines)).toEqual([]);
		expect(lines.at(-2)).toMatch(/^ksquash: interrupted/);
		expect(await ksquash(args)).toMatchObject({ status: 0 });
		expect(names(src)).toEqual(installed);
	});

	it("and this test finds a line that was not taken away", () => {
		const drawn = `\r${ESC}[K  pack: 3 % of 1 MB`;
		expect(halfDrawn(linesOf(`${drawn}^C\r\nksquash: interrupted\r\n`))).toEqual(["  pack: 3 % of 1 MB"]);
		expect(halfDrawn(linesOf(`${drawn}^C\r${ESC}[Kksquash: interrupted\r\n`))).toEqual([]);
	});
});
