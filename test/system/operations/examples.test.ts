/** Every program in examples/ runs, as it stands and where it must be compiled, and leaves nothing. */

import { spawn, spawnSync } from "node:child_process";
import {
	copyFileSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { transformSync } from "esbuild";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { mount, pack, umount } from "../../../src/index.ts";
import { loopsBelow, mountsBelow, placeTarball, scratchRoot, smallRelease } from "../../support/scratch.ts";

const top = join(import.meta.dirname, "../../..");
const examples = readdirSync(join(top, "examples")).filter((name) => /\.m[jt]s$/.test(name));

/** A directory of somebody's project that has ksquash installed, with the example in it as this Node can run it. */
function place(name: string): string {
	const project = mkdtempSync(join(tmpdir(), "ksquash-example-"));
	onTestFinished(() => rmSync(project, { recursive: true }));
	mkdirSync(join(project, "node_modules"));
	writeFileSync(join(project, "package.json"), '{ "private": true }');
	symlinkSync(top, join(project, "node_modules/ksquash"));
	const source = join(top, "examples", name);
	const to = join(project, name.replace(/\.mts$/, ".mjs"));
	if (name.endsWith(".mjs")) copyFileSync(source, to);
	else writeFileSync(to, transformSync(readFileSync(source, "utf8"), { loader: "ts", target: "node20" }).code);
	return to;
}

function run(name: string, args: readonly string[], env: Record<string, string> = {}) {
	const before = name.startsWith("test-") ? ["--test"] : [];
	const words = [...before, place(name), ...args];
	const { status, stdout, stderr } = spawnSync(process.execPath, words, {
		encoding: "utf8",
		env: { PATH: process.env.PATH, ...env },
	});
	return { status, stdout, stderr };
}

it("has a test for each", () => {
	const tested = [
		"build-farm-worker.mjs",
		"build-farm-worker.mts",
		"configs.mjs",
		"mount-monitor.mjs",
		"test-fixture.mjs",
		"test-fixture.mts",
	];
	expect(examples.toSorted()).toEqual(tested);
});

describe.each(["build-farm-worker.mts", "build-farm-worker.mjs"])("%s", (name) => {
	it("builds in a directory of its own, and takes it and the mount away again", { timeout: 60_000 }, async () => {
		const { root, src } = scratchRoot();
		await pack(placeTarball({ root, src, path: (...parts) => join(root, ...parts) }), { root, preset: "fast" });
		const before = readdirSync(src).toSorted();
		const ran = run(name, [root, smallRelease, "job7", "prepare"]);
		expect(ran).toMatchObject({ status: 0, stderr: "" });
		expect(ran.stdout).toContain("job7: make ended with 0");
		// The empty mount point stays, as after any umount.
		expect(readdirSync(src).toSorted()).toEqual([...before, `linux-${smallRelease}`].toSorted());
		expect([mountsBelow(root), loopsBelow(root)]).toEqual([[], []]);
		expect(run(name, [root, smallRelease, "job8", "no-such-target"]).status).toBe(1);
		expect([mountsBelow(root), loopsBelow(root)]).toEqual([[], []]);
		await mount(smallRelease, { root });
		expect(run(name, [root, smallRelease, "job9", "prepare"])).toMatchObject({ status: 0 });
		expect(mountsBelow(root)).toHaveLength(1);
		await umount(smallRelease, { root });
	});

	it("ends with the error's status, and says what to do", () => {
		const { root } = scratchRoot();
		const { status, stderr } = run(name, [root, "6.66", "job", "all"]);
		expect([status, stderr]).toEqual([66, expect.stringMatching(/^ERR_KSQUASH_NO_RELEASE: .*\n {2}\S/)]);
	});
});

it.each(["test-fixture.mts", "test-fixture.mjs"])("%s", { timeout: 60_000 }, (name) => {
	const scratch = scratchRoot();
	mkdirSync(scratch.path("work"));
	const { status, stdout } = run(name, [], { KERNEL: placeTarball(scratch), TMPDIR: scratch.path("work") });
	expect([status, /^# pass (\d+)$/m.exec(stdout)?.[1], /^# fail (\d+)$/m.exec(stdout)?.[1]]).toEqual([0, "3", "0"]);
	expect([readdirSync(scratch.path("work")), mountsBelow(scratch.root)]).toEqual([[], []]);
	expect(run(name, [], { KERNEL: "/nonexistent.tar", TMPDIR: scratch.path("work") }).status).toBe(1);
});

it("configs.mjs", () => {
	const { path, root } = scratchRoot();
	writeFileSync(path("base"), 'CONFIG_A=y\nCONFIG_B=m\nCONFIG_S="x"\n');
	writeFileSync(path("mine"), "CONFIG_B=y\n# CONFIG_A is not set\nCONFIG_C = y\n");
	const { status, stdout } = run("configs.mjs", [path("base"), path("mine")]);
	expect(status).toBe(0);
	expect(stdout.replaceAll(`${root}/`, "").split("\n")).toEqual([
		expect.stringMatching(/^mine:3:\d+: /),
		...["B: redefinition, m → y", "A: redefinition, y → n", "A y → n", "B m → y", "left over: 0", ""],
	]);
});

it("mount-monitor.mjs", { timeout: 30_000 }, async () => {
	const scratch = scratchRoot();
	const { root } = scratch;
	const { image, mountPoint } = await pack(placeTarball(scratch), { root, preset: "fast" });
	mkdirSync(mountPoint);
	const monitor = spawn(process.execPath, [place("mount-monitor.mjs"), image, mountPoint], {
		stdio: ["ignore", "pipe", "inherit"],
	});
	let printed = "";
	monitor.stdout.setEncoding("utf8").on("data", (text) => {
		printed += text;
	});
	const says = async (line: RegExp): Promise<void> => await vi.waitFor(() => expect(printed).toMatch(line), 10_000);
	try {
		await says(/: unmounted/);
		await mount(smallRelease, { root });
		await says(/: mounted, \/dev\/loop\d+$/m);
		rmSync(image);
		await umount(smallRelease, { root, force: true });
		await says(/: unmounted.*: mounted.*: unmounted/s);
	} finally {
		monitor.kill("SIGINT");
	}
	expect(await new Promise((done) => monitor.once("close", done))).toBe(0);
	expect(printed).toMatch(/done\n$/);
});
