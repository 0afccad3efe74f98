/**
 * Options of pack, which install has, too.
 */

import type { OptionSpec } from "./types.ts";
import { commandVerbs } from "./verbs.ts";

const packing = ["install", "pack"] as const;

export const pack = {
	/**
	 * pack and install: the release; what the source says when absent.
	 * configExplain: REL or REL-VARIANT; the selected release when absent.
	 */
	release: {
		kind: "text",
		verbs: [...packing, "configExplain"],
		placeholder: "rel",
		brief: "Name the release instead of reading it from the source",
		per: {
			configExplain: { brief: "Of this release (or REL-VARIANT); default: the selected one", placeholder: "rel" },
		},
	},
	/** Leave the source as it is. */
	keepSource: { kind: "flag", verbs: packing, brief: "Leave the source as it is" },
	/** Remove the source after the proof, wherever it stands. */
	replaceSource: { kind: "flag", verbs: packing, brief: "Remove the source after the proof, wherever it stands" },
	/** Pack although the release has an image of other content; the old one stays until the new one is safe. */
	replace: {
		kind: "flag",
		verbs: packing,
		brief: "Pack anew although there is an image; the old one stays until the new one is safe",
	},
	/** "balanced" unless the settings say otherwise. */
	preset: {
		kind: "enum",
		values: ["smallest", "balanced", "fast"],
		verbs: packing,
		brief: "smallest (xz, 1M blocks), balanced (zstd, 256K; the default) or fast (zstd, 128K)",
	},
	/** "squashfs" when absent. The image's name stays the same: its superblock tells. */
	format: {
		kind: "enum",
		values: ["squashfs", "erofs"],
		verbs: packing,
		brief: "Image format",
		default: "squashfs",
	},
	/** Instead of the preset's compressor. */
	compressor: {
		kind: "enum",
		values: ["gzip", "lzo", "lz4", "xz", "zstd", "lz4hc", "lzma", "deflate"],
		verbs: packing,
		flag: "comp",
		brief: "Compressor: gzip lzo lz4 xz zstd; of erofs lz4 lz4hc lzma deflate zstd, as far as mkfs.erofs has it",
	},
	/** Bytes: a power of two from 4096 to 1048576. */
	blockSize: { kind: "size", verbs: packing, placeholder: "size", brief: "Block size, 4K to 1M" },
	/** Processors. */
	jobs: { kind: "count", verbs: packing, placeholder: "n", brief: "Processors to pack with" },
	/**
	 * Bytes of memory for mksquashfs. When absent a quarter of what is free, 1 GiB at most; where less than 1 GiB is free
	 * a sixteenth of it, 16 MiB at least.
	 */
	memory: {
		kind: "size",
		verbs: packing,
		placeholder: "size",
		brief: "Memory for mksquashfs",
		default: "a share of what is free",
	},
	/** mksquashfs and the decompressor give way to everything else that runs. */
	nice: { kind: "flag", verbs: packing, brief: "Give way to everything else that runs" },
	/** For a sandbox: no mount, no loop device, and locks below `root` instead of /run. */
	userSpace: {
		kind: "flag",
		verbs: commandVerbs,
		commands: packing,
		brief: "For a sandbox: no mount, no loop device, locks below --root",
	},
	/** The image will be mounted here, also below another root: refuse a compressor that the running kernel lacks. */
	mounts: {
		kind: "flag",
		verbs: packing,
		flag: "forThisKernel",
		brief: "Refuse a compressor that the running kernel lacks, also with --root",
	},
	/** Take a tree that was built in: its config and keys go to the build directory, generated files stay out. */
	adopt: {
		kind: "flag",
		verbs: packing,
		brief: "Take a tree that was built in: its config and keys move to the build directory, generated files go",
	},
	/**
	 * pack and install: let a tree go although links below /lib/modules lead into it that will not work any more.
	 * umount and umountAll: also a mount whose image was deleted: it is the last copy.
	 * remove: also the running kernel's release, an image that has no manifest of ours, and a last copy.
	 */
	force: {
		kind: "flag",
		verbs: [...packing, "umount", "umountAll", "remove"],
		brief: "Let a tree go although links of /lib/modules lead into it",
		per: {
			umount: { brief: "Also a mount whose image was deleted: the last copy" },
			remove: { brief: "Also the running kernel's release, and an image without a manifest of ksquash's" },
		},
	},
	/** Hex sha256 that the tarball must have. */
	sha256: { kind: "text", verbs: packing, placeholder: "hex", brief: "What the tarball's sha256 must be" },
	/** A detached signature of the tarball, or of the tar in it (kernel.org). */
	signature: {
		kind: "text",
		verbs: packing,
		placeholder: "file",
		brief: "Detached signature of the tarball or of the tar in it",
	},
	/** The keys that are trusted to sign; the user's own when absent. */
	keyring: {
		kind: "text",
		verbs: packing,
		placeholder: "file",
		brief: "Keys that are trusted to sign",
		default: "the user's own",
	},
	/** Patches (diff -u, git format-patch; also compressed) to apply in this order, in a scratch directory. */
	patches: {
		kind: "texts",
		verbs: packing,
		flag: "patch",
		placeholder: "file",
		brief: "Patch to apply first (may be given again, in order)",
	},
	/** Further mksquashfs options, passed through. */
	toolOptions: { kind: "texts", verbs: packing, behindDashes: true },
} as const satisfies Record<string, OptionSpec>;
