/** --sha256 and --signature: checked on the way, and nothing comes of a tarball that is not what was meant. */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
	appendFileSync,
	copyFileSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pack } from "../../../src/index.ts";
import { loopsBelow, placeTarball, placeTree, type Scratch, scratchRoot } from "../../support/scratch.ts";

// A short path: gpg-agent's socket lies in it.
const home = mkdtempSync(join(tmpdir(), "kg-"));
const keyring = join(home, "trusted.gpg");
const strangers = join(home, "others.gpg");

function gpg(args: readonly string[], input?: Uint8Array): Buffer {
	return execFileSync("gpg", ["--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback", ...args], {
		stdio: ["pipe", "pipe", "pipe"],
		...(input === undefined ? {} : { input }),
	});
}

beforeAll(() => {
	for (const name of ["Releaser <releaser@test>", "Stranger <stranger@test>"]) {
		gpg(["--passphrase", "", "--quick-generate-key", name, "ed25519", "sign", "never"]);
	}
	gpg(["--output", keyring, "--export", "releaser@test"]);
	gpg(["--output", strangers, "--export", "stranger@test"]);
});

afterAll(() => {
	execFileSync("gpgconf", ["--homedir", home, "--kill", "gpg-agent"]);
	rmSync(home, { recursive: true, force: true });
});

/** A detached signature, armoured as kernel.org's are. */
function sign(scratch: Scratch, data: Buffer, by = "releaser@test"): string {
	const file = scratch.path("sign");
	rmSync(file, { force: true });
	gpg(["--armor", "--local-user", by, "--output", file, "--detach-sign"], data);
	return file;
}

function tarIn(tarball: string): Buffer {
	return execFileSync("xz", ["-dc", tarball], { maxBuffer: 1 << 28 });
}

function expectNothing(scratch: Scratch): void {
	expect(readdirSync(scratch.src)).toEqual([]);
	expect(loopsBelow(scratch.root)).toEqual([]);
}

describe("sha256", () => {
	it("that fits: packed; another: refused before anything is published, also when it is packed already", async () => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch);
		const sha256 = createHash("sha256").update(readFileSync(tarball)).digest("hex");
		const wrong = pack(tarball, { root: scratch.root, sha256: sha256.replace(/^./, (c) => (c === "0" ? "1" : "0")) });
		await expect(wrong).rejects.toMatchObject({ code: "ERR_KSQUASH_CHECKSUM", exitStatus: 65, path: tarball });
		expectNothing(scratch);
		const { image } = await pack(tarball, { root: scratch.root, sha256: sha256.toUpperCase() });
		expect(JSON.parse(readFileSync(`${image}.json`, "utf8")).origin.sha256).toBe(sha256);
		const again = pack(tarball, { root: scratch.root, sha256: "0".repeat(64) });
		await expect(again).rejects.toMatchObject({ code: "ERR_KSQUASH_CHECKSUM" });
	});

	it("that is none, or of a tree: said before any work", async () => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch);
		const usage = { code: "ERR_KSQUASH_USAGE", exitStatus: 64 };
		await expect(pack(tarball, { root: scratch.root, sha256: "abc" })).rejects.toMatchObject(usage);
		await expect(pack(tarball, { root: scratch.root, keyring })).rejects.toMatchObject(usage);
		const tree = placeTree(scratch, "home/k");
		await expect(pack(tree, { root: scratch.root, sha256: "0".repeat(64) })).rejects.toMatchObject(usage);
		await expect(pack(tree, { root: scratch.root, signature: tarball, keyring })).rejects.toMatchObject(usage);
		expectNothing(scratch);
	});
});

describe("signature", () => {
	it.each(["linux.tar.xz", "linux.tar"])("of the tar in %s, as kernel.org has it, or of the file", async (name) => {
		for (const of of ["tar", "file"] as const) {
			const scratch = scratchRoot();
			const tarball = placeTarball(scratch, name);
			const packed = name.endsWith(".xz");
			const signature = sign(scratch, of === "tar" && packed ? tarIn(tarball) : readFileSync(tarball));
			const { image } = await pack(tarball, { root: scratch.root, signature, keyring });
			const { signed } = JSON.parse(readFileSync(`${image}.json`, "utf8")).origin;
			expect(signed).toMatchObject({ of: packed ? of : "file", signer: "Releaser <releaser@test>" });
			const key = gpg(["--with-colons", "--list-keys", "releaser@test"]).toString();
			expect(key).toContain(`:${signed.key}:`);
		}
	});

	it.each<[string, (scratch: Scratch, tarball: string) => [string, string], RegExp]>([
		["of other bytes", (s, t) => [sign(s, Buffer.concat([tarIn(t), Buffer.from("x")])), keyring], /BAD signature/],
		["by a key that is not trusted", (s, t) => [sign(s, tarIn(t), "stranger@test"), keyring], /No public key/],
		["and a keyring without the key", (s, t) => [sign(s, tarIn(t)), strangers], /No public key/],
		["that is none", (_, t) => [t, keyring], /verify signatures failed|no signature|unexpected data|invalid/i],
	])("%s: refused, and nothing is left", async (_, make, why) => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch);
		const [signature, keys] = make(scratch, tarball);
		const refused = pack(tarball, { root: scratch.root, signature, keyring: keys });
		await expect(refused).rejects.toMatchObject({
			code: "ERR_KSQUASH_SIGNATURE",
			notes: expect.arrayContaining([expect.stringMatching(why)]),
		});
		expectNothing(scratch);
	});

	it("of a tarball that was changed behind its end, and of one that is packed already: checked all the same", async () => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch, "linux.tar");
		const signature = sign(scratch, readFileSync(tarball));
		copyFileSync(tarball, scratch.path("longer.tar"));
		appendFileSync(scratch.path("longer.tar"), Buffer.alloc(10240));
		const longer = pack(scratch.path("longer.tar"), { root: scratch.root, signature, keyring });
		await expect(longer).rejects.toMatchObject({ code: "ERR_KSQUASH_SIGNATURE" });
		await pack(tarball, { root: scratch.root });
		const again = pack(tarball, { root: scratch.root, signature, keyring: strangers });
		await expect(again).rejects.toMatchObject({ code: "ERR_KSQUASH_SIGNATURE" });
		expect(await pack(tarball, { root: scratch.root, signature, keyring })).toMatchObject({ already: true });
	});

	it("without a file, or without any keyring: said before any work", async () => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch);
		const none = pack(tarball, { root: scratch.root, signature: scratch.path("gone"), keyring });
		await expect(none).rejects.toMatchObject({ code: "ERR_KSQUASH_NO_INPUT" });
		mkdirSync(scratch.path("home"));
		const old = process.env.HOME;
		process.env.HOME = scratch.path("home");
		try {
			const signature = sign(scratch, tarIn(tarball));
			const refused = pack(tarball, { root: scratch.root, signature });
			await expect(refused).rejects.toMatchObject({
				code: "ERR_KSQUASH_NO_INPUT",
				hint: expect.stringMatching("the option keyring"),
			});
			mkdirSync(scratch.path("home/.gnupg"));
			copyFileSync(keyring, scratch.path("home/.gnupg/trustedkeys.gpg"));
			expect(existsSync((await pack(tarball, { root: scratch.root, signature })).image)).toBe(true);
		} finally {
			process.env.HOME = old;
		}
	});
});
