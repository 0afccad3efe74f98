import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
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
