/** Byte for byte what the kernel's own merge_config.sh gives, on real configs and on made-up ones without its traps. */

import { execFileSync } from "node:child_process";
import {
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mergeConfigs } from "../../src/kconfig/merge.ts";

const tarball = process.env.KSQUASH_TEST_TARBALL ?? join("/usr", "src", "linux-source-6.1.tar.xz");
const cache = join(tmpdir(), `ksquash-test-${userInfo().uid}-linux-6.1-configs`);
const reason = existsSync(tarball) ? undefined : `no Linux source: ${tarball} (Debian: linux-source-6.1)`;

/** A skip is a failure where the tests must work. */
const suite = reason !== undefined && process.env.MUST_WORK !== "1" ? describe.skip : describe;

let work: string;

beforeAll(() => {
	work = mkdtempSync(join(tmpdir(), "ksquash-merge-"));
	if (reason !== undefined || existsSync(cache)) return;
	const fresh = mkdtempSync(join(tmpdir(), "ksquash-unpack-"));
	const names = ["*/scripts/kconfig/merge_config.sh", "*/configs/*", "*.config", "*defconfig"];
	execFileSync("tar", ["-xf", tarball, "-C", fresh, "--strip-components=1", "--wildcards", ...names]);
	renameSync(fresh, cache);
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
	const script = join(cache, "scripts/kconfig/merge_config.sh");
	const env = { PATH: process.env.PATH ?? "", LC_ALL: "C" };
	execFileSync("sh", [script, "-m", ...flags, "-O", "out", ...files], { cwd: directory, env, stdio: "pipe" });
	const [first, ...rest] = files.map((name) => ({ name, text: readFileSync(join(directory, name)) }));
	const merged = mergeConfigs(first as { name: string; text: Buffer }, rest, { keepBuiltin: flags.includes("-y") });
	return [Buffer.from(merged.text).toString("latin1"), readFileSync(join(directory, "out/.config"), "latin1")];
}

/** Bug of 6.1: sed deletes every line of the base that holds the name of a symbol of the fragment, wherever it stands. */
function withoutMentions(ours: string, base: string, fragment: string): string {
	const symbols = [...fragment.matchAll(/^(?:# )?(CONFIG_\w+)(?:=| is not set$)/gm)].map((match) => match[1] as string);
	const kept = ours.slice(0, ours.length - fragment.length);
	const there = symbols.filter((symbol) => new RegExp(`\\b${symbol}\\b`).test(base));
	const lines = kept
		.split("\n")
		.filter((line) => !there.some((symbol) => line.includes(`${symbol}=`) || line.includes(`${symbol} `)));
	return lines.join("\n") + fragment;
}

suite(`merge_config.sh${reason === undefined ? "" : ` (${reason})`}`, () => {
	test("the source is there", () => expect(reason).toBeUndefined());

	test("the x86 defconfig with every fragment of kernel/configs, one by one and all together", () => {
		const base = readFileSync(join(cache, "arch/x86/configs/x86_64_defconfig"), "latin1");
		const names = readdirSync(join(cache, "kernel/configs")).filter((name) => name.endsWith(".config"));
		const texts = names.map((name) => readFileSync(join(cache, "kernel/configs", name), "latin1"));
		expect(texts.length).toBeGreaterThan(3);
		for (const text of [...texts.map((one) => [one]), texts]) {
			const [ours, theirs] = both(base, text);
			expect(ours).toBe(theirs);
		}
	});

	/** Every config in the tree; the script needs four minutes for all of them, so a test takes every fortieth. */
	test("the tree's own configs: where the output differs, it is the unanchored sed", () => {
		const step = process.env.KSQUASH_TEST_ALL_CONFIGS === "1" ? 1 : 40;
		const names = readdirSync(cache, { recursive: true, encoding: "utf8" }).filter((name) =>
			/(?:^|\/)configs\/|\.config$|defconfig$/.test(name),
		);
		const files = names.filter((name) => statSync(join(cache, name)).isFile()).toSorted();
		expect(files.length).toBeGreaterThan(500);
		const base = readFileSync(join(cache, "arch/x86/configs/x86_64_defconfig"), "latin1");
		let [merged, differing] = [0, 0];
		for (const name of files.filter((_, index) => index % step === 0)) {
			const fragment = readFileSync(join(cache, name), "latin1");
			const [ours, theirs] = both(base, [fragment]);
			merged += 1;
			if (ours === theirs) continue;
			differing += 1;
			expect(theirs, name).toBe(withoutMentions(ours, base, fragment));
		}
		if (step === 1) process.stderr.write(`${merged} configs merged, ${differing} differ by the unanchored sed\n`);
		expect(merged).toBeGreaterThan(10);
	}, 900_000);

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
