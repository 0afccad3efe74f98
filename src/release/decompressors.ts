/**
 * Which compressors the running kernel can read images of, as far as its config tells.
 *
 * Owns: the places where that config may lie, and the words for a compressor that is missing.
 * Leaves to others: reading a config (src/kconfig); where there is none, the proof mounts the image before anything
 * gives way to it.
 */

import { release as kernelRelease } from "node:os";
import { KsquashError } from "../errors.ts";
import type { Compressor, FormatName } from "../image/format.ts";
import { parseConfig, symbolValue } from "../kconfig/config.ts";
import { readConfigFile } from "../kconfig/read.ts";
import { decompressorSymbols, missingDrivers } from "../kconfig/squashfs-support.ts";
import { joined, option, text } from "../text.ts";

export interface Decompressors {
	/** The config that says it. */
	from: string;
	has: readonly Compressor[];
	/** Drivers that it has neither built in nor as a module: without them no image is mounted, whatever compresses it. */
	lacks: readonly string[];
}

export function configSymbol(compressor: Compressor, format: FormatName = "squashfs"): string {
	return `CONFIG_${decompressorSymbols[format][compressor]}`;
}

/** undefined where no config of the running kernel can be read. */
export async function kernelDecompressors(format: FormatName = "squashfs"): Promise<Decompressors | undefined> {
	const release = kernelRelease();
	const known = Object.entries(decompressorSymbols[format]) as [Compressor, string][];
	for (const from of ["/proc/config.gz", `/lib/modules/${release}/config`, `/boot/config-${release}`]) {
		const text = await readConfigFile(from).catch((error: unknown) => {
			if (error instanceof KsquashError) return undefined;
			throw error;
		});
		if (text === undefined) continue;
		const config = parseConfig(text, from);
		const has = known.filter(([, symbol]) => symbolValue(config, symbol) === "y").map(([name]) => name);
		return { from, has, lacks: missingDrivers(config, format) };
	}
	return undefined;
}

/** Why images of this compressor cannot be mounted here. `packable`: what mksquashfs could make instead. */
export async function decompressorProblem(
	compressor: Compressor,
	packable: readonly string[],
	format: FormatName = "squashfs",
): Promise<KsquashError | undefined> {
	const kernel = await kernelDecompressors(format);
	if (kernel === undefined) return undefined;
	if (kernel.lacks.length > 0) {
		const lacking = kernel.lacks.map((symbol) => `CONFIG_${symbol}=y`).join(", ");
		const hint = `build the kernel with ${kernel.lacks.map((symbol) => `CONFIG_${symbol}`).join(" and ")}`;
		const why = `the running kernel cannot mount images: ${kernel.from} has no ${lacking}`;
		return new KsquashError("ERR_KSQUASH_KERNEL", why, { hint });
	}
	if (kernel.has.includes(compressor)) return undefined;
	const symbol = configSymbol(compressor, format);
	const others = kernel.has
		.filter((name) => packable.includes(name))
		.map((name) => text`${option("compressor", name)}`);
	const build = `build the kernel with ${symbol}`;
	return new KsquashError(
		"ERR_KSQUASH_KERNEL",
		`the running kernel cannot mount ${format === "erofs" ? "EROFS images" : "images"} of ${compressor}: ${kernel.from} has no ${symbol}=y`,
		{ hint: others.length === 0 ? build : text`${joined(others, " or ")} works here; or ${build}` },
	);
}
