/** The CLI as a process: help, usage errors, JSON, exit statuses, signals, pipes. */

import { execFileSync, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cli, cliPath } from "../../support/cli.ts";
import { placeTarball, placeTree, scratchRoot, smallRelease } from "../../support/scratch.ts";

const commands = ["install", "pack", "verify", "mount", "umount", "configure", "select", "remove", "status", "doctor"];

describe("help", () => {
	it("lists every command", async () => {
		const { status, stdout } = await cli(["--help"]);
		expect(status).toBe(0);
		for (const command of commands) expect(stdout).toMatch(new RegExp(`^  ${command} `, "m"));
	});

	it.each(commands)("of %s has examples, and the flags all commands have", async (command) => {
		const { status, stdout } = await cli([command, "--help"]);
		expect(status).toBe(0);
		expect(stdout).toContain(`ksquash ${command}`);
		expect(stdout).toMatch(/--root/);
		expect(stdout).toMatch(/--json/);
	});

	it("prints the package's version", async () => {
		const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "../../../package.json"), "utf8"));
		expect((await cli(["--version"])).stdout.trim()).toBe(version);
	});
});

describe("usage errors are 64", () => {
	it.each([
		["an unknown command", ["instal", "x"], "did you mean `install`"],
		["an unknown flag", ["status", "--jsn"], "--json"],
		["no release", ["mount"], "name a release"],
		["a release and --all", ["mount", "--all", "6.1"], "not both"],
		["a release that is no name", ["mount", "../etc"], "no name of a kernel release"],
		["a bad size", ["pack", "x", "--block-size", "12Q"], "no size"],
		["a bad preset", ["pack", "x", "--preset", "tiny"], "smallest"],
		["options for mksquashfs where there is none", ["status", "--", "-b"], "mksquashfs options"],
		["keep and replace at once", ["pack", "/", "--keep-source", "--replace-source"], "exclude each other"],
	])("%s", async (_, args, words) => {
		const { status, stderr, stdout } = await cli(args);
		expect([status, stdout]).toEqual([64, ""]);
		expect(stderr).toContain(words);
	});
});

describe("errors", () => {
	it("say what, where, why and what to do; with --json as one object", async () => {
		const plain = await cli(["pack", "/nowhere/linux.tar.xz"]);
		expect(plain).toMatchObject({ status: 66, stdout: "" });
		expect(plain.stderr).toMatch(/^ksquash: there is no \/nowhere\/linux\.tar\.xz\n {2}→ /);
		const json = await cli(["pack", "--json", "/nowhere/linux.tar.xz"]);
		expect([json.status, json.json()]).toEqual([
			66,
			{ error: expect.objectContaining({ code: "ERR_KSQUASH_NO_INPUT" }), warnings: [] },
		]);
	});

	it("leave no stack trace when the settings are wrong", async () => {
		const scratch = scratchRoot();
		execFileSync("sh", [
			"-c",
			`mkdir -p "$0/etc/ksquash" && printf 'preset = "tiny"\\n' >"$0/etc/ksquash/config.toml"`,
			scratch.root,
		]);
		const { status, stderr } = await cli(["status", "--root", scratch.root]);
		expect(status).toBe(78);
		expect(stderr).toContain("config.toml: preset must be smallest, balanced or fast");
		expect(stderr).not.toContain("    at ");
	});

	it("a pipe that is closed early is no crash", async () => {
		const { stderr, status } = await new Promise<{ stderr: string; status: number | null }>((resolve) => {
			const child = spawn("sh", [
				"-c",
				`"$0" "$1" --help | true; "$0" "$1" doctor | head -c 1 >&2`,
				process.execPath,
				cliPath,
			]);
			let text = "";
			child.stderr.on("data", (chunk) => {
				text += chunk;
			});
			child.on("close", (code) => resolve({ stderr: text, status: code }));
		});
		expect([status, stderr]).toEqual([0, expect.not.stringContaining("EPIPE")]);
	});
});

describe("output", () => {
	it("is one JSON object for every command", async () => {
		const scratch = scratchRoot();
		const root = ["--root", scratch.root, "--json"];
		const tarball = placeTarball(scratch);
		const installed = (await cli(["install", ...root, "--base", "defconfig", tarball])).json();
		expect(installed).toMatchObject({ release: smallRelease, pack: { already: false }, boot: "no" });
		for (const command of ["verify", "mount", "configure", "umount"]) {
			const result = (await cli([command, ...root, smallRelease])).json();
			expect(result).toMatchObject({ results: [{ release: smallRelease }], failed: [] });
		}
		expect((await cli(root)).json()).toMatchObject({
			releases: [{ release: smallRelease, state: "unmounted", selected: true }],
		});
		expect((await cli(["select", ...root, smallRelease])).json()).toMatchObject({ moved: false });
		expect((await cli(["mount", "--all", ...root])).json()).toMatchObject({ results: [{ already: false }] });
		expect((await cli(["remove", ...root, smallRelease, "6.2"])).json()).toMatchObject({
			results: [{ release: smallRelease, stays: [] }],
			failed: [{ release: "6.2", error: { code: "ERR_KSQUASH_NO_RELEASE" } }],
		});
		expect((await cli(["doctor", "--json"])).json()).toMatchObject({ healthy: true });
	});

	it("shows a table, also without any command", async () => {
		const scratch = scratchRoot();
		expect((await cli(["--root", scratch.root])).stdout).toContain("no images here yet");
		await cli(["pack", "--root", scratch.root, placeTarball(scratch)]);
		const { stdout } = await cli(["--root", scratch.root]);
		expect(stdout.split("\n")[0]).toMatch(/^RELEASE +STATE +IMAGE +SAVED +INODES SAVED +BOOT +BUILD DIRECTORY$/);
		expect(stdout).toContain(smallRelease);
	});

	it("with --dry-run says what would be done, and does none of it", async () => {
		const scratch = scratchRoot();
		const tree = placeTree(scratch);
		const before = readdirSync(scratch.src);
		const { status, stdout } = await cli(["install", "--dry-run", "--root", scratch.root, tree]);
		expect([status, stdout]).toEqual([0, expect.stringMatching(/^would:\n/)]);
		expect(readdirSync(scratch.src)).toEqual(before);
		expect(readdirSync(scratch.root)).toEqual(["usr"]);
	});
});

describe("signals", () => {
	it.each([
		["SIGINT", 130],
		["SIGTERM", 143],
	] as const)("%s ends it with %i and undoes what was begun", async (signal, expected) => {
		const scratch = scratchRoot();
		const tree = placeTree(scratch);
		// A big file that cannot be compressed quickly: time to interrupt.
		execFileSync("dd", ["if=/dev/urandom", `of=${tree}/big.bin`, "bs=1M", "count=48", "status=none"]);
		const options = ["--preset", "smallest", "--jobs", "1"];
		const { status, stderr } = await cli(["pack", "--root", scratch.root, ...options, tree], {
			onStart: (pid) => setTimeout(() => process.kill(pid, signal), 1500),
		});
		expect([status, stderr]).toEqual([expected, expect.stringContaining("interrupted")]);
		expect(readdirSync(scratch.src)).toEqual([`linux-${smallRelease}`]);
	});
});
