/** An option is declared once: everything else that names it follows from the table. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { presets } from "../../../src/image/format.ts";
import { formats } from "../../../src/image/formats.ts";
import { inits } from "../../../src/mount/boot.ts";
import { common, placing } from "../../../src/options/common.ts";
import { configs } from "../../../src/options/configs.ts";
import { machine } from "../../../src/options/machine.ts";
import { pack } from "../../../src/options/pack.ts";
import { optionsOf, pickOptions, specOf, table } from "../../../src/options/table.ts";
import type { OptionName } from "../../../src/options/types.ts";
import { commandVerbs } from "../../../src/options/verbs.ts";
import { flagNames } from "../../../src/options/words.ts";

const top = join(import.meta.dirname, "../../..");
const files = readdirSync(join(top, "src"), { recursive: true, encoding: "utf8" })
	.filter((path) => path.endsWith(".ts") && !path.startsWith("options/"))
	.map((path) => ({ path, text: readFileSync(join(top, "src", path), "utf8") }));
const names = Object.keys(table) as OptionName[];

/** The optional members of every interface or type of a file that is called …Options or …Flags. */
function declaredIn(text: string): string[] {
	const bodies = text.matchAll(/^(?:export )?(?:interface|type) \w*(?:Options|Flags)\b[^{;]*\{([\s\S]*?)^\}/gm);
	return [...bodies].flatMap(([, body = ""]) => [...body.matchAll(/^\t(\w+)\?:/gm)].map(([, name = ""]) => name));
}

describe("an option", () => {
	it("stands in one topic of the table", () => {
		const all = [common, pack, configs, placing, machine].flatMap((topic) => Object.keys(topic));
		expect(all.toSorted()).toEqual([...names].toSorted());
	});

	it("is declared by no operation and no command a second time", () => {
		const ours = files.filter(({ path }) => /^(?:cli|operations|release)\/|^index\.ts$/.test(path));
		expect(ours.length).toBeGreaterThan(60);
		const again = ours.flatMap(({ path, text }) =>
			declaredIn(text)
				.filter((name) => names.some((known) => known === name))
				.map((name) => `${path}: ${name}`),
		);
		expect(again).toEqual([]);
		// The search finds one where there is one.
		expect(
			declaredIn("export interface PackOptions extends Common {\n\tjobs?: number;\n\ta: {\n\t\tb?: 1;\n\t};\n}\n"),
		).toEqual(["jobs"]);
	});

	it("becomes a flag in one place, and its line of help stands in the table only", () => {
		const makers = files.filter(
			({ path, text }) => path.startsWith("cli/") && /withNegated|variadic:|kind: "enum"/.test(text),
		);
		expect(makers.map(({ path }) => path)).toEqual(["cli/flags.ts"]);
		const briefs = names.flatMap((name) => {
			const { brief, valueFlags = {}, per = {} } = specOf(name);
			return [brief, ...Object.values(valueFlags), ...Object.values(per).map((other) => other.brief)];
		});
		for (const brief of briefs.filter((text) => text !== undefined)) {
			expect(files.filter(({ text }) => text.includes(`"${brief}"`)).map(({ path }) => [brief, path])).toEqual([]);
		}
	});

	it("has a line of help where it has a flag, and a placeholder where that has a value", () => {
		for (const name of names) {
			const { kind, brief, per = {}, valueFlags, verbs, commands = verbs, behindDashes, placeholder } = specOf(name);
			if (commands.length === 0 || behindDashes || valueFlags) continue;
			for (const verb of commands.filter((one) => !one.endsWith("All"))) {
				expect([name, verb, per[verb]?.brief ?? brief]).toEqual([name, verb, expect.any(String)]);
			}
			if (kind !== "flag" && kind !== "enum") expect([name, placeholder]).toEqual([name, expect.any(String)]);
		}
	});
});

describe("the values of an enum", () => {
	it("are those that the work knows", () => {
		expect(specOf("preset").values).toEqual(Object.keys(presets));
		expect(specOf("init").values).toEqual(inits);
		expect(specOf("format").values).toEqual(Object.keys(formats));
		const known = new Set(Object.values(formats).flatMap(({ compressors }) => compressors));
		expect(new Set(specOf("compressor").values)).toEqual(known);
	});
});

describe("a command", () => {
	it("has each flag once, and each letter", () => {
		for (const verb of commandVerbs) {
			const flags = flagNames(verb);
			expect([verb, new Set(flags).size]).toEqual([verb, flags.length]);
		}
		const letters = names.flatMap((name) => specOf(name).letter ?? []);
		expect(new Set(letters).size).toBe(letters.length);
	});
});

describe("pickOptions", () => {
	it("gives a step of install its own options, and what stands under a symbol", () => {
		const mark = Symbol("mark");
		const options = { root: "/x", fuse: "never", keepSource: true, owner: "alice", [mark]: 1 };
		expect(pickOptions("mount", options)).toEqual({ root: "/x", fuse: "never", [mark]: 1 });
		expect(pickOptions("configure", options)).toEqual({ root: "/x", owner: "alice", [mark]: 1 });
		expect(options).toHaveProperty("keepSource");
	});

	it("finds every option of install in one of its steps", () => {
		const steps = new Set((["pack", "mount", "configure", "select"] as const).flatMap(optionsOf));
		expect(optionsOf("install").filter((name) => !steps.has(name))).toEqual(["select"]);
	});
});

it("options that are inherited reach the verbs of a composed call, too", () => {
	const inherited = Object.create({ keepSource: true, root: "/mnt", fuse: "never" });
	expect(pickOptions("pack", inherited)).toEqual({ keepSource: true, root: "/mnt" });
});
