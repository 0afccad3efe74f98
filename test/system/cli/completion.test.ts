/** Completion, asked for by the real shells. */

import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { which } from "../../../src/process/run.ts";
import { cliPath } from "../../support/cli.ts";
import { mustWork } from "../../support/kernel.ts";

/** A directory with `ksquash` in it, as an installation would put it into PATH. */
const bin = mkdtempSync(join(tmpdir(), "ksquash-completion-"));
afterAll(() => rmSync(bin, { recursive: true }));
writeFileSync(join(bin, "ksquash"), `#!/bin/sh\nexec ${process.execPath} ${cliPath} "$@"\n`);
chmodSync(join(bin, "ksquash"), 0o755);
const env = { PATH: `${bin}:${process.env.PATH}`, HOME: bin, TERM: "dumb" };
const lines = (text: string): string[] => text.split("\n").filter((line) => line !== "");

const shells: [string, (...words: string[]) => string[]][] = [
	[
		"bash",
		(...words) => {
			const quoted = ["ksquash", ...words].map((word) => `'${word}'`).join(" ");
			const script = `source <(ksquash completion bash); COMP_WORDS=(${quoted}); COMP_CWORD=${words.length}
_ksquash; printf '%s\\n' "\${COMPREPLY[@]}"`;
			return lines(execFileSync("bash", ["-c", script], { env, encoding: "utf8" }));
		},
	],
	[
		"zsh",
		(...words) => {
			// compadd and _files work only within the line editor: these say what they are given.
			const quoted = ["ksquash", ...words].map((word) => `'${word}'`).join(" ");
			const script = `compdef() { }; compadd() { print -l -- "\${(@P)2}" }; _files() { print -l -- files }
source <(ksquash completion zsh); words=(${quoted}); CURRENT=${words.length + 1}; _ksquash`;
			return lines(execFileSync("zsh", ["-fc", script], { env, encoding: "utf8" })).filter((line) => line !== "files");
		},
	],
	[
		"fish",
		(...words) => {
			const script = `ksquash completion fish | source; complete -C '${["ksquash", ...words].join(" ")}'`;
			const files = readdirSync(bin);
			const said = lines(execFileSync("fish", ["-c", script], { env, encoding: "utf8", cwd: bin }));
			return said.filter((line) => !files.includes(line));
		},
	],
];

describe.each(shells)("%s", (shell, complete) => {
	const there = which(shell) !== undefined;
	it.skipIf(!there && !mustWork)(`completes commands, flags, values (skipped where there is no ${shell})`, () => {
		expect(complete("mo")).toEqual(["mount"]);
		expect(complete("").sort()).toEqual(expect.arrayContaining(["completion", "install", "status", "umount"]));
		expect(complete("config", "ex")).toEqual(["explain"]);
		expect(complete("umount", "--la")).toEqual(["--lazy"]);
		expect(complete("pack", "--preset", "b")).toEqual(["balanced"]);
		expect(complete("completion", "z")).toEqual(["zsh"]);
		expect(complete("pack", "nothing-like-it")).toEqual([]);
	});
});

it("is asked for nothing that can be installed by mistake", () => {
	const ran = spawnSync(join(bin, "ksquash"), ["completion", "tcsh"], { env, encoding: "utf8" });
	expect(ran.status).toBe(64);
	expect(ran.stdout).toBe("");
	expect(spawnSync(join(bin, "ksquash"), ["--help"], { env, encoding: "utf8" }).stdout).not.toContain("__complete");
});
