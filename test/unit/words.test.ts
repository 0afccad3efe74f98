/** One text in the library's words and in the CLI's; and no flag of the CLI where the library speaks. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { errorJson, errorLines } from "../../src/cli/render/text.ts";
import { cliWords } from "../../src/cli/render/words.ts";
import { errorCodes, KsquashError } from "../../src/errors.ts";
import { blank, call, calls, joined, option, text, withWords, wordsOf } from "../../src/text.ts";

const top = join(import.meta.dirname, "../..");

describe("a text", () => {
	it.each([
		[text`use ${option("replace")}`, "use the option replace", "use --replace"],
		[text`${option("base", blank("FILE"))}`, "the option base", "--base FILE"],
		[text`${option("base", "defconfig")}`, 'the option base: "defconfig"', "--base defconfig"],
		[text`${option("localVersion", "-mine")}`, 'the option localVersion: "-mine"', "--localversion=-mine"],
		[text`options (${option("toolOptions")})`, "options (the option toolOptions)", "options (--)"],
		[text`${option("compressor", "xz")}`, 'the option compressor: "xz"', "--comp xz"],
		[
			text`${call("verify", blank("RELEASE"), { depth: "deep" })}`,
			'verify(RELEASE, { depth: "deep" })',
			"ksquash verify RELEASE --deep",
		],
		[text`${call("bootEnable", undefined, { root: "/" })}`, "bootEnable()", "ksquash boot enable"],
		[
			text`run: ${call("configure", "6.1", { variant: "a b", arch: undefined, strict: true, root: "/mnt" })}`,
			'run: configure("6.1", { variant: "a b", strict: true, root: "/mnt" })',
			"run: ksquash configure 6.1 --strict --variant 'a b' --root /mnt",
		],
		[
			text`${calls([call("umount", "6.1"), call("mount", "6.1", { fuse: "auto" })])}`,
			'umount("6.1"), then mount("6.1", { fuse: "auto" })',
			"ksquash umount 6.1 && ksquash mount 6.1 --fuse auto",
		],
		[
			text`${call("helperInstall", undefined, { users: [blank("USER")] })}`,
			"helperInstall({ users: [USER] })",
			"ksquash helper install --user USER",
		],
		[joined([text`${option("jobs")}`, "no more"], " or "), "the option jobs or no more", "--jobs or no more"],
		[
			text`a ${text`nested ${option("set")}`}, ${3} times`,
			"a nested the option set, 3 times",
			"a nested --set, 3 times",
		],
	])("is %s for a program, and has flags for a person", (one, library, cli) => {
		expect(String(one)).toBe(library);
		expect(one.in(cliWords)).toBe(cli);
	});

	it("goes with options that are spread, and is in no list of them", () => {
		const options = withWords({ root: "/mnt" }, cliWords);
		expect(Object.keys(options)).toEqual(["root"]);
		expect(wordsOf({ ...options, dryRun: true })).toBe(cliWords);
		expect(String(text`${option("force")}`)).toBe(text`${option("force")}`.in(wordsOf({ root: "/mnt" })));
	});
});

describe("an error", () => {
	const mount = call("mount", "6.1", { root: "/mnt" });
	const error = new KsquashError("ERR_KSQUASH_NO_INPUT", text`nothing by ${option("base")}`, {
		hint: text`mount it first: ${mount}`,
		notes: ["a: differs", text`see ${option("fragments")}`],
		errno: -2,
		path: "/a",
		step: "configure",
		resume: [mount],
	});

	it("is whole in JSON, and a program can go on from it", () => {
		expect(JSON.parse(JSON.stringify({ failed: [error] }))).toEqual({
			failed: [
				{
					name: "KsquashError",
					code: "ERR_KSQUASH_NO_INPUT",
					message: "nothing by the option base",
					hint: 'mount it first: mount("6.1", { root: "/mnt" })',
					notes: ["a: differs", "see the option fragments"],
					errno: -2,
					path: "/a",
					step: "configure",
					resume: [{ verb: "mount", release: "6.1", options: { root: "/mnt" } }],
				},
			],
		});
	});

	it("has in JSON no field that it has not", () => {
		const plain = JSON.parse(JSON.stringify(new KsquashError("ERR_KSQUASH_BUSY", "/a is in use")));
		expect(Object.keys(plain)).toEqual(["name", "code", "message", "hint", "notes"]);
	});

	it("is said by the CLI with flags and commands, as lines and as JSON", () => {
		expect(errorLines(error)).toEqual([
			"ksquash: nothing by --base",
			"  a: differs",
			"  see --fragment",
			"  → mount it first: ksquash mount 6.1 --root /mnt",
		]);
		expect(errorJson(error)).toMatchObject({
			message: "nothing by --base",
			hint: "mount it first: ksquash mount 6.1 --root /mnt",
			notes: ["a: differs", "see --fragment"],
			resume: [mount],
		});
	});

	it("keeps both when it gets other details", () => {
		const other = error.with({ hint: text`or ${option("force")}`, notes: [text`left: ${mount}`] });
		expect([other.hint, other.path, other.resume]).toEqual(["or the option force", "/a", [mount]]);
		expect(errorLines(other).slice(-3)).toEqual([
			"  see --fragment",
			"  left: ksquash mount 6.1 --root /mnt",
			"  → or --force",
		]);
	});

	it("names no flag in the hint that its code has", () => {
		const hints = errorCodes.map((code) => new KsquashError(code, "x").hint);
		expect(hints.filter((hint) => /--[a-z]|\bksquash (?!to end)[a-z]+ /.test(hint))).toEqual([]);
	});
});

/** What other programs are told, and what is kept on disk: by file, the lines that may hold such words. */
const others: Readonly<Record<string, RegExp>> = {
	"image/erofs.ts":
		/"--(?:help|version|mkfs-time|preserve-mtime|all-root|quiet|tar=f|overwrite)"|`--(?:workers|exclude-path|extract)=/,
	"image/squashfs.ts": /"tar2sqfs", \["--version"|"sqfs2tar", \["--no-hard-links"/,
	"image/tar-writers.ts": /"--(?:compressor|comp-extra|num-jobs|defaults|no-skip)"/,
	"tar/untar.ts": /const args = \["-x"|run\("cp"/,
	"process/launch.ts": /"--(?:reuid|init-groups|pdeathsig)"/,
	"source/signature.ts": /start\("gpgv"/,
	"source/patch.ts": /const args = \["--unified"/,
	// A line of a patch.
	"source/patch-text.ts": /diff --git/,
	"kconfig/unpack.ts": /command: \["xz"/,
	// The fragments' names in the stamps of build directories.
	"kconfig/set-option.ts": /^const (?:SETTINGS|LOCAL_VERSION) = /,
	"build/kbuild.ts": /"make", \["--no-print-directory"|"--version"\]/,
	"build/scratch.ts": /run\("rm"/,
	"operations/portage/migrate.ts": /`emerge --oneshot =/,
	"operations/pack/trust.ts": /"gpg --locate-keys /,
	"operations/pack/write.ts": /tar --sort=name/,
	"native/load.ts": /`(?:npm install|cmake --build) /,
	"mount/helper.ts": /run\(program, \["--json"/,
	// What make prints, for a shell.
	"system/command-line.ts": /`ksquash \$\{words\}/,
};

describe("the library", () => {
	it("has no flag of the CLI in its strings", () => {
		const names = readdirSync(join(top, "src"), { recursive: true, encoding: "utf8" });
		const files = names.filter((name) => name.endsWith(".ts") && !/^(?:cli|options)\//.test(name));
		expect(files.length).toBeGreaterThan(100);
		const used = new Set<string>();
		const broken = files.flatMap((name) => {
			const lines = readFileSync(join(top, "src", name), "utf8").split("\n");
			return lines.flatMap((line, at) => {
				if (/^\s*(?:\/\/|\/?\*)/.test(line) || !/["'`( ](?<!&& )--[a-z]/.test(line) || !/["'`]/.test(line)) return [];
				if (!others[name]?.test(line)) return [`${name}:${at + 1}: ${line.trim()}`];
				used.add(name);
				return [];
			});
		});
		expect(broken).toEqual([]);
		expect([...used].toSorted()).toEqual(Object.keys(others).toSorted());
	});
});

/** Where words of other programs are read, which have no fields. */
const strangers: Readonly<Record<string, RegExp>> = {
	// What tools print, and Node's text for errnos that it has no name for.
	"system/failure.ts": /\.test\(said\)|Unknown system error/,
	"image/squashfs.ts": /error\.notes\.find\(\(line\) =>|said\.replace\(/,
	"source/signature.ts": /line\.includes\("No public key"\)/,
	"mount/fuse.ts": /pattern\.test\(said\)/,
};

describe("control flow", () => {
	const field = "(?:message|what|hint|notes?|why|said|reason|problem|step)";
	const after = "(?:\\)|[?!]|\\[[^\\]]*\\]|\\.(?:at|join|slice)\\([^)]*\\))*";
	const asked = new RegExp(
		[
			`\\b${field}${after}\\.(?:includes|startsWith|endsWith|match|matchAll|search|indexOf|replace|replaceAll)\\((?!")`,
			`\\b${field}${after}\\.(?:includes|startsWith|endsWith|match|search|indexOf)\\("`,
			`\\.(?:test|exec)\\([^)]*\\b${field}\\b`,
			`\\bnotes\\.(?:some|every|find|filter)\\(`,
			`\\b${field} ===? "[^"]* [^"]*"`,
		].join("|"),
	);

	it("knows a question to a sentence where it sees one", () => {
		for (const line of [
			'if (error.message.includes("only in"))',
			"/was ended by/.test(by.message)",
			'error.notes.every((note) => note.includes("only in the image"))',
			'steps.some((step) => step.startsWith("keep a copy"))',
			"pattern.test(said)",
		]) {
			expect(asked.test(line), line).toBe(true);
		}
		for (const line of ["notes: error.notes,", "why + error.message", 'error.step === "superblock"']) {
			expect(asked.test(line), line).toBe(false);
		}
	});

	it("reads no sentence of ours outside of the one door", () => {
		const names = readdirSync(join(top, "src"), { recursive: true, encoding: "utf8" });
		const files = names.filter((name) => name.endsWith(".ts") && !name.startsWith("cli/render/"));
		const used = new Set<string>();
		const broken = files.flatMap((name) => {
			const lines = readFileSync(join(top, "src", name), "utf8").split("\n");
			return lines.flatMap((line, at) => {
				if (/^\s*(?:\/\/|\/?\*)/.test(line) || !asked.test(line)) return [];
				if (!strangers[name]?.test(line)) return [`${name}:${at + 1}: ${line.trim()}`];
				used.add(name);
				return [];
			});
		});
		expect(broken).toEqual([]);
		expect([...used].toSorted()).toEqual(Object.keys(strangers).toSorted());
	});
});
