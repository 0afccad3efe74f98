/**
 * doctor's checks of programs and headers: what packs, and what a kernel's build needs.
 */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { buildTools } from "../../build/kbuild.ts";
import { KsquashError } from "../../errors.ts";
import { formats } from "../../image/formats.ts";
import { squashfs } from "../../image/squashfs.ts";
import { packageHint, which } from "../../process/run.ts";
import type { Context } from "../../release/context.ts";
import { kernelDecompressors } from "../../release/decompressors.ts";
import type { Words } from "../../text.ts";

export interface Check {
	/** What was looked at, e.g. "squashfs in the kernel". */
	name: string;
	/** fail: the main job does not work · warn: a part of it does not, or it could not be found out. */
	result: "ok" | "warn" | "fail";
	/** What was found. */
	found: string;
	/** The line that mends it. */
	fix?: string;
}

export async function packing({ words }: Context): Promise<Check[]> {
	return [
		await mksquashfs(words),
		program("sqfs2tar", "only for a proof where nothing can be mounted"),
		...["xz", "zstd", "gzip", "bzip2"].map((name) => program(name, `only for tarballs of ${name}`)),
	];
}

async function mksquashfs(words: Words): Promise<Check> {
	const name = "mksquashfs";
	try {
		const { tool, readsTar, compressors } = await squashfs.tools();
		const found = `${tool} (${compressors.join(", ")})${readsTar ? "" : "; it reads no tarballs, which came with 4.5"}`;
		return { name, result: readsTar ? "ok" : "warn", found };
	} catch (error) {
		if (!(error instanceof KsquashError)) throw error;
		const { message, hint } = error.inWords(words);
		return { name, result: "fail", found: message, fix: hint };
	}
}

/** Only for images of EROFS: nothing else needs it. */
export async function erofsTools({ probe }: Context): Promise<Check[]> {
	if (which("mkfs.erofs") === undefined) return [];
	const { tool, compressors, readsTar } = await formats.erofs.tools();
	const kernel = await kernelDecompressors("erofs");
	const found = `${tool} (${compressors.join(", ")})${readsTar ? "" : "; it reads no tarballs, which came with 1.8"}`;
	const packs: Check = { name: "mkfs.erofs", result: "ok", found };
	if (probe.erofs) return [packs, { name: "erofs", result: "ok", found: kernel?.has.join(", ") ?? "there" }];
	const fix = "modprobe erofs, or build the kernel with CONFIG_EROFS_FS";
	return [packs, { name: "erofs", result: "warn", found: "the kernel mounts no such images", fix }];
}

export async function building(): Promise<Check[]> {
	const needed = buildTools.map((name) => program(name, "no kernel is configured without it", "fail"));
	return [
		...needed,
		...["bc", "setpriv"].map((name) => program(name, "for some builds, and for builds of other users")),
		...["gelf.h", "openssl/opensslv.h"].map((name) => header(name)),
	];
}

/** What the tree's own tools include; where else a distribution has it only its compiler knows. */
function header(name: string): Check {
	const path = join("/usr/include", name);
	if (existsSync(path)) return { name, result: "ok", found: path };
	return withPackage({ name, result: "warn", found: `not in /usr/include (objtool and module signing need it)` });
}

function program(name: string, use: string, without: "warn" | "fail" = "warn"): Check {
	const path = which(name);
	if (path !== undefined) return { name, result: "ok", found: path };
	return withPackage({ name, result: without, found: `missing (${use})` });
}

function withPackage(check: Check): Check {
	const fix = packageHint(check.name);
	return fix === undefined ? check : { ...check, fix };
}
