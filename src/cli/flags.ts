/**
 * The flags that commands share, and how their values are read.
 *
 * Owns: names, briefs and parsers. Leaves to others: which command takes which (src/cli/commands.ts).
 */

import { KsquashError } from "../errors.ts";

export interface Common {
	root?: string;
	json?: boolean;
}

/** Help shows a flag's placeholder in its usage line only, where optional flags have none: here it begins the brief. */
const text = (brief: string, placeholder: string) =>
	({ kind: "parsed", parse: String, optional: true, brief: `<${placeholder}>  ${brief}`, placeholder }) as const;

/** A flag that may be given again. */
const list = (brief: string, placeholder: string) => ({ ...text(brief, placeholder), variadic: true }) as const;

const flag = (brief: string) => ({ kind: "boolean", optional: true, withNegated: false, brief }) as const;

const number = (brief: string, parse: (input: string) => number, placeholder: string) =>
	({ kind: "parsed", parse, optional: true, brief: `<${placeholder}>  ${brief}`, placeholder }) as const;

export const common = {
	root: text("Work below this directory instead of /", "dir"),
	json: flag("One JSON object on stdout"),
} as const;

export const dryRun = { dryRun: flag("Say what would be done, and change nothing") } as const;

export interface PackFlags extends Common {
	dryRun?: boolean;
	release?: string;
	keepSource?: boolean;
	replaceSource?: boolean;
	replace?: boolean;
	preset?: "smallest" | "balanced" | "fast";
	format?: "squashfs" | "erofs";
	comp?: "gzip" | "lzo" | "lz4" | "xz" | "zstd" | "lz4hc" | "lzma" | "deflate";
	blockSize?: number;
	jobs?: number;
	memory?: number;
	nice?: boolean;
	userSpace?: boolean;
	forThisKernel?: boolean;
	adopt?: boolean;
	force?: boolean;
	sha256?: string;
	signature?: string;
	keyring?: string;
	patch?: readonly string[];
}

const preset = "smallest (xz, 1M blocks), balanced (zstd, 256K; the default) or fast (zstd, 128K)";

export const packFlags = {
	...common,
	...dryRun,
	release: text("Name the release instead of reading it from the source", "rel"),
	keepSource: flag("Leave the source as it is"),
	replaceSource: flag("Remove the source after the proof, wherever it stands"),
	replace: flag("Pack anew although there is an image; the old one stays until the new one is safe"),
	preset: { kind: "enum", values: ["smallest", "balanced", "fast"], optional: true, brief: preset },
	format: { kind: "enum", values: ["squashfs", "erofs"], optional: true, brief: "Image format (default: squashfs)" },
	comp: {
		kind: "enum",
		values: ["gzip", "lzo", "lz4", "xz", "zstd", "lz4hc", "lzma", "deflate"],
		optional: true,
		brief: "Compressor: gzip lzo lz4 xz zstd; of erofs lz4 lz4hc lzma deflate zstd, as far as mkfs.erofs has it",
	},
	blockSize: number("Block size, 4K to 1M", parseSize, "size"),
	jobs: number("Processors to pack with", parseCount, "n"),
	memory: number("Memory for mksquashfs (default: a share of what is free)", parseSize, "size"),
	nice: flag("Give way to everything else that runs"),
	userSpace: flag("For a sandbox: no mount, no loop device, locks below --root"),
	forThisKernel: flag("Refuse a compressor that the running kernel lacks, also with --root"),
	adopt: flag("Take a tree that was built in: its config and keys move to the build directory, generated files go"),
	force: flag("Let a tree go although links of /lib/modules lead into it"),
	sha256: text("What the tarball's sha256 must be", "hex"),
	signature: text("Detached signature of the tarball or of the tar in it", "file"),
	keyring: text("Keys that are trusted to sign (default: the user's own)", "file"),
	patch: list("Patch to apply first (may be given again, in order)", "file"),
} as const;

export interface ConfigureFlags extends Common {
	dryRun?: boolean;
	owner?: string;
	buildDir?: string;
	variant?: string;
	base?: string;
	fragment?: readonly string[];
	set?: readonly string[];
	strict?: boolean;
	localversion?: string;
	modulesPrepare?: boolean;
	arch?: string;
	cross?: string;
	make?: readonly string[];
}

/** configure's and install's. */
export const buildFlags = {
	owner: text("User who builds there (default: root)", "user"),
	buildDir: text("Where the build directory lies", "dir"),
	base: text("Base config: running, build:REL, defconfig, NAME_defconfig, or a file", "base"),
	fragment: list("Config fragment to merge (may be given again)", "file"),
	set: list("SYMBOL=VALUE after the last fragment (may be given again)", "setting"),
	strict: flag("Fail where a line of a fragment would be lost"),
	localversion: text("The base's LOCALVERSION: keep (the default), drop, or the text to set", "rule"),
	modulesPrepare: flag("Also run modules_prepare, which external modules need"),
	make: list("NAME=VALUE for make (may be given again)", "arg"),
} as const;

export const variantFlags = {
	variant: text("A second build directory: build-REL-NAME", "name"),
	arch: text("ARCH for make", "arch"),
	cross: text("CROSS_COMPILE for make", "prefix"),
} as const;

/** mount's and install's. */
export const mountFlags = {
	fuse: {
		kind: "enum",
		values: ["auto", "never", "always"],
		optional: true,
		brief: "Mount by squashfuse: where nothing else can (auto, the default), never, or always",
	},
} as const;

export { flag, list, text };

/** 256K, 1M, 512MiB, 65536: bytes. */
export function parseSize(input: string): number {
	const match = /^(\d{1,12})\s*([KMG]?)(?:i?B)?$/i.exec(input);
	if (!match?.[1]) throw new KsquashError("ERR_KSQUASH_USAGE", `${input} is no size (4096, 256K, 1M)`);
	const power = ["", "K", "M", "G"].indexOf((match[2] ?? "").toUpperCase());
	return Number(match[1]) * 1024 ** power;
}

export function parseCount(input: string): number {
	if (!/^[1-9]\d{0,5}$/.test(input)) throw new KsquashError("ERR_KSQUASH_USAGE", `${input} is no number above 0`);
	return Number(input);
}
