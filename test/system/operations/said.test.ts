/** What is there already, what is asked in vain, and who is at work: said in words that lead on, and nothing is lost by it. */

import { existsSync, mkdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { configure, install, type PackOptions, pack, select, status, verify } from "../../../src/index.ts";
import { buildKey, releasePaths, tarballKey } from "../../../src/layout.ts";
import { openContext } from "../../../src/release/context.ts";
import { withLock } from "../../../src/release/locks.ts";
import { fileId, lstatIfExists } from "../../../src/system/files.ts";
import { cli as ksquash } from "../../support/cli.ts";
import { placeTarball, placeTree, type Scratch, scratchRoot, smallRelease } from "../../support/scratch.ts";

const base = "defconfig";
const build = `build-${smallRelease}`;

function manifestIn({ src }: Scratch): string {
	return join(src, `linux-${smallRelease}.sqfs.json`);
}

async function warningsOf(source: string, options: PackOptions): Promise<string[]> {
	const said: string[] = [];
	await pack(source, { ...options, onWarning: (message) => said.push(message) });
	return said;
}

describe("an image that is there", () => {
	it("gets the manifest that it lost from the tarball or tree that it is proved equal to", async () => {
		for (const place of [placeTarball, placeTree]) {
			const scratch = scratchRoot();
			const { root, src } = scratch;
			const source = place(scratch);
			await pack(source, { root, keepSource: true });
			const image = readFileSync(join(src, `linux-${smallRelease}.sqfs`));
			const before = JSON.parse(readFileSync(manifestIn(scratch), "utf8"));
			rmSync(manifestIn(scratch));
			rmSync(join(src, `linux-${smallRelease}.sqfs.list.gz`));
			const result = await pack(source, { root, keepSource: true });
			expect(result).toMatchObject({ already: true, entries: before.content.entries, bytes: before.content.bytes });
			const after = JSON.parse(readFileSync(manifestIn(scratch), "utf8"));
			expect(after).toMatchObject({ image: before.image, content: before.content, origin: before.origin });
			expect(after).toMatchObject({ preset: "unknown", arguments: [] });
			await verify(smallRelease, { root, depth: "deep" });
			expect(readFileSync(join(src, `linux-${smallRelease}.sqfs`)).equals(image)).toBe(true);
		}
	});

	it("keeps a manifest that a newer ksquash wrote", async () => {
		const scratch = scratchRoot();
		const { root } = scratch;
		const tarball = placeTarball(scratch);
		await pack(tarball, { root });
		writeFileSync(manifestIn(scratch), '{ "manifest": 99 }\n');
		expect(await pack(tarball, { root })).toMatchObject({ already: true });
		expect(readFileSync(manifestIn(scratch), "utf8")).toBe('{ "manifest": 99 }\n');
	});

	it("stays as it was packed whatever is asked of its compression, and that is said", async () => {
		for (const place of [placeTarball, placeTree]) {
			const scratch = scratchRoot();
			const { root } = scratch;
			const source = place(scratch);
			const again = { root, keepSource: true };
			await pack(source, { ...again, preset: "fast" });
			for (const nothing of [{}, { preset: "fast" }] as PackOptions[]) {
				expect(await warningsOf(source, { ...again, ...nothing })).toEqual([]);
			}
			const wishes = [
				{ preset: "smallest" },
				{ compressor: "xz" },
				{ blockSize: 4096 },
				{ toolOptions: ["-no-exports"] },
			];
			for (const wish of wishes as PackOptions[]) {
				const said = await warningsOf(source, { ...again, ...wish });
				expect(said, JSON.stringify(wish)).toEqual([
					expect.stringMatching(/stays as it was packed \(squashfs, .*the option replace/),
				]);
			}
		}
	});
});

describe("--build-dir", () => {
	it("at the usual place is the usual place; at another's it is refused before anything is made", async () => {
		const scratch = scratchRoot();
		const { root, src } = scratch;
		placeTree(scratch);
		await expect(configure(smallRelease, { root, base, buildDir: join(src, `${build}-b`) })).rejects.toMatchObject({
			code: "ERR_KSQUASH_USAGE",
			hint: expect.stringContaining("the option variant"),
		});
		expect(existsSync(join(src, `${build}-b`))).toBe(false);
		expect(existsSync(join(src, build))).toBe(false);
		const { buildDir } = await configure(smallRelease, { root, base, buildDir: join(src, build) });
		expect(buildDir).toBe(join(src, build));
		expect(() => readlinkSync(buildDir)).toThrow("EINVAL");
		expect(await configure(smallRelease, { root, base, buildDir })).toMatchObject({ already: true });
	});
});

describe("while another ksquash works", () => {
	it("status calls its temporary files its own, and left over when it is gone", async () => {
		const { root, src } = scratchRoot();
		const context = await openContext("status", { root });
		const { name } = releasePaths(context.layout, smallRelease);
		const image = join(src, `.${name}.sqfs.tmp`);
		const config = join(src, `.${build}.0123456789ab.tmp`);
		writeFileSync(image, "");
		writeFileSync(config, "");
		await withLock(context, name, async () => {
			expect(await status({ root })).toMatchObject({ underWay: [image], leftovers: [config] });
			const { stdout } = await ksquash(["status", "--root", root]);
			expect(stdout).toContain(`another ksquash is writing ${image}`);
		});
		await withLock(context, buildKey(build), async () => {
			expect(await status({ root })).toMatchObject({ underWay: [config], leftovers: [image] });
		});
	});

	it("who has to wait is told for what", async () => {
		const scratch = scratchRoot();
		const { root } = scratch;
		const context = await openContext("status", { root });
		const tarball = placeTarball(scratch);
		const stats = await lstatIfExists(tarball);
		if (stats === undefined) throw new Error("no tarball");
		await withLock(context, tarballKey(fileId(stats)), async () => {
			await expect(pack(tarball, { root })).rejects.toThrow(`another ksquash works on ${tarball}`);
		});
		placeTree(scratch);
		await withLock(context, buildKey(build), async () => {
			await expect(configure(smallRelease, { root, base })).rejects.toThrow(`another ksquash works on ${build}`);
		});
	});
});

describe("--adopt", () => {
	it("for an owner who could not read the tree's .config is refused, by the dry run, too", async () => {
		const scratch = scratchRoot();
		const { root, src } = scratch;
		const tree = placeTree(scratch);
		writeFileSync(join(tree, ".config"), "CONFIG_MODULES=y\n");
		for (const dryRun of [true, false]) {
			await expect(pack(tree, { root, adopt: true, owner: "nobody", dryRun })).rejects.toMatchObject({
				code: "ERR_KSQUASH_FOREIGN_OWNER",
				hint: expect.stringMatching(/leave the option owner: "nobody" out.*chown nobody/),
			});
			expect(existsSync(join(src, build))).toBe(false);
			expect(readFileSync(join(tree, ".config"), "utf8")).toBe("CONFIG_MODULES=y\n");
		}
	});

	it("of a tree that was built for another architecture: install says so while the tree is there", async () => {
		const scratch = scratchRoot();
		const { root, src } = scratch;
		const tree = placeTree(scratch);
		writeFileSync(join(tree, ".config"), "CONFIG_ARM64=y\nCONFIG_64BIT=y\n");
		await expect(install(tree, { root, adopt: true })).rejects.toMatchObject({
			code: "ERR_KSQUASH_KCONFIG",
			hint: expect.stringContaining('the option arch: "arm64"'),
		});
		expect(existsSync(join(tree, "Makefile"))).toBe(true);
		expect(existsSync(join(src, build))).toBe(false);
		expect(existsSync(join(src, `linux-${smallRelease}.sqfs`))).toBe(false);
	});
});

describe("the words of a refusal", () => {
	it("are mksquashfs's own first line for an option behind -- that it does not know", async () => {
		const scratch = scratchRoot();
		const { root, src } = scratch;
		for (const source of [placeTarball(scratch), placeTree(scratch)]) {
			const { status: exit, stderr } = await ksquash(["pack", source, "--root", root, "--", "-nonsense"]);
			expect(stderr).toMatch(/mksquashfs refuses -nonsense: .*[Ii]nvalid option/);
			expect(stderr.split("\n").length).toBeLessThan(8);
			expect(exit).toBe(64);
			expect(existsSync(join(src, `linux-${smallRelease}.sqfs`))).toBe(false);
		}
	});

	it("name the settings for an owner of theirs who is nobody", async () => {
		const scratch = scratchRoot();
		const { root, path } = scratch;
		placeTree(scratch);
		mkdirSync(path("etc/ksquash"), { recursive: true });
		writeFileSync(path("etc/ksquash/config.toml"), 'owner = "nobody-at-all"\n');
		const { status: exit, stderr } = await ksquash(["configure", smallRelease, "--root", root]);
		expect(stderr).toContain(`${path("etc/ksquash/config.toml")}: owner: there is no user nobody-at-all`);
		expect(exit).toBe(78);
	});

	it("lead to the variant that was asked for", async () => {
		const scratch = scratchRoot();
		const { root } = scratch;
		placeTree(scratch);
		await configure(smallRelease, { root, base });
		await expect(select(smallRelease, { root, variant: "b" })).rejects.toMatchObject({
			hint: expect.stringContaining(`configure("${smallRelease}", { variant: "b", root: "${root}" })`),
		});
	});

	it("say what is left with the options that were given", async () => {
		const scratch = scratchRoot();
		const { root } = scratch;
		const tarball = placeTarball(scratch);
		const { mountPoint } = releasePaths((await openContext("status", { root })).layout, smallRelease);
		const occupied = install(tarball, {
			root,
			base,
			fuse: "auto",
			onProgress: ({ step, state }) => {
				if (step === "publish" && state === "done") mkdirSync(join(mountPoint, "in-the-way"), { recursive: true });
			},
		});
		await expect(occupied).rejects.toMatchObject({
			notes: [expect.stringContaining(`is packed; what is left: mount("${smallRelease}", { fuse: "auto"`)],
			resume: [
				{ verb: "mount", release: smallRelease, options: { fuse: "auto", root } },
				{ verb: "configure", release: smallRelease, options: { base, root } },
				{ verb: "select", release: smallRelease, options: { onlyOwn: true, root } },
			],
		});
	});
});

describe("ksquash help", () => {
	it("is ksquash --help, also for one command", async () => {
		for (const command of [[], ["pack"], ["config", "diff"]]) {
			const [words, flag] = [await ksquash(["help", ...command]), await ksquash([...command, "--help"])];
			expect(words.status).toBe(0);
			expect(words.stdout).toBe(flag.stdout);
			expect(words.stdout).toMatch(/USAGE/);
		}
	});
});
