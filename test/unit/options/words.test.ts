/** The library's options as words of the command line, and back: the CLI must read the same from them. */

import { buildApplication, buildCommand, run } from "@stricli/core";
import { describe, expect, it } from "vitest";
import type { CliContext } from "../../../src/cli/context.ts";
import { flagsOf, optionsFrom } from "../../../src/cli/flags.ts";
import { flagged, specOf } from "../../../src/options/table.ts";
import type { Flags, OptionName } from "../../../src/options/types.ts";
import { type CommandVerb, commandVerbs } from "../../../src/options/verbs.ts";
import { optionWords } from "../../../src/options/words.ts";

describe("optionWords", () => {
	it("writes flags, values and lists by the names that the command line has", () => {
		const options = {
			...{ root: "/mnt/a b", compressor: "xz", blockSize: 262144, mounts: true, nice: false, jobs: undefined },
			patches: ["one.patch", "two.patch"],
		};
		expect(optionWords("pack", options)).toEqual([
			...["--root", "/mnt/a b", "--comp", "xz", "--block-size", "262144", "--for-this-kernel"],
			...["--patch", "one.patch", "--patch", "two.patch"],
		]);
	});

	it("joins a value that begins with a dash to its flag", () => {
		expect(optionWords("configure", { localVersion: "-mine", owner: 1000, makeArgs: ["-x"] })).toEqual([
			...["--owner", "1000", "--localversion=-mine", "--make=-x"],
		]);
	});

	it("leaves out what the command has no flag for", () => {
		const install = { fuse: "never", variant: "arm", keepSource: true, userSpace: true, select: true, signal: {} };
		expect(optionWords("mount", install)).toEqual(["--fuse", "never"]);
		expect(optionWords("select", install)).toEqual(["--variant", "arm"]);
		expect(optionWords("pack", { ...install, owner: "alice", buildDir: "/b" })).toEqual([
			...["--keep-source", "--user-space"],
		]);
	});

	it("writes a depth as its flag, and tool options behind dashes", () => {
		expect(optionWords("verify", { depth: "deep" })).toEqual(["--deep"]);
		expect(optionWords("verify", { depth: "full" })).toEqual([]);
		expect(optionWords("pack", { toolOptions: ["-Xcompression-level", "19"], release: "6.1" })).toEqual([
			...["--release", "6.1", "--", "-Xcompression-level", "19"],
		]);
	});
});

/** Values that are easily read as something else. */
function valuesOf(name: OptionName): readonly unknown[] {
	const { kind, values = [] } = specOf(name);
	const texts = ["x", "-x", "--root", "a b", "a=b", "=", "'", ""];
	if (kind === "enum") return values;
	if (kind === "flag") return [true];
	if (kind === "count") return [1, 999999];
	if (kind === "size") return [1, 4096, 1 << 20];
	return kind === "texts" ? [["x"], texts.slice(0, -1)] : texts;
}

/** What the CLI makes of these words. */
async function parsed(verb: CommandVerb, words: readonly string[]): Promise<object | undefined> {
	let read: object | undefined;
	const like = verb as "install";
	const command = buildCommand<Flags<"install">, string[], CliContext>({
		func(flags) {
			read = optionsFrom(like, flags);
		},
		parameters: {
			...flagsOf(like),
			positional: { kind: "array", parameter: { parse: String, brief: "", placeholder: "x" } },
		},
		docs: { brief: "" },
	});
	let said = "";
	const write = (text: string): void => {
		said += text;
	};
	const app = buildApplication(command, { name: "x", scanner: { caseStyle: "allow-kebab-for-camel" } });
	const context = { process: { stdout: { write }, stderr: { write } } };
	await run(app, words, context as never);
	expect([words, said]).toEqual([words, ""]);
	return read;
}

describe("every option of every command", () => {
	it.each(commandVerbs)("%s: is read from its words as it was", async (verb) => {
		const own = flagged(verb).filter(([, { verbs, behindDashes }]) => verbs.includes(verb) && !behindDashes);
		expect(own.length).toBeGreaterThan(0);
		for (const [name] of own) {
			for (const value of valuesOf(name)) {
				const words = optionWords(verb, { [name]: value });
				// The usual depth has no flag.
				const expected = value === "full" ? {} : { [name]: value };
				expect([words, await parsed(verb, words)]).toEqual([words, expected]);
			}
		}
	});
});
