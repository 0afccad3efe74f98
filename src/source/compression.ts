/**
 * What a source file is compressed by, told from its first bytes, and the program that undoes it.
 *
 * Owns: the magic numbers and the programs' arguments. Leaves to others: starting them.
 */

export type Compression = "none" | "gzip" | "xz" | "bzip2" | "zstd" | "lz4";

const magics: readonly (readonly [Compression, readonly number[]])[] = [
	["gzip", [0x1f, 0x8b]],
	["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
	["bzip2", [0x42, 0x5a, 0x68]],
	["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
	["lz4", [0x04, 0x22, 0x4d, 0x18]],
];

/** undefined where no magic number fits: a plain file, or nothing that is known. */
export function compressionOf(head: Uint8Array): Exclude<Compression, "none"> | undefined {
	const found = magics.find(([, magic]) => magic.every((byte, i) => head[i] === byte))?.[0];
	return found === "none" ? undefined : found;
}

/** The program and its arguments. Threads help only where the file was made in blocks; xz before 5.4 ignores them. */
export function decompressor(
	compression: Exclude<Compression, "none">,
	threads: "one" | "all",
): readonly [command: string, args: readonly string[]] {
	const parallel = compression === "xz" ? [threads === "one" ? "-T1" : "-T0"] : [];
	return [compression, ["-dc", ...parallel]];
}
