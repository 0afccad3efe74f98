/** --adopt: a tree that was built in. */

import { execFileSync } from "node:child_process";
import {
	chmodSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { install, type ProgressEvent, pack } from "../../../src/index.ts";
import { hashes, listing } from "../../support/content.ts";
import { kernelSlice, kernelTarball, mustWork } from "../../support/kernel.ts";
import { mountsBelow, placeTree, type Scratch, scratchRoot, smallRelease } from "../../support/scratch.ts";

/** What a build in the small kernel's tree would leave: no more than names and command files. */
const generated: Readonly<Record<string, string>> = {
	"include/config/auto.conf": "CONFIG_A=y\n",
	"include/generated/autoconf.h": "#define CONFIG_A 1\n",
	"arch/small/include/generated/asm/x.h": "\n",
	"kernel/sched/core.o": "object",
	"kernel/sched/.core.o.cmd": "cmd",
	"kernel/built-in.a": "archive",
	"kernel/.built-in.a.cmd": "cmd",
	"arch/small_alias/boot/bzImage": "boot",
	vmlinux: "elf",
	"System.map": "map",
};

const valuable: Readonly<Record<string, string>> = {
	".config": "CONFIG_A=y\n",
	".config.old": "# CONFIG_A is not set\n",
	"Module.symvers": "0x0\ta\tvmlinux\tEXPORT_SYMBOL\n",
	"certs/signing_key.pem": "secret",
	"certs/signing_key.x509": "public",
};

function put(directory: string, files: Readonly<Record<string, string>>): void {
	for (const [name, text] of Object.entries(files)) {
		mkdirSync(dirname(join(directory, name)), { recursive: true });
		writeFileSync(join(directory, name), text);
	}
}

function builtTree(scratch: Scratch): { tree: string; build: string } {
	const tree = placeTree(scratch);
	// The directory is the source's: an empty one is no file's.
	put(tree, { ...generated, ...valuable, "certs/Makefile": "# certs\n" });
	return { tree, build: scratch.path(`usr/src/build-${smallRelease}`) };
}

function mode(path: string): string {
	return (statSync(path).mode & 0o777).toString(8);
}

describe("a tree that was built in", () => {
	it("is refused without adopt, and the hint names it", async () => {
		const scratch = scratchRoot();
		const { tree } = builtTree(scratch);
		await expect(pack(tree, { root: scratch.root })).rejects.toMatchObject({
			code: "ERR_KSQUASH_TREE_BUILT",
			hint: expect.stringContaining("the option adopt"),
		});
	});

	it("gives its config and keys to the build directory, and the image is the source alone", async () => {
		const scratch = scratchRoot();
		const { tree, build } = builtTree(scratch);
		const steps: string[] = [];
		const onProgress = ({ step, state }: ProgressEvent): void => void (state === "start" && steps.push(step));
		const result = await pack(tree, { root: scratch.root, adopt: true, onProgress });
		expect(result).toMatchObject({ source: "replaced", kept: [] });
		expect(steps.indexOf("adopt")).toBeLessThan(steps.indexOf("pack"));
		for (const [name, text] of Object.entries(valuable)) {
			expect([name, readFileSync(join(build, name), "utf8")]).toEqual([name, text]);
		}
		expect([mode(join(build, "certs/signing_key.pem")), mode(join(build, ".config"))]).toEqual(["600", "644"]);
		expect(mountsBelow(scratch.root)).toEqual([tree]);
		const there = listing(tree);
		for (const name of [...Object.keys(generated), ...Object.keys(valuable), "arch/small_alias"]) {
			expect([name, existsSync(join(tree, name))]).toEqual([name, false]);
		}
		expect(there).toContain("certs/Makefile");
		const pristine = placeTree(scratch, "home/k");
		put(pristine, { "certs/Makefile": "# certs\n" });
		expect(hashes(tree)).toBe(hashes(pristine));
		expect(readdirSync(scratch.src).toSorted()).toEqual([
			`build-${smallRelease}`,
			`linux-${smallRelease}`,
			`linux-${smallRelease}.sqfs`,
			`linux-${smallRelease}.sqfs.json`,
			`linux-${smallRelease}.sqfs.list.gz`,
		]);
	});

	it("what is neither source nor generated stays in the rest, named; a file of the person's own goes into the image", async () => {
		const scratch = scratchRoot();
		const { tree } = builtTree(scratch);
		put(tree, { "drivers/blob.ko": "mine", "drivers/mine.c": "int mine;\n" });
		rmSync(join(tree, "certs/signing_key.x509"));
		symlinkSync("/etc/hostname", join(tree, "certs/signing_key.x509"));
		const warnings: string[] = [];
		const onWarning = (text: string): void => void warnings.push(text);
		const { kept } = await pack(tree, { root: scratch.root, adopt: true, onWarning });
		expect(kept.toSorted()).toEqual(["certs/signing_key.x509", "drivers/blob.ko"]);
		expect(warnings.join("\n")).toContain("drivers/blob.ko");
		const rest = scratch.path(`usr/src/.linux-${smallRelease}.rest`);
		expect(readFileSync(join(rest, "drivers/blob.ko"), "utf8")).toBe("mine");
		expect(readFileSync(join(tree, "drivers/mine.c"), "utf8")).toBe("int mine;\n");
		expect(existsSync(join(tree, "drivers/blob.ko"))).toBe(false);
	});

	it("refuses to overwrite another key", async () => {
		const scratch = scratchRoot();
		const { tree, build } = builtTree(scratch);
		const other = await pack(tree, { root: scratch.root, adopt: true, keepSource: true });
		expect(other.source).toBe("kept");
		writeFileSync(join(build, "certs/signing_key.pem"), "another");
		chmodSync(join(build, "certs/signing_key.pem"), 0o600);
		const refused = pack(tree, { root: scratch.root, adopt: true });
		await expect(refused).rejects.toMatchObject({
			code: "ERR_KSQUASH_OCCUPIED",
			path: join(build, "certs/signing_key.pem"),
		});
		expect(readFileSync(join(build, "certs/signing_key.pem"), "utf8")).toBe("another");
		expect(readFileSync(join(tree, "certs/signing_key.pem"), "utf8")).toBe("secret");
	});

	it("a key that changes while the image is made: nothing goes", async () => {
		const scratch = scratchRoot();
		const { tree } = builtTree(scratch);
		const onProgress = ({ step, state }: ProgressEvent): void => {
			if (step === "pack" && state === "start") writeFileSync(join(tree, "certs/signing_key.pem"), "newer");
		};
		const changed = pack(tree, { root: scratch.root, adopt: true, onProgress });
		await expect(changed).rejects.toMatchObject({ code: "ERR_KSQUASH_CHANGED" });
		expect(readFileSync(join(tree, "certs/signing_key.pem"), "utf8")).toBe("newer");
		expect(mountsBelow(scratch.root)).toEqual([]);
	});

	it("a name that mksquashfs could not be told: refused before any work; a dry run changes nothing", async () => {
		const scratch = scratchRoot();
		const { tree, build } = builtTree(scratch);
		const { plan } = await pack(tree, { root: scratch.root, adopt: true, dryRun: true });
		expect(plan?.join("\n")).toMatch(/copy \.config, .*signing_key\.pem.* to .*\n.*leave out \d+ generated/);
		expect(existsSync(build)).toBe(false);
		put(tree, { "kernel/a b.o": "x", "kernel/.a b.o.cmd": "x" });
		const refused = pack(tree, { root: scratch.root, adopt: true });
		await expect(refused).rejects.toMatchObject({ code: "ERR_KSQUASH_TREE_UNSUITABLE", message: /a\\040b\.o/ });
		expect(readdirSync(scratch.src)).toEqual([`linux-${smallRelease}`]);
	});

	it("one set aside whole by a run that was killed: the rest goes, configs and keys stay named", async () => {
		const scratch = scratchRoot();
		const { tree } = builtTree(scratch);
		const stop = new AbortController();
		const onProgress = ({ step, state }: ProgressEvent): void => {
			if (step === "remove" && state === "start") stop.abort(new Error("enough"));
		};
		await pack(tree, { root: scratch.root, adopt: true, onProgress, signal: stop.signal }).catch(() => undefined);
		const [aside, rest] = ["replaced", "rest"].map((end) => scratch.path(`usr/src/.linux-${smallRelease}.${end}`));
		execFileSync("mv", [rest as string, aside as string]);
		const warnings: string[] = [];
		const again = await pack(tree, { root: scratch.root, onWarning: (text) => void warnings.push(text) });
		expect(again.kept.toSorted()).toEqual(Object.keys(valuable).toSorted());
		expect(readFileSync(join(rest as string, "certs/signing_key.pem"), "utf8")).toBe("secret");
		expect(existsSync(join(rest as string, "kernel"))).toBe(false);
	});
});

const tarball = kernelTarball();

describe.skipIf(tarball === undefined && !mustWork)(
	"a slice of Debian's kernel that was built in (install linux-source-6.1)",
	() => {
		it("is adopted: image equal to the pristine slice, the build goes on beside it with the same config", {
			timeout: 300_000,
		}, async () => {
			const slice = kernelSlice(tarball ?? "linux-source-6.1 is not installed");
			const scratch = scratchRoot();
			const before = { listing: names(slice), hashes: hashes(slice) };
			const tree = scratch.path("usr/src/linux-built");
			execFileSync("cp", ["-a", slice, tree]);
			const make = (...args: string[]): void => void execFileSync("make", ["-s", ...args], { stdio: "pipe" });
			make("-C", tree, "tinyconfig");
			make("-C", tree, "scripts_basic", "include/generated/utsrelease.h", "scripts/mod/");
			expect(existsSync(join(tree, "scripts/mod/modpost")) || existsSync(join(tree, "scripts/mod/empty.o"))).toBe(true);
			const config = readFileSync(join(tree, ".config"), "utf8");
			const result = await install(tree, { root: scratch.root, adopt: true, replaceSource: true });
			expect(result.pack).toMatchObject({ source: "removed", kept: [] });
			expect({ listing: names(result.pack.mountPoint), hashes: hashes(result.pack.mountPoint) }).toEqual(before);
			expect(readFileSync(join(result.configure.buildDir, ".config"), "utf8")).toBe(config);
			make("-C", result.configure.buildDir, "scripts_basic", "include/generated/utsrelease.h");
		});
	},
);

/** Times of directories are those of the build. */
function names(directory: string): string {
	return execFileSync("find", [directory, "-mindepth", "1", "-printf", "%P %y %m %l\\n"], {
		encoding: "utf8",
		maxBuffer: 1 << 28,
	})
		.split("\n")
		.toSorted()
		.join("\n");
}
