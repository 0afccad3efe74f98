/** Copies of an adoption whose names are taken: refused until the right way is built. The work that the title names deletes this with the code. */

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { pack } from "../../../src/index.ts";
import { placeTree, type Scratch, scratchRoot, smallRelease } from "../../support/scratch.ts";

function put(directory: string, files: Readonly<Record<string, string>>): void {
	for (const [name, text] of Object.entries(files)) {
		mkdirSync(dirname(join(directory, name)), { recursive: true });
		writeFileSync(join(directory, name), text);
	}
}

/** Name, mode, owner, time and content of everything: what was refused has changed nothing. */
function everything(directory: string): string {
	const list = execFileSync("find", [directory, "-printf", "%P %y %m %U %T@ %l\n"]).toString().split("\n").toSorted();
	return [...list, execFileSync("sh", ["-c", 'find "$0" -type f -exec sha256sum {} + | sort', directory])].join("\n");
}

const valuable: Readonly<Record<string, string>> = {
	".config": "CONFIG_A=y\n",
	".config.old": "# CONFIG_A is not set\n",
	"Module.symvers": "0x0\ta\tvmlinux\tEXPORT_SYMBOL\n",
	"certs/signing_key.pem": "secret",
};

function builtTree(): { scratch: Scratch; tree: string; build: string } {
	const scratch = scratchRoot();
	const tree = placeTree(scratch);
	put(tree, { ...valuable, "certs/Makefile": "# certs\n" });
	return { scratch, tree, build: scratch.path(`usr/src/build-${smallRelease}`) };
}

describe("stop-gap, to be deleted by the work on copies (copies never overwrite): an adopt", () => {
	it.each(Object.keys(valuable))(
		"is refused where another %s is in the build directory; without it, it goes on",
		async (name) => {
			const { scratch, tree, build } = builtTree();
			await pack(tree, { root: scratch.root, adopt: true, keepSource: true });
			put(build, { [name]: "another\n" });
			const before = everything(scratch.root);
			for (const dryRun of [true, false]) {
				await expect(pack(tree, { root: scratch.root, adopt: true, dryRun })).rejects.toMatchObject({
					code: "ERR_KSQUASH_OCCUPIED",
					path: join(build, name),
				});
				expect(everything(scratch.root)).toBe(before);
			}
			rmSync(join(build, name));
			expect(await pack(tree, { root: scratch.root, adopt: true })).toMatchObject({ source: "replaced" });
			expect(readFileSync(join(build, name), "utf8")).toBe(valuable[name]);
		},
	);

	it("goes on where the copies of a run that was broken off are there already", async () => {
		const { scratch, tree, build } = builtTree();
		await pack(tree, { root: scratch.root, adopt: true, keepSource: true });
		rmSync(join(build, "Module.symvers"));
		expect(await pack(tree, { root: scratch.root, adopt: true })).toMatchObject({ source: "replaced", kept: [] });
		for (const [name, text] of Object.entries(valuable)) expect(readFileSync(join(build, name), "utf8")).toBe(text);
	});

	it("goes on where a configure of what it copied was broken off, and the tree stays", async () => {
		const { scratch, tree, build } = builtTree();
		await pack(tree, { root: scratch.root, adopt: true, keepSource: true });
		const half = {
			".config": "half written",
			".config.old": valuable[".config"] ?? "",
			".ksquash.config": valuable[".config"] ?? "",
		};
		put(build, half);
		await pack(tree, { root: scratch.root, adopt: true, keepSource: true });
		for (const [name, text] of Object.entries(half)) expect(readFileSync(join(build, name), "utf8")).toBe(text);
		await expect(pack(tree, { root: scratch.root, adopt: true })).rejects.toMatchObject({
			path: join(build, ".config.old"),
		});
		put(build, { ".ksquash.config": "of another configure" });
		const refused = pack(tree, { root: scratch.root, adopt: true, keepSource: true });
		await expect(refused).rejects.toMatchObject({ code: "ERR_KSQUASH_OCCUPIED", path: join(build, ".config") });
	});

	it("keeps the key of another build in the tree where it is, and names it", async () => {
		const { scratch, tree } = builtTree();
		const nested = {
			"out/certs/signing_key.pem": "nested",
			"out/certs/x509.genkey": "nested",
			"out/Module.symvers": "0",
		};
		put(tree, { ...nested, "out/certs/.signing_key.pem.cmd": "cmd", "out/certs/.x509.genkey.cmd": "cmd" });
		put(tree, { "out/.Module.symvers.cmd": "cmd", "out/.config": "CONFIG_NESTED=y\n" });
		const { kept } = await pack(tree, { root: scratch.root, adopt: true });
		expect(kept.toSorted()).toEqual(Object.keys(nested).toSorted());
		const rest = scratch.path(`usr/src/.linux-${smallRelease}.rest`);
		expect(readFileSync(join(rest, "out/certs/signing_key.pem"), "utf8")).toBe("nested");
		expect(readFileSync(join(tree, "out/.config"), "utf8")).toBe("CONFIG_NESTED=y\n");
	});
});
