/** After conf: what was asked for against what came out; and the scrubbing of a base before it. */

import { describe, expect, test } from "vitest";
import { auditConfig, missed } from "../../../src/kconfig/audit.ts";
import { parseConfig } from "../../../src/kconfig/config.ts";
import { mergeConfigs } from "../../../src/kconfig/merge.ts";
import { type ScrubOptions, scrubConfig } from "../../../src/kconfig/scrub.ts";
import { canMountOwnSource } from "../../../src/kconfig/squashfs-support.ts";
import type { ImageInfo } from "../../../src/native/mount-types.ts";

const audit = (asked: string, final: string) => {
	const base = { name: "base", text: Buffer.from("CONFIG_OTHER=y\n") };
	const merged = mergeConfigs(base, [{ name: "mine", text: Buffer.from(asked) }]);
	return auditConfig(merged.asked, parseConfig(Buffer.from(final), ".config"));
};

describe("verdicts", () => {
	test.each([
		["CONFIG_A=y", "CONFIG_A=y", "ok"],
		["CONFIG_A=n", "", "equal"],
		["# CONFIG_A is not set", "", "equal"],
		["CONFIG_A=n", "# CONFIG_A is not set", "ok"],
		["CONFIG_A=m", "CONFIG_A=y", "promoted"],
		["CONFIG_A=y", "CONFIG_A=m", "different"],
		["CONFIG_A=y", "", "absent"],
		["CONFIG_A=99", "CONFIG_A=17", "different"],
		["CONFIG_A=0XFF", "CONFIG_A=0xff", "ok"],
		["CONFIG_A=10", "CONFIG_A=0x10", "ok"],
		['CONFIG_A="x"', 'CONFIG_A="x"', "ok"],
		['CONFIG_A="x\\y"', 'CONFIG_A="xy"', "ok"],
		['CONFIG_A="x"', 'CONFIG_A=""', "different"],
		['CONFIG_A="y"', "CONFIG_A=y", "different"],
	])("%s → %s: %s", (asked, final, verdict) => {
		const [entry] = audit(`${asked}\n`, `${final}\n`);
		expect(entry).toMatchObject({ symbol: "A", verdict, file: "mine", line: 1 });
		expect(missed(entry === undefined ? [] : [entry])).toHaveLength(["absent", "different"].includes(verdict) ? 1 : 0);
	});
});

test("only what the user asked for is judged", () => {
	expect(audit("CONFIG_A=y\n", "CONFIG_A=y\n").map(({ symbol }) => symbol)).toEqual(["A"]);
});

describe("a kernel that mounts its own source", () => {
	const check = (text: string, compressor: ImageInfo["compressor"], format: ImageInfo["format"] = "squashfs") =>
		canMountOwnSource(parseConfig(Buffer.from(text), "x"), { format, compressor });
	test("built in or as modules", () => {
		const text = "CONFIG_SQUASHFS=m\nCONFIG_SQUASHFS_XZ=y\nCONFIG_BLK_DEV_LOOP=m\n";
		expect(check(text, "xz")).toEqual({ ok: true, missing: [], unreadable: false });
		expect(check(text, "zstd")).toEqual({ ok: false, missing: ["SQUASHFS_ZSTD"], unreadable: false });
		expect(check(text, "gzip").missing).toEqual(["SQUASHFS_ZLIB"]);
	});
	test("without anything", () => {
		expect(check("# CONFIG_SQUASHFS is not set\n", "lz4").missing).toEqual([
			"BLK_DEV_LOOP",
			"SQUASHFS",
			"SQUASHFS_LZ4",
		]);
	});
	test("an EROFS image has symbols of its own, and none of them where nothing is compressed", () => {
		const text = "CONFIG_BLK_DEV_LOOP=y\nCONFIG_EROFS_FS=m\nCONFIG_SQUASHFS=y\nCONFIG_SQUASHFS_ZSTD=y\n";
		expect(check(text, "zstd", "erofs")).toMatchObject({ ok: false, missing: ["EROFS_FS_ZIP_ZSTD"] });
		expect(check(text, "none", "erofs")).toEqual({ ok: true, missing: [], unreadable: false });
		expect(check("CONFIG_BLK_DEV_LOOP=y\n", "none", "erofs").missing).toEqual(["EROFS_FS"]);
	});
	test("lzma is read by no mainline kernel", () => {
		expect(check("CONFIG_SQUASHFS=y\nCONFIG_BLK_DEV_LOOP=y\n", "lzma")).toMatchObject({ ok: false, unreadable: true });
	});
});

describe("scrubbing", () => {
	const scrub = (text: string, options: Partial<ScrubOptions> = {}) => {
		const result = scrubConfig(Buffer.from(text, "latin1"), "base", { exists: () => false, ...options });
		return {
			text: Buffer.from(result.text).toString("latin1"),
			names: result.scrubbed.map(({ symbol }) => symbol),
			...{ all: result.scrubbed },
		};
	};
	test("the toolchain and the salt go, and the rest keeps its bytes", () => {
		const { text, names } = scrub(
			'# c \u00ff\nCONFIG_CC_VERSION_TEXT="gcc 15"\nCONFIG_GCC_VERSION=150300\nCONFIG_A=y\r\nCONFIG_BUILD_SALT="6.1-amd64"\nCONFIG_KERNEL_VERSION=3',
		);
		expect(text).toBe("# c \u00ff\nCONFIG_A=y\r\nCONFIG_KERNEL_VERSION=3");
		expect(names).toEqual(["CC_VERSION_TEXT", "GCC_VERSION", "BUILD_SALT"]);
	});
	test("what goes is listed with its value, line and reason", () => {
		expect(scrub('\nCONFIG_SYSTEM_TRUSTED_KEYS="debian/certs/x.pem"\n').all).toEqual([
			{
				symbol: "SYSTEM_TRUSTED_KEYS",
				raw: '"debian/certs/x.pem"',
				line: 2,
				why: "debian/certs/x.pem does not exist here",
			},
		]);
	});
	test("a file that is there, an empty value, the key that Kbuild makes and a token stay", () => {
		const text = [
			'CONFIG_SYSTEM_REVOCATION_KEYS=""',
			'CONFIG_MODULE_SIG_KEY="certs/signing_key.pem"',
			'CONFIG_BUILD_SALT=""',
		].join("\n");
		expect(scrub(text)).toMatchObject({ text, names: [] });
		expect(scrub('CONFIG_MODULE_SIG_KEY="pkcs11:token=x"\n').names).toEqual([]);
		expect(scrub('CONFIG_EXTRA_FIRMWARE_DIR="/lib/firmware"\n', { exists: () => true }).names).toEqual([]);
		expect(scrub('CONFIG_MODULE_SIG_KEY="/root/my.pem"\n').names).toEqual(["MODULE_SIG_KEY"]);
	});
	test("an initramfs of several files goes when one is missing, which is named", () => {
		const { all } = scrub('CONFIG_INITRAMFS_SOURCE="/a.list /b.list"\n', { exists: (path) => path === "/a.list" });
		expect(all[0]?.why).toBe("/b.list does not exist here");
	});
});
