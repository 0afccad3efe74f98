import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { configure } from "../../../src/index.ts";
import { cliPath } from "../../support/cli.ts";
import { placeTree, type Scratch, scratchRoot, smallRelease } from "../../support/scratch.ts";

beforeAll(() => {
	if (!existsSync(cliPath)) throw new Error("build first: npm run build:ts");
});

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
			message: expect.stringContaining("it can be written by others"),
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
