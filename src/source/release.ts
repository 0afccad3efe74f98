/**
 * The release of a kernel tree, read as text: the Makefile's four lines and the localversion files.
 *
 * Owns: the rule of Kbuild's KERNELRELEASE as far as files of the tree decide it (Makefile; scripts/setlocalversion).
 * Leaves to others: reading the files. Never runs make: root would run code of the tree.
 */

import { KsquashError } from "../errors.ts";
import { assertRelease, printable } from "../system/names.ts";
import { blank, option, text } from "../text.ts";

export interface LocalVersionFile {
	/** The file's name in the top directory, e.g. "localversion-rt". */
	name: string;
	text: string;
}

const FIELDS = ["VERSION", "PATCHLEVEL", "SUBLEVEL", "EXTRAVERSION"] as const;

/** Does this name in the top directory take part in the release? Backups (foo~) do not: scripts/setlocalversion. */
export function isLocalVersionName(name: string): boolean {
	return name.startsWith("localversion") && !name.includes("~");
}

/**
 * VERSION[.PATCHLEVEL[.SUBLEVEL]]EXTRAVERSION and the localversion files in order of name.
 *
 * Throws ERR_KSQUASH_NOT_A_KERNEL when the Makefile has no version, ERR_KSQUASH_RELEASE_NAME when the result
 * is no release name (EXTRAVERSION = -x/../../etc would be a path).
 */
export function kernelRelease(makefile: string, localVersions: readonly LocalVersionFile[], from: string): string {
	const value = new Map<string, string>();
	// Only the first lines count: the fields stand above everything else, and nothing may set them again below.
	for (const line of makefile.split("\n").slice(0, 60)) {
		const match = /^([A-Z]+)[ \t]*:?=[ \t]*([^#\r]*?)[ \t\r]*(?:#.*)?$/.exec(line);
		if (match?.[1] && FIELDS.some((field) => field === match[1]) && !value.has(match[1])) {
			value.set(match[1], match[2] ?? "");
		}
	}
	const version = value.get("VERSION");
	if (!version || !/^\d+$/.test(version) || !value.has("PATCHLEVEL")) {
		throw new KsquashError(
			"ERR_KSQUASH_NOT_A_KERNEL",
			`${from} is no kernel source: its Makefile has no VERSION and PATCHLEVEL`,
		);
	}
	const patchLevel = value.get("PATCHLEVEL");
	const subLevel = value.get("SUBLEVEL");
	let release = version;
	if (patchLevel) release += `.${patchLevel}${subLevel ? `.${subLevel}` : ""}`;
	release += value.get("EXTRAVERSION") ?? "";
	const sorted = localVersions.filter((file) => isLocalVersionName(file.name)).toSorted(byName);
	for (const { text } of sorted) release += text.replace(/\s+/g, "");
	if (release.includes("$")) {
		throw new KsquashError(
			"ERR_KSQUASH_RELEASE_NAME",
			text`the Makefile of ${from} computes its release (${printable(release)}): ${option("release", blank("REL"))} names it`,
		);
	}
	assertRelease(release, `from the Makefile of ${from}`);
	return release;
}

function byName(a: LocalVersionFile, b: LocalVersionFile): number {
	return a.name < b.name ? -1 : 1;
}
