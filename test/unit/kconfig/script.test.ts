/** Byte for byte what the kernel's own merge_config.sh gives, on real configs and on made-up ones without its traps. */

import { execFileSync } from "node:child_process";
import {
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseConfig } from "../../../src/kconfig/config.ts";
import { mergeConfigs } from "../../../src/kconfig/merge.ts";
import { cached } from "../../support/cache.ts";

const tarball = process.env.KSQUASH_TEST_TARBALL ?? join("/usr", "src", "linux-source-6.1.tar.xz");
const reason = existsSync(tarball) ? undefined : `no Linux source: ${tarball} (Debian: linux-source-6.1)`;

/** All real configs instead of some: half an hour, the script's. */
const all = process.env.KSQUASH_TEST_ALL_CONFIGS === "1";

/** Of Debian's packages linux-config-*, and the running kernel's: those that are here. */
function realConfigs(): [name: string, text: string][] {
	const found: [string, Buffer][] = [];
	const sources = join("/usr", "src");
	const packages = existsSync(sources) ? readdirSync(sources).filter((name) => name.startsWith("linux-config-")) : [];
	for (const directory of packages.map((name) => join(sources, name))) {
		for (const name of readdirSync(directory).filter((file) => file.endsWith(".xz"))) {
			const path = join(directory, name);
			found.push([path, execFileSync("xz", ["-dc", path], { maxBuffer: 1 << 26 })]);
		}
	}
	const running = "/proc/config.gz";
	if (existsSync(running)) found.push([running, gunzipSync(readFileSync(running))]);
	return found.map(([name, text]) => [name, text.toString("latin1")]);
}

/** A skip is a failure where the tests must work. */
const suite = reason !== undefined && process.env.MUST_WORK !== "1" ? describe.skip : describe;

let work: string;
/** The script, and every config of the tree. */
let tree: string;

beforeAll(() => {
	work = mkdtempSync(join(tmpdir(), "ksquash-merge-"));
	if (reason !== undefined) return;
	const names = ["*/scripts/kconfig/merge_config.sh", "*/configs/*", "*.config", "*defconfig"];
	const flags = ["--strip-components=1", "--wildcards"];
	tree = cached("linux-6.1-configs", tarball, (directory) => {
		execFileSync("tar", ["-xf", tarball, "-C", directory, ...flags, ...names]);
	});
}, 300_000);

afterAll(() => rmSync(work, { recursive: true, force: true }));

function both(base: string, fragments: string[], flags: string[] = []): [ours: string, theirs: string] {
	const directory = mkdtempSync(join(work, "case-"));
	const write = (name: string, text: string): string => {
		writeFileSync(join(directory, name), text, "latin1");
		return name;
	};
	const files = [write("base", base), ...fragments.map((text, at) => write(`f${at}`, text))];
	mkdirSync(join(directory, "out"));
	const script = join(tree, "scripts/kconfig/merge_config.sh");
	const env = { PATH: process.env.PATH ?? "", LC_ALL: "C" };
	execFileSync("sh", [script, "-m", ...flags, "-O", "out", ...files], { cwd: directory, env, stdio: "pipe" });
	const [first, ...rest] = files.map((name) => ({ name, text: readFileSync(join(directory, name)) }));
	const merged = mergeConfigs(first as { name: string; text: Buffer }, rest, { keepBuiltin: flags.includes("-y") });
	return [Buffer.from(merged.text).toString("latin1"), readFileSync(join(directory, "out/.config"), "latin1")];
}

/** The script's bugs that real configs meet. */
const bugs = {
	lost: "a line that conf loses deletes the base's value",
	mention: "the unanchored sed deletes what only mentions the symbol",
} as const;

/** Which bug turns our output into the script's; undefined: none of them. */
function bugBetween(ours: string, theirs: string, base: string, fragment: string): string | undefined {
	const read = new Set(parseConfig(Buffer.from(fragment, "latin1"), "").symbols.keys());
	const set = [...fragment.matchAll(/^(?:# )?CONFIG_(\w+)(?:=| is not set$)/gm)].map((match) => match[1] as string);
	const lost = new Set(set.filter((symbol) => !read.has(symbol)));
	const lines = ours.slice(0, ours.length - fragment.length).split("\n");
	const settled = lines.filter((line) => !lost.has(/^(?:# )?CONFIG_(\w+)(?:=| is not set$)/.exec(line)?.[1] ?? ""));
	if (settled.join("\n") + fragment === theirs) return bugs.lost;
	const there = set.filter((symbol) => new RegExp(`\\bCONFIG_${symbol}\\b`).test(base));
	const mentions = (line: string): boolean => {
		return there.some((symbol) => line.includes(`CONFIG_${symbol}=`) || line.includes(`CONFIG_${symbol} `));
	};
	return settled.filter((line) => !mentions(line)).join("\n") + fragment === theirs ? bugs.mention : undefined;
}

/** Merges of one fragment each; a difference without a named bug fails. */
class Tally {
	merges = 0;
	readonly differing = new Map<string, string[]>();

	merge(name: string, base: string, fragment: string): string {
		const [ours, theirs] = both(base, [fragment]);
		this.merges += 1;
		if (ours === theirs) return ours;
		const bug = bugBetween(ours, theirs, base, fragment);
		if (bug === undefined) expect(theirs, name).toBe(ours);
		else this.differing.set(bug, [...(this.differing.get(bug) ?? []), name]);
		return ours;
	}

	report(): void {
		const lines = [...this.differing].map(([bug, names]) => `  ${names.length}: ${bug}: ${names.join(", ")}`);
		if (all) process.stderr.write(`${[`${this.merges} merges, the same but for`, ...lines].join("\n")}\n`);
	}
}

suite(`merge_config.sh${reason === undefined ? "" : ` (${reason})`}`, () => {
	test("the source is there", () => expect(reason).toBeUndefined());

	test("the x86 defconfig with every fragment of kernel/configs, one by one and all together", () => {
		const base = readFileSync(join(tree, "arch/x86/configs/x86_64_defconfig"), "latin1");
		const names = readdirSync(join(tree, "kernel/configs")).filter((name) => name.endsWith(".config"));
		const texts = names.map((name) => readFileSync(join(tree, "kernel/configs", name), "latin1"));
		expect(texts.length).toBeGreaterThan(3);
		for (const text of [...texts.map((one) => [one]), texts]) {
			const [ours, theirs] = both(base, text);
			expect(ours).toBe(theirs);
		}
	});

	const shipped = realConfigs();
	const source = (name: string): string => readFileSync(join(tree, name), "latin1");

	/** Every config in the tree; the script needs four minutes for all of them, so a test takes every fortieth. */
	test("the tree's own configs as fragments: a difference has a name", () => {
		const names = readdirSync(tree, { recursive: true, encoding: "utf8" }).filter((name) =>
			/(?:^|\/)configs\/|\.config$|defconfig$/.test(name),
		);
		const files = names.filter((name) => statSync(join(tree, name)).isFile()).toSorted();
		expect(files.length).toBeGreaterThan(500);
		const tally = new Tally();
		const bases = [
			source("arch/x86/configs/x86_64_defconfig"),
			...(all
				? realConfigs()
						.slice(0, 1)
						.map(([, text]) => text)
				: []),
		];
		for (const base of bases) {
			for (const name of files.filter((_, index) => all || index % 40 === 0)) tally.merge(name, base, source(name));
		}
		tally.report();
		expect(tally.merges).toBeGreaterThan(10);
	}, 7_200_000);

	const there = shipped.length > 0 || process.env.MUST_WORK === "1";

	test.skipIf(!there)(
		"Debian's configs and the running kernel's, as base and as fragment: a difference has a name",
		() => {
			expect(shipped.length).toBeGreaterThan(0);
			const names = readdirSync(join(tree, "kernel/configs")).filter((name) => name.endsWith(".config"));
			const tally = new Tally();
			for (const [index, [name, text]] of shipped.entries()) {
				// A whole one as a fragment takes the script minutes.
				const lines = text.split(/(?<=\n)/);
				const fragment = all ? text : lines.filter((_, line) => line % 397 === 0).join("");
				tally.merge(name, source("arch/x86/configs/x86_64_defconfig"), fragment);
				tally.merge(`${name} without modules`, text, fragment.replaceAll("=m\n", "=y\n"));
				const onto = all || index === 0 || index === shipped.length - 1 ? names : [];
				let base = text;
				for (const one of onto) base = tally.merge(`${one} into ${name}`, base, source(`kernel/configs/${one}`));
			}
			tally.report();
			// android-base.config of 6.1 has CONFIG_ANDROID_BINDER_DEVICES=binder,… without quotes; Debian's configs set it.
			const [name, text] = shipped[0] as [string, string];
			if (!/^CONFIG_ANDROID_BINDER_DEVICES=/m.test(text)) return;
			expect(tally.differing.get(bugs.lost)).toContain(`android-base.config into ${name}`);
		},
		7_200_000,
	);

	test.each([
		["CONFIG_A=y\nCONFIG_B=m\n", ["CONFIG_A=m\n"]],
		["CONFIG_A=y", ["CONFIG_A=m"]],
		["CONFIG_A=y\nCONFIG_B=y", ["CONFIG_A=m", "# CONFIG_B is not set", 'CONFIG_C="x"\n']],
		["", ["CONFIG_A=y\n"]],
		["\n\n# only a comment\n", ["\n# another\n\n"]],
		["CONFIG_A=y\nCONFIG_AB=y\nCONFIG_A_B=y\n", ["# CONFIG_A is not set\n"]],
		['CONFIG_S="a\\"b & \\\\ c"\nCONFIG_T=0x1f\n', ['CONFIG_S="$x `y` *"\nCONFIG_T=0X20\n']],
		["CONFIG_A=y\r\nCONFIG_B=15\r\n", ["CONFIG_A=n\r\n"]],
		['CONFIG_S="\u00ff\u00fe\u0080"\nCONFIG_B=y\n', ['CONFIG_S="\u00c3("\n']],
		["CONFIG_8139TOO=y\nCONFIG_FONT_8x16=y\n", ["CONFIG_FONT_8x16=n\n", "CONFIG_8139TOO=m\n"]],
		["CONFIG_A=y\n", ["CONFIG_B=y\nCONFIG_B=m\n"]],
	])("%j with %j", (base, fragments) => {
		const [ours, theirs] = both(base, fragments);
		expect(ours).toBe(theirs);
	});

	test("-y, where no line is double", () => {
		const [ours, theirs] = both(
			"CONFIG_A=y\nCONFIG_B=m\nCONFIG_C=y\n",
			["CONFIG_A=m\nCONFIG_B=y\nCONFIG_C=n\n"],
			["-y"],
		);
		expect(ours).toBe(theirs);
	});

	test("100 made-up merges", () => {
		let seed = 42;
		const pick = (count: number): number => {
			seed = (seed * 1103515245 + 12345) % 2147483648;
			return Math.floor((seed / 2147483648) * count);
		};
		const values = ["y", "m", "n", "7", "0x10", '"text"', '""'];
		const line = (): string => {
			const symbol = `SYM_${"ABCDEFGHIJ"[pick(10)]}`;
			return pick(4) === 0 ? `# CONFIG_${symbol} is not set` : `CONFIG_${symbol}=${values[pick(values.length)]}`;
		};
		const text = (): string => `${Array.from({ length: pick(8) }, line).join("\n")}${pick(2) === 0 ? "\n" : ""}`;
		for (let round = 0; round < 100; round++) {
			const [ours, theirs] = both(text(), Array.from({ length: 1 + pick(3) }, text));
			expect(ours).toBe(theirs);
		}
	});
});
