/**
 * What a kernel must be configured with to mount an image.
 *
 * Owns: the symbols of each format and its compressors, and the verdict on one config.
 * Leaves to others: reading configs, and what to say of it. Pure.
 */

import type { ImageInfo } from "../native/mount-types.ts";
import { type Config, symbolValue } from "./config.ts";

type Format = ImageInfo["format"];

const drivers: Readonly<Record<Format, string>> = { squashfs: "SQUASHFS", erofs: "EROFS_FS" };

/** The symbol that gives a kernel the decompressor: fs/squashfs/Kconfig, fs/erofs/Kconfig. */
export const decompressorSymbols: Readonly<Record<Format, Readonly<Record<string, string>>>> = {
	squashfs: {
		gzip: "SQUASHFS_ZLIB",
		lzo: "SQUASHFS_LZO",
		lz4: "SQUASHFS_LZ4",
		xz: "SQUASHFS_XZ",
		zstd: "SQUASHFS_ZSTD",
	},
	erofs: {
		lz4: "EROFS_FS_ZIP",
		lz4hc: "EROFS_FS_ZIP",
		lzma: "EROFS_FS_ZIP_LZMA",
		deflate: "EROFS_FS_ZIP_DEFLATE",
		zstd: "EROFS_FS_ZIP_ZSTD",
	},
};

export interface OwnSource {
	ok: boolean;
	/** The symbols to set, e.g. ["SQUASHFS_XZ"]. */
	missing: string[];
	/** No mainline kernel reads this compressor. */
	unreadable: boolean;
}

/** Could a kernel of this config mount an image of its own source? Built in or as a module. */
export function canMountOwnSource(config: Config, image: Pick<ImageInfo, "format" | "compressor">): OwnSource {
	const symbol = decompressorSymbols[image.format][image.compressor];
	const unreadable = symbol === undefined && image.compressor !== "none";
	const missing = [...missingDrivers(config, image.format), ...missingOf(config, symbol === undefined ? [] : [symbol])];
	return { ok: missing.length === 0 && !unreadable, missing, unreadable };
}

/** The drivers without which no image of the format is mounted, as far as this config lacks them. */
export function missingDrivers(config: Config, format: Format): string[] {
	return missingOf(config, ["BLK_DEV_LOOP", drivers[format]]);
}

function missingOf(config: Config, symbols: readonly string[]): string[] {
	return symbols.filter((name) => !["y", "m"].includes(symbolValue(config, name)));
}
