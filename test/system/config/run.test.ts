/** Child processes: every way a program can fail, and that nothing of it stays behind. */

import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";
import { cleanEnvironment, run, start, which } from "../../../src/process/run.ts";

const work = mkdtempSync(join(tmpdir(), "ksquash-run-"));
afterAll(() => rmSync(work, { recursive: true, force: true }));

const sh = (script: string, options: Parameters<typeof run>[2] = {}) => run("sh", ["-c", script], options);
const alive = (pid: number): boolean => {
	try {
		return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
	} catch {
		return false;
	}
};

async function until(check: () => boolean, what: string): Promise<void> {
	for (let round = 0; round < 100; round++) {
		if (check()) return;
		await sleep(50);
	}
	throw new Error(`not within 5 s: ${what}`);
}

describe("how a program ends", () => {
	test("well: its output as bytes and as lines", async () => {
		const result = await sh('printf "a\\nb\\r\\nc\\377"; printf "d\\n" >&2');
		expect(result.stdout).toEqual(Buffer.from("a\nb\r\nc\xff", "latin1"));
		expect(result.lines.toSorted()).toEqual(["a", "b", "c\ufffd", "d"]);
	});
	test("missing: the package to install", async () => {
		await expect(run("ksquash-no-such-program", [])).rejects.toMatchObject({ code: "ERR_KSQUASH_TOOL_MISSING" });
		expect(() => start("ksquash-no-such-program", [])).toThrow("is missing");
	});
	test("with a status: the last 20 lines", async () => {
		await expect(sh("seq 30; exit 3")).rejects.toMatchObject({
			code: "ERR_KSQUASH_TOOL_FAILED",
			message: "sh ended with exit status 3",
			notes: Array.from({ length: 20 }, (_, at) => String(at + 11)),
		});
		expect((await sh("exit 3", { okStatus: [0, 3] })).status).toBe(3);
	});
	test("by a signal", async () => {
		await expect(sh("kill -KILL $$")).rejects.toMatchObject({
			message: "sh was ended by SIGKILL",
			signal: "SIGKILL",
		});
	});
	test("late", async () => {
		await expect(sh("sleep 60", { timeoutMs: 200 })).rejects.toMatchObject({ message: "sh did not end within 0.2 s" });
	});
	test("a working directory that is not there", async () => {
		await expect(sh("true", { cwd: join(work, "none") })).rejects.toMatchObject({ code: "ERR_KSQUASH_TOOL_FAILED" });
	});
});

test("stdin is closed: a program that asks does not hang", async () => {
	expect((await sh("cat; echo done")).lines).toEqual(["done"]);
	expect((await sh("readlink /proc/self/fd/0")).lines).toEqual(["/dev/null"]);
});

test("nothing is inherited", async () => {
	const set = { MAKEFLAGS: "n", LD_PRELOAD: "", ARCH: "amd64", GZIP: "-1", LANG: "de_DE" };
	Object.assign(process.env, set);
	try {
		const names = (await sh("env")).lines.map((line) => line.split("=")[0]);
		expect(
			names.filter((name) => !["PATH", "LC_ALL", "HOME", "PWD", "_", "SHLVL", "OLDPWD"].includes(name ?? "")),
		).toEqual([]);
	} finally {
		for (const name of Object.keys(set)) delete process.env[name];
	}
	expect(Object.keys(cleanEnvironment())).toEqual(["PATH", "LC_ALL", "HOME"]);
});

test("programs come from fixed directories, never from a relative path or the caller's PATH", () => {
	expect(which("sh")).toMatch(/^\/(?:usr\/)?bin\/sh$/);
	for (const name of ["./sh", "bin/sh", "", ".", "..", "../bin/sh"]) expect(which(name)).toBeUndefined();
	const open = join(work, "open");
	execFileSync("sh", ["-c", `printf '#!/bin/sh\n' > ${open}; chmod 777 ${open}`]);
	expect(which(open)).toBeUndefined();
	execFileSync("chmod", ["755", open]);
	expect(which(open)).toBe(open);
});

describe("abort", () => {
	test("ends grandchildren too, also those that ignore SIGTERM", async () => {
		const file = join(work, "pids");
		const control = new AbortController();
		const script = `(trap '' TERM; echo $$ > ${file}.a; sleep 300 & echo $! > ${file}.b; wait) & sleep 300`;
		const running = sh(script, { signal: control.signal, graceMs: 300 });
		await until(() => existsSync(`${file}.b`) && readFileSync(`${file}.b`, "latin1").endsWith("\n"), "the start");
		control.abort(new Error("enough"));
		await expect(running).rejects.toThrow("enough");
		const pids = ["a", "b"].map((name) => Number(readFileSync(`${file}.${name}`, "latin1")));
		await until(() => !pids.some(alive), "the end of all");
	});
	test("a program that ignores SIGTERM is killed after the grace", async () => {
		const begun = performance.now();
		const signal = AbortSignal.timeout(200);
		await expect(sh("trap '' TERM; while :; do sleep 0.1; done", { signal, graceMs: 300 })).rejects.toThrow();
		expect(performance.now() - begun).toBeLessThan(5000);
	});
	test("before the start: nothing runs", async () => {
		const path = join(work, "never");
		await expect(sh(`touch ${path}`, { signal: AbortSignal.abort(new Error("no")) })).rejects.toThrow("no");
		expect(existsSync(path)).toBe(false);
	});
});

test("when we are killed, the child ends", async () => {
	const file = join(work, "orphan");
	const code = `import { run } from ${JSON.stringify(new URL("../../../src/process/run.ts", import.meta.url).pathname)};
		await run("sh", ["-c", "echo $$ > ${file}; exec sleep 300"]);`;
	const bundle = join(work, "parent.mjs");
	const { build } = await import("esbuild");
	const stdin = { contents: code, resolveDir: work, loader: "ts" } as const;
	await build({ stdin, bundle: true, platform: "node", format: "esm", outfile: bundle, logLevel: "error" });
	const parent = spawn(process.execPath, [bundle], { stdio: "inherit" });
	await until(() => existsSync(file) && readFileSync(file, "latin1").endsWith("\n"), "the start");
	const pid = Number(readFileSync(file, "latin1"));
	expect(alive(pid)).toBe(true);
	parent.kill("SIGKILL");
	await until(() => !alive(pid), "the child's end");
});

describe("output", () => {
	test("huge: lines are handed on, and nothing is kept", async () => {
		let count = 0;
		const result = await sh("seq 2000000", { stdout: "lines", onLine: () => (count += 1) });
		expect(count).toBe(2_000_000);
		expect(result.lines).toEqual([]);
		expect(result.lastLines).toHaveLength(20);
	});
	test("huge: what would be kept has a limit", async () => {
		const bytes = sh("head -c 80000000 /dev/zero; sleep 60");
		await expect(bytes).rejects.toMatchObject({ message: expect.stringContaining("more than 64 MiB") });
		await expect(sh("yes")).rejects.toMatchObject({ message: expect.stringContaining("more than 1048576 lines") });
	});
	test("a line without an end comes in pieces", async () => {
		const lengths: number[] = [];
		await sh("head -c 200000 /dev/zero | tr '\\0' x", { stdout: "lines", onLine: (line) => lengths.push(line.length) });
		expect(lengths.reduce((a, b) => a + b)).toBe(200_000);
		expect(Math.max(...lengths)).toBeLessThanOrEqual(1 << 16);
	});
	test("a progress bar's carriage returns end lines; a split CRLF is one", async () => {
		const script = 'printf "10%%\\r20%%\\r"; sleep 0.2; printf "\\n30%%"';
		expect((await sh(script)).lines).toEqual(["10%", "20%", "30%"]);
	});
	test("an onLine that throws ends the program", async () => {
		const onLine = (): void => {
			throw new Error("mine");
		};
		await expect(sh("while :; do echo x; sleep 0.1; done", { onLine })).rejects.toThrow("mine");
	});
	test("a daemon that holds the output open does not hold us", async () => {
		const begun = performance.now();
		const { lines } = await sh("echo a; sleep 60 & echo $!");
		process.kill(Number(lines[1]));
		expect(lines[0]).toBe("a");
		expect(performance.now() - begun).toBeLessThan(20_000);
	});
});

describe("streams", () => {
	test("in and out", async () => {
		const child = start("cat", [], { stdin: "pipe" });
		child.stdin.write("a");
		child.stdin.end("b");
		expect((await buffer(child.stdout)).toString()).toBe("ab");
		await child.finished;
	});
	test("a program that stops reading: no crash, and its status is the error", async () => {
		const child = start("sh", ["-c", "exec <&-; sleep 0.2; exit 4"], { stdin: "pipe", stdout: "lines" });
		for (let round = 0; round < 50; round++) child.stdin.write(Buffer.alloc(1 << 16));
		await expect(child.finished).rejects.toMatchObject({ message: "sh ended with exit status 4" });
		child.stdin.write("after the end");
		await sleep(50);
	});
	test("the input's rest stays with its owner", async () => {
		const input = Readable.from(Array.from({ length: 200 }, () => Buffer.alloc(1 << 14)));
		await run("head", ["-c", "1"], { input });
		let rest = 0;
		for await (const chunk of input) rest += (chunk as Buffer).length;
		expect(rest).toBeGreaterThan(0);
	});
	test("an error of the input ends the program and is the error", async () => {
		const input = async function* () {
			yield "a";
			throw new Error("bad input");
		};
		await expect(run("cat", [], { input: input() })).rejects.toThrow("bad input");
		const cut = new Readable({ read() {} });
		const running = run("cat", [], { input: cut });
		cut.push("a");
		setTimeout(() => cut.destroy(), 100);
		await expect(running).rejects.toThrow("cut off");
	});
	test("finished may be ignored", async () => {
		start("false", [], { stdout: "lines" });
		await sleep(200);
	});
});

const asRoot = process.geteuid?.() === 0 ? test : test.skip;

asRoot("as another user: ids, groups and no way back", async () => {
	const known = await run("sh", ["-c", "id -u; id -g; id -G; grep -E '^Cap(Inh|Prm|Eff)' /proc/self/status"], {
		as: { uid: 65534, gid: 65534, known: true },
	});
	expect(known.lines.slice(0, 2)).toEqual(["65534", "65534"]);
	expect(known.lines[2]).not.toMatch(/\b0\b/);
	for (const line of known.lines.slice(3)) expect(line).toMatch(/:\s+0+$/);
	const own = process.getgroups?.() ?? [];
	process.setgroups?.([0, 4]);
	const unknown = await run("id", ["-G"], { as: { uid: 54321, gid: 54321, known: false } });
	process.setgroups?.(own);
	expect(unknown.lines).toEqual(["54321"]);
});
