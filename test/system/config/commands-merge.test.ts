/** ksquash config merge, on the small kernel: what a person types, sees, and gets as exit status. */

import { execFileSync, spawn } from "node:child_process";
import {
	chmodSync,
	existsSync,
	lstatSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type CliResult, cli, cliPath } from "../../support/cli.ts";
import { type Scratch, scratchRoot } from "../../support/scratch.ts";

beforeAll(() => {
	if (!existsSync(cliPath)) throw new Error("build first: npm run build:ts");
});

const config = async (scratch: Scratch, ...args: string[]): Promise<CliResult> =>
	await cli(["config", ...args, "--root", scratch.root], { cwd: scratch.root });

const put = (scratch: Scratch, name: string, text: string | Buffer): string => {
	const path = scratch.path(name);
	mkdirSync(join(path, ".."), { recursive: true });
	writeFileSync(path, text);
	return path;
};

describe("config merge", () => {
	test("to stdout: the bytes alone; what is to be said goes to stderr", async () => {
		const scratch = scratchRoot();
		put(scratch, "a base.config", "CONFIG_A=y\nCONFIG_B=y\n");
		put(scratch, "x=y z.config", "CONFIG_A=m\nCONFIG_B=y\nCONFIG_C = 1\n");
		const { status, stdout, stderr } = await config(scratch, "merge", "a base.config", "x=y z.config");
		expect([status, stdout]).toEqual([0, "\nCONFIG_A=m\nCONFIG_B=y\nCONFIG_C = 1\n"]);
		expect(stderr).toContain("x=y z.config:3:9: lost: there is a blank before “=”");
		expect(stderr).toContain("x=y z.config:1: CONFIG_A=m is redefined; it was y (a base.config:1)");
		expect(stderr).not.toContain("CONFIG_B");
		expect(readdirSync(scratch.root).toSorted()).toEqual(["a base.config", "usr", "x=y z.config"]);
	});

	test("-o: atomic, the old one kept with its mode, twice is once, inputs untouched, a link stays a link", async () => {
		const scratch = scratchRoot();
		const base = put(scratch, ".config", "CONFIG_A=y\n");
		chmodSync(base, 0o600);
		put(scratch, "f", "CONFIG_A=m\n");
		symlinkSync(".config", scratch.path("link"));
		const first = await config(scratch, "merge", ".config", "f", "-o", "link");
		expect([first.status, first.stdout]).toEqual([0, expect.stringContaining("written")]);
		expect(readFileSync(base, "utf8")).toBe("\nCONFIG_A=m\n");
		expect(readFileSync(scratch.path(".config.old"), "utf8")).toBe("CONFIG_A=y\n");
		expect([statSync(base).mode & 0o777, statSync(scratch.path(".config.old")).mode & 0o777]).toEqual([0o600, 0o600]);
		expect(lstatSync(scratch.path("link")).isSymbolicLink()).toBe(true);
		const output = ["merge", "f", "f", "-o", "new"];
		await config(scratch, ...output);
		expect((await config(scratch, ...output)).stdout).toContain("has this content already");
		expect(existsSync(scratch.path("new.old"))).toBe(false);
		expect(readdirSync(scratch.root).filter((name) => name.includes("tmp"))).toEqual([]);
	});

	test("--dry-run writes nothing, also no temporary file; a directory that cannot be written is enough", async () => {
		const scratch = scratchRoot();
		put(scratch, "in/a", "CONFIG_A=y\n");
		put(scratch, "in/b", "CONFIG_A=n\n");
		const result = await config(scratch, "merge", "in/a", "in/b", "-o", "in/out", "--dry-run");
		expect([result.status, result.stdout]).toEqual([0, expect.stringContaining("would:\n  write")]);
		expect(readdirSync(scratch.path("in"))).toEqual(["a", "b"]);
	});

	test("a directory where a config should be is missing input", async () => {
		const scratch = scratchRoot();
		const { status, stderr } = await config(scratch, "diff", scratch.root, "running");
		expect(stderr).toMatch(/EISDIR.*\n.*check the path/);
		expect(status).toBe(2); // as diff(1): 1 means that they differ
	});
	test("refused: a fragment as the output, a link that leads nowhere, a directory, a device", async () => {
		const scratch = scratchRoot();
		put(scratch, "a", "CONFIG_A=y\n");
		put(scratch, "b", "CONFIG_A=n\n");
		symlinkSync("nowhere", scratch.path("dangling"));
		for (const [output, status] of [
			["b", 64],
			["dangling", 73],
			["usr", 73],
			["/dev/null", 73],
			["usr/no/file", 66],
		] as const) {
			const result = await config(scratch, "merge", "a", "b", "-o", output);
			expect([output, result.status, result.stdout]).toEqual([output, status, ""]);
		}
		expect(readFileSync(scratch.path("b"), "utf8")).toBe("CONFIG_A=n\n");
	});

	test("a missing base is an error, not an empty file (6.1 makes one)", async () => {
		const scratch = scratchRoot();
		put(scratch, "f", "CONFIG_A=y\n");
		const result = await config(scratch, "merge", "none", "f", "-o", "out");
		expect([result.status, existsSync(scratch.path("none")), existsSync(scratch.path("out"))]).toEqual([
			66,
			false,
			false,
		]);
	});

	test("--strict: lost lines and redefinitions, each with its place; 65, nothing written", async () => {
		const scratch = scratchRoot();
		put(scratch, "a", "CONFIG_A=y\n");
		put(scratch, "b", "CONFIG_A=m\nCONFIG_B = y\nCONFIG_C=y\nCONFIG_C=n\n");
		const result = await config(scratch, "merge", "a", "b", "-o", "out", "--strict");
		expect(result.status).toBe(65);
		for (const text of ["b:2:9: lost", "b:1: CONFIG_A=m, but a:1 says y", "b:4: CONFIG_C=n, but b:3 says y"]) {
			expect(result.stderr).toContain(text);
		}
		expect(existsSync(scratch.path("out"))).toBe(false);
	});

	test("--set, --keep-builtin, --redundant, --json", async () => {
		const scratch = scratchRoot();
		put(scratch, "a", "CONFIG_A=y\nCONFIG_B=y\n");
		put(scratch, "b", "CONFIG_A=m\nCONFIG_B=y\n");
		const flags = ["--keep-builtin", "--redundant", "--set", "S=a b", "--set", "CONFIG_N=n"];
		const shown = await config(scratch, "merge", "a", "b", ...flags);
		expect(shown.stdout).toBe('CONFIG_A=y\n\nCONFIG_B=y\n\nCONFIG_S="a b"\n# CONFIG_N is not set\n');
		expect(shown.stderr).toContain("b:2: CONFIG_B=y is as it was: y (a:2)");
		const result = (await config(scratch, "merge", "a", "b", ...flags, "--json")).json();
		expect(result).toMatchObject({ text: shown.stdout, already: false, asked: 3, promoted: [] });
		expect((await config(scratch, "merge", "a")).status).toBe(64);
		expect((await config(scratch, "merge", "a", "--set", "A B=y")).status).toBe(64);
	});

	test("stdin is not read: a pipe that says nothing does not hang it", async () => {
		const scratch = scratchRoot();
		put(scratch, "a", "CONFIG_A=y\n");
		const child = spawn(process.execPath, [cliPath, "config", "merge", "a", "a"], {
			cwd: scratch.root,
			stdio: ["pipe", "ignore", "ignore"],
		});
		const status = await new Promise((resolve) => child.once("close", resolve));
		child.stdin.destroy();
		expect(status).toBe(0);
	});

	test("a slow pipe is a file like any other; a FIFO without a writer does not hang it", async () => {
		const scratch = scratchRoot();
		put(scratch, "a", "CONFIG_A=y\n");
		const script = '"$1" "$2" config diff <(sleep 0.3; echo CONFIG_A=m) a';
		expect(() =>
			execFileSync("bash", ["-c", script, "bash", process.execPath, cliPath], { cwd: scratch.root, encoding: "utf8" }),
		).toThrow(expect.objectContaining({ status: 1, stdout: " A m -> y\n" }));
		execFileSync("mkfifo", [scratch.path("fifo")]);
		const silent = await config(scratch, "diff", "fifo", "a");
		expect([silent.status, silent.stdout]).toEqual([2, ""]);
		expect(silent.stderr).toContain("nothing came out of this pipe");
	});
});
