/** A kernel that lacks a decompressor: said before any work where the image is to be mounted here. */

import { readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { placeTarball, type Scratch, scratchRoot } from "../support/scratch.ts";
import { expectClean, expectRefusal, ksquash, name } from "./support.ts";

const without =
	"CONFIG_BLK_DEV_LOOP=m\nCONFIG_SQUASHFS=y\nCONFIG_SQUASHFS_XZ=y\nCONFIG_SQUASHFS_ZLIB=y\n# CONFIG_SQUASHFS_ZSTD is not set\n";

/** Runs in a mount namespace in which the running kernel's config is this text. */
function configured(scratch: Scratch, text: string): string[] {
	writeFileSync(scratch.path("config.gz"), gzipSync(text));
	const setup = 'mount --bind "$1" /proc/config.gz && shift && exec "$@"';
	return ["unshare", "--mount", "--propagation", "private", "sh", "-c", setup, "sh", scratch.path("config.gz")];
}

/** The same, with the config in /boot only, as Debian has it. */
function configuredInBoot(scratch: Scratch, text: string): string[] {
	writeFileSync(scratch.path("config"), text);
	const setup =
		'mount --bind /dev/null /proc/config.gz && mount -t tmpfs tmpfs /boot && cp "$1" "/boot/config-$(uname -r)" && shift && exec "$@"';
	return ["unshare", "--mount", "--propagation", "private", "sh", "-c", setup, "sh", scratch.path("config")];
}

describe("a kernel without zstd in its squashfs", () => {
	it.each([
		["/proc/config.gz", configured],
		["/boot", configuredInBoot],
	])("known from %s: install, and pack on the running system, are refused with what works instead", async (at, how) => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch);
		const prefix = how(scratch, without);
		for (const args of [
			["install", tarball, "--root", scratch.root],
			["install", tarball, "--root", scratch.root, "--dry-run"],
			["pack", tarball, "--dry-run"],
		]) {
			const ran = await ksquash(args, { prefix });
			expectRefusal(ran, 69, "zstd", "CONFIG_SQUASHFS_ZSTD", at, "--comp gzip or --comp xz");
		}
		expectClean(scratch, []);
		const ran = await ksquash(["install", tarball, "--root", scratch.root, "--preset", "smallest"], { prefix });
		expect(ran.stderr).not.toContain("CONFIG_SQUASHFS_ZSTD");
	});

	it("packs for another machine all the same, proved without a mount", async () => {
		const scratch = scratchRoot();
		const prefix = configured(scratch, without);
		const ran = await ksquash(["pack", placeTarball(scratch), "--root", scratch.root], { prefix });
		expect(ran, ran.stderr).toMatchObject({ status: 0 });
		expectClean(scratch, [`${name}.sqfs`, `${name}.sqfs.json`, `${name}.sqfs.list.gz`]);
		expect(JSON.parse(readFileSync(`${scratch.src}/${name}.sqfs.json`, "utf8"))).toMatchObject({ proof: "stream" });
	});

	it("doctor names the symbol", async () => {
		const scratch = scratchRoot();
		const ran = await ksquash(["doctor", "--root", scratch.root], { prefix: configured(scratch, without) });
		expect(ran.stdout).toMatch(/squashfs zstd +the kernel cannot mount such images/);
		expect(ran.stdout).toContain("build the kernel with CONFIG_SQUASHFS_ZSTD");
	});
});
