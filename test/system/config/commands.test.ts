/** ksquash config … and configure's settings, on the small kernel: what a person types, sees, and gets as exit status. */

import { execFileSync, spawn } from "node:child_process";
import {
	chmodSync,
	existsSync,
	lstatSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	symlinkSync,
	utimesSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { configure } from "../../../src/index.ts";
import { type CliResult, cli, cliPath } from "../../support/cli.ts";
import { placeTree, type Scratch, scratchRoot, smallRelease } from "../../support/scratch.ts";

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

/** A root with the small kernel and its build directory, from a base of ours. */
async function configured(base: string, options: Parameters<typeof configure>[1] = {}): Promise<Scratch> {
	const scratch = scratchRoot();
	placeTree(scratch);
	await configure(smallRelease, { root: scratch.root, base: put(scratch, "base.config", base), ...options });
	return scratch;
}

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

describe("config diff and show", () => {
	test("0 equal, 1 different, 2 trouble; absent equals n", async () => {
		const scratch = scratchRoot();
		put(scratch, "a", "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_X=0x0F\n");
		put(scratch, "b.gz", gzipSync("CONFIG_A=y\nCONFIG_X=0xf\n"));
		put(scratch, "c", 'CONFIG_A=m\nCONFIG_S="x"'); // no final newline: diffconfig lost the last character
		put(scratch, "d", "CONFIG_A\n"); // diffconfig crashed
		put(scratch, "empty", "");
		expect(await config(scratch, "diff", "a", "b.gz")).toMatchObject({ status: 0, stdout: "" });
		expect(await config(scratch, "diff", "a", "c")).toMatchObject({
			status: 1,
			stdout: ' A y -> m\n+S "x"\n-X 0x0F\n',
		});
		expect(await config(scratch, "diff", "c", "empty")).toMatchObject({ status: 1 });
		const crashed = await config(scratch, "diff", "a", "d");
		expect([crashed.status, crashed.stderr]).toEqual([1, expect.stringContaining("d:1:9: lost: there is no “=”")]);
		put(scratch, "text", "hello\n");
		for (const bad of ["text", "none", "usr"]) {
			expect(await config(scratch, "diff", "a", bad)).toMatchObject({ status: 2, stdout: "" });
		}
		expect((await config(scratch, "diff", "a", "c", "--json")).json()).toMatchObject({
			changes: [
				{ symbol: "A", from: "y", to: "m" },
				{ symbol: "S", to: '"x"' },
				{ symbol: "X", from: "0x0F" },
			],
		});
	});

	test("--as-fragment: merged into the first it gives the second", async () => {
		const scratch = scratchRoot();
		put(
			scratch,
			"a",
			'CONFIG_A=y\nCONFIG_HZ_100=y\n# CONFIG_HZ_250 is not set\nCONFIG_GONE=y\nCONFIG_N=5\nCONFIG_T="t"\n',
		);
		put(scratch, "b", 'CONFIG_A=y\n# CONFIG_HZ_100 is not set\nCONFIG_HZ_250=y\nCONFIG_T="u"\n');
		const { stdout } = await config(scratch, "diff", "a", "b", "--as-fragment");
		expect(stdout).toBe(
			'# CONFIG_HZ_100 is not set\nCONFIG_HZ_250=y\nCONFIG_T="u"\n# CONFIG_GONE is not set\n# CONFIG_N (5) is absent there\n',
		);
		put(scratch, "f", stdout);
		await config(scratch, "merge", "a", "f", "-o", "c");
		expect((await config(scratch, "diff", "c", "b")).stdout).toBe("-N 5\n");
	});

	test("build:REL, of a variant, too; show prints bytes, symbols and globs", async () => {
		const scratch = await configured("CONFIG_SMP=y\n");
		await configure(smallRelease, { root: scratch.root, base: "tiny_defconfig", variant: "tiny" });
		const whole = await config(scratch, "show", "--from", `build:${smallRelease}`);
		expect(whole.stdout).toBe(readFileSync(join(scratch.src, `build-${smallRelease}`, ".config"), "utf8"));
		const { stdout } = await config(
			scratch,
			"show",
			"CONFIG_SMP",
			"NOWHERE",
			"PRINT?",
			"--from",
			`build:${smallRelease}`,
		);
		expect(stdout).toBe("CONFIG_SMP=y\n# CONFIG_NOWHERE is absent\nCONFIG_PRINTK=y\n");
		const diff = await config(scratch, "diff", `build:${smallRelease}`, `build:${smallRelease}-tiny`);
		expect([diff.status, diff.stdout]).toEqual([1, expect.stringContaining(" PRINTK y -> n\n")]);
		expect(await config(scratch, "show", "--from", "build:9.9")).toMatchObject({ status: 66 });
	});
});

describe("config sources", () => {
	test("the list, what would be taken and why; the build directory of the release comes first", async () => {
		const scratch = await configured("CONFIG_SMP=y\n");
		put(scratch, "usr/src/linux-config-6.1/config.amd64", "CONFIG_X86=y\n# CONFIG_A is not set\n");
		const text = (await config(scratch, "sources", smallRelease)).stdout;
		const own = join(scratch.src, `build-${smallRelease}`, ".config");
		expect(text).toContain(`${own} is the base: it is what this build directory has`);
		const { sources, chosen } = (await config(scratch, "sources", smallRelease, "--json")).json() as {
			sources: { path: string; kind: string; symbols: number }[];
			chosen: string;
		};
		expect(chosen).toBe(own);
		expect(sources.find(({ kind }) => kind === "package")).toMatchObject({ symbols: 1 });
		expect(sources.map(({ path }) => path)).toContain(own);
		expect((await config(scratch, "sources", "--arch", "arm64")).stdout).toContain("the tree's defconfig is the base");
	});
});

describe("check, explain, new", () => {
	test("check: what the last configure was asked for, with reasons; 1 when something is missing", async () => {
		const scratch = scratchRoot();
		placeTree(scratch);
		const base = put(scratch, "base", "CONFIG_MISC_FILESYSTEMS=y\nCONFIG_BLOCK=y\n");
		const fragment = put(scratch, "my.config", "CONFIG_SQUASHFS=y\nCONFIG_IKCONFIG_PROC=y\nCONFIG_SQUASFHS_XZ=y\n");
		const made = await configure(smallRelease, { root: scratch.root, base, fragments: [fragment], set: ["SMP=n"] });
		const line = `${fragment}:2: CONFIG_IKCONFIG_PROC=y is absent: dependency: it depends on IKCONFIG [=n] (init/Kconfig:27)`;
		const unknown = expect.stringContaining("no symbol of this name; is SQUASHFS_XZ meant?");
		expect(made.missed).toEqual([line, unknown]);
		const checked = await config(scratch, "check", smallRelease);
		expect([checked.status, checked.stdout.split("\n")[0]]).toEqual([1, line]);
		expect(checked.stdout).toContain("2 of 4 symbols as asked for");
		expect((await config(scratch, "check", smallRelease, "--set", "SQUASHFS=y", "--set", "NOWHERE=n")).status).toBe(0);
		rmSync(scratch.path(`usr/src/linux-${smallRelease}`), { recursive: true });
		const unmounted = await config(scratch, "check", smallRelease);
		expect([unmounted.status, unmounted.stderr]).toEqual([66, expect.stringContaining("mount it first")]);
	});

	test("explain: facts, the lines, and conf's proof; nothing of the scratch directory stays", async () => {
		const scratch = await configured("CONFIG_MISC_FILESYSTEMS=n\n");
		const before = readdirSync("/tmp").filter((name) => name.startsWith("ksquash-try-"));
		const { status, stdout } = await config(scratch, "explain", "CONFIG_SQUASHFS_XZ", "--prove");
		expect(status).toBe(0);
		expect(stdout).toContain("fs/squashfs/Kconfig");
		expect(stdout).toContain("depends on: SQUASHFS [=n]");
		expect(stdout).toContain("CONFIG_SQUASHFS_XZ=y\n");
		expect(stdout).toContain("conf tried them: SQUASHFS_XZ is y");
		expect(readdirSync("/tmp").filter((name) => name.startsWith("ksquash-try-") && !before.includes(name))).toEqual([]);
		const other = put(scratch, "other", "CONFIG_MISC_FILESYSTEMS=y\nCONFIG_BLOCK=y\nCONFIG_SQUASHFS=y\n");
		const explained = (await config(scratch, "explain", "SQUASHFS_XZ", "--config", other, "--json")).json();
		expect(explained).toMatchObject({ lines: ["CONFIG_SQUASHFS_XZ=y"], value: "n", type: "bool" });
		expect(await config(scratch, "explain", "SQASHFS")).toMatchObject({
			status: 66,
			stderr: expect.stringContaining("is SQUASHFS meant?"),
		});
	});

	test("explain without a release: the selected one, or the only one", async () => {
		const scratch = await configured("CONFIG_SMP=y\n");
		expect((await config(scratch, "explain", "SMP")).stdout).toContain(`build-${smallRelease}/.config`);
		await configure(smallRelease, { root: scratch.root, base: "tiny_defconfig", variant: "tiny" });
		expect((await config(scratch, "explain", "SMP")).stderr).toContain(
			`name one of: ${smallRelease}, ${smallRelease}-tiny`,
		);
		symlinkSync(`build-${smallRelease}-tiny`, scratch.path("usr/src/linux"));
		expect((await config(scratch, "explain", "SMP")).stdout).toContain(`build-${smallRelease}-tiny/.config`);
	});

	test("new: what the base knew nothing of, with help; --brief without", async () => {
		const scratch = await configured("CONFIG_SMP=y\n# CONFIG_PRINTK is not set\n");
		const { stdout } = await config(scratch, "new", smallRelease);
		expect(stdout).toContain('CONFIG_LOCALVERSION=""  Suffix of the release (init/Kconfig:');
		expect(stdout).toContain('    Appended to what "make kernelrelease" prints.');
		expect(stdout).not.toMatch(/CONFIG_(?:SMP|PRINTK|CC_VERSION_TEXT)=/);
		const brief = await config(scratch, "new", smallRelease, "--brief");
		expect(brief.stdout).not.toContain("Appended");
		expect((await config(scratch, "new", smallRelease, "--base", `build:${smallRelease}`)).stdout).toMatch(
			/^\S+: 0 new/,
		);
	});
});

describe("configure", () => {
	const final = (scratch: Scratch): string =>
		readFileSync(join(scratch.src, `build-${smallRelease}`, ".config"), "utf8");

	test("the order: LOCALVERSION's rule, /etc/kernel/config.d by name, fragments, settings", async () => {
		const scratch = scratchRoot();
		placeTree(scratch);
		put(scratch, "etc/kernel/config.d/20-b.config", 'CONFIG_CMDLINE="twenty"\nCONFIG_BUILD_SALT="twenty"\n');
		put(scratch, "etc/kernel/config.d/10-a.config", 'CONFIG_CMDLINE="ten"\nCONFIG_SMP=y\n');
		put(scratch, "etc/kernel/config.d/30-c.conf", "CONFIG_SMP=n\n");
		const fragments = [put(scratch, "mine", 'CONFIG_BUILD_SALT="mine"\n')];
		const base = put(scratch, "base", 'CONFIG_LOCALVERSION="-old"\n');
		const options = { root: scratch.root, base, fragments, set: ["PRINTK=n"], localVersion: "-new" };
		expect((await configure(smallRelease, options)).missed).toEqual([]);
		for (const line of ['CMDLINE="twenty"', 'BUILD_SALT="mine"', "SMP=y", 'LOCALVERSION="-new"']) {
			expect(final(scratch)).toContain(`CONFIG_${line}\n`);
		}
		expect(final(scratch)).toContain("# CONFIG_PRINTK is not set\n");
		expect((await configure(smallRelease, options)).already).toBe(true);
		put(scratch, "etc/kernel/config.d/10-a.config", "CONFIG_SMP=n\n");
		expect((await configure(smallRelease, { ...options, localVersion: "drop" })).already).toBe(false);
		expect(final(scratch)).toContain('CONFIG_LOCALVERSION=""\n');
	});

	test("a fragment of the machine that others may write is refused: it becomes a makefile of root's", async () => {
		const scratch = scratchRoot();
		placeTree(scratch);
		chmodSync(put(scratch, "etc/kernel/config.d/a.config", "CONFIG_SMP=y\n"), 0o666);
		await expect(configure(smallRelease, { root: scratch.root, base: "defconfig" })).rejects.toMatchObject({
			code: "ERR_KSQUASH_CONFIG_FILE",
			message: expect.stringContaining("others than its owner may write it"),
		});
	});

	test("a lost line is a warning with its place, with strict an error before anything is made", async () => {
		const scratch = scratchRoot();
		placeTree(scratch);
		const fragments = [put(scratch, "mine", "CONFIG_SMP = y\n")];
		const warnings: string[] = [];
		const options = { root: scratch.root, base: "defconfig", fragments };
		await expect(configure(smallRelease, { ...options, strict: true })).rejects.toMatchObject({ exitStatus: 65 });
		expect(existsSync(join(scratch.src, `build-${smallRelease}`))).toBe(false);
		await configure(smallRelease, { ...options, onWarning: (line) => warnings.push(line) });
		expect(warnings).toEqual([expect.stringContaining("mine:1:11: lost: there is a blank before “=”")]);
	});

	test("--modules-prepare: once for each .config", async () => {
		const scratch = await configured("CONFIG_MODULES=y\n", { modulesPrepare: true });
		const release = join(scratch.src, `build-${smallRelease}`, "include/config/kernel.release");
		expect(readFileSync(release, "utf8")).toContain(smallRelease);
		const began = statSync(release).mtimeMs;
		rmSync(release);
		const again = { root: scratch.root, modulesPrepare: true };
		expect((await configure(smallRelease, again)).already).toBe(true);
		expect(existsSync(release)).toBe(false);
		await configure(smallRelease, { ...again, set: ["SMP=n"] });
		expect(statSync(release).mtimeMs).toBeGreaterThan(began);
		const warnings: string[] = [];
		await configure(smallRelease, { ...again, set: ["MODULES=n"], onWarning: (line) => warnings.push(line) });
		expect(warnings).toEqual([expect.stringContaining("CONFIG_MODULES is not set")]);
	});

	test("--modules-prepare: what one that broke off had made goes, and nothing that was there before", async () => {
		const scratch = await configured("CONFIG_MODULES=y\n", { modulesPrepare: true });
		const build = join(scratch.src, `build-${smallRelease}`);
		const place = (name: string, ms: number): string => {
			for (const file of [name, `.${name}.cmd`]) writeFileSync(join(build, file), "");
			utimesSync(join(build, `.${name}.cmd`), new Date(ms), new Date(ms));
			return join(build, name);
		};
		const [before, torn] = [place("before.o", Date.now() - 60_000), place("torn.o", Date.now() + 60_000)];
		const [mine, made] = [join(build, "include/mine.h"), join(build, "include/config/auto.conf")];
		writeFileSync(mine, "");
		const whole = readFileSync(made, "utf8");
		writeFileSync(made, "");
		const stamp = join(build, ".ksquash.json");
		const { prepared, ...rest } = JSON.parse(readFileSync(stamp, "utf8"));
		expect(prepared).toBe(rest.config);
		writeFileSync(stamp, JSON.stringify({ ...rest, preparing: true }));
		// Also where there is something new to configure first.
		await configure(smallRelease, { root: scratch.root, modulesPrepare: true, set: ["SMP=n"] });
		expect([before, torn, mine].map((path) => existsSync(path))).toEqual([true, false, true]);
		expect(readFileSync(made, "utf8")).toBe(whole.replace("CONFIG_SMP=y\n", ""));
		expect(JSON.parse(readFileSync(stamp, "utf8"))).toMatchObject({ prepared: expect.any(String) });
		expect(JSON.parse(readFileSync(stamp, "utf8"))).not.toHaveProperty("preparing");
	});

	test("build:REL as a base; settings and rules that are none are refused", async () => {
		const scratch = await configured('CONFIG_CMDLINE="first"\n');
		const options = { root: scratch.root, variant: "two" };
		await configure(smallRelease, { ...options, base: `build:${smallRelease}` });
		const two = readFileSync(join(scratch.src, `build-${smallRelease}-two`, ".config"), "utf8");
		expect(two).toContain('CONFIG_CMDLINE="first"\n');
		for (const bad of [{ set: ["A"] }, { set: ["A=y\nB=y"] }, { localVersion: "new" }, { localVersion: "-a b" }]) {
			await expect(configure(smallRelease, { ...options, ...bad })).rejects.toMatchObject({ exitStatus: 64 });
		}
	});
});
