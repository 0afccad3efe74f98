/**
 * The one error class, its stable codes, the exit status and the hint of each.
 *
 * Owns: what a caller can match on (`code`) and what a person is told to do (`hint`).
 * Leaves to others: printing (src/cli) and the wording of each message (where it is thrown).
 */

import { blank, type Call, call, inWords, manual, option, type Text, text, type Words } from "./text.ts";

/** Exit statuses of sysexits.h, as far as ksquash uses them. */
export const Exit = {
	ok: 0,
	usage: 64,
	data: 65,
	noInput: 66,
	unavailable: 69,
	software: 70,
	cannotCreate: 73,
	busy: 75,
	noPermission: 77,
	config: 78,
} as const;

const verify = call("verify", blank("RELEASE"));

/** Every code that a KsquashError can carry, with its exit status and the hint used when the thrower has none. */
const table = {
	ERR_KSQUASH_USAGE: [Exit.usage, text`${manual}`],
	ERR_KSQUASH_RELEASE_NAME: [
		Exit.usage,
		text`a release starts with a letter or digit and holds letters, digits and . _ + - (194 at most); ${option("release", blank("REL"))} sets one`,
	],
	ERR_KSQUASH_NO_INPUT: [Exit.noInput, "check the path"],
	ERR_KSQUASH_NOT_A_KERNEL: [Exit.data, "give the top directory of a Linux source tree, or a tarball of one"],
	ERR_KSQUASH_TREE_BUILT: [
		Exit.data,
		text`${option("adopt")} copies its .config, Module.symvers and signing keys to the build directory and leaves out what the build made; or give a pristine tree or the tarball`,
	],
	ERR_KSQUASH_TREE_UNSUITABLE: [Exit.data, "give the tarball, or a copy of the tree without what is named here"],
	ERR_KSQUASH_TARBALL: [Exit.data, "fetch the tarball again and check its signature"],
	ERR_KSQUASH_CHECKSUM: [Exit.data, "do not use this file: fetch it again, and the checksum from where you trust it"],
	ERR_KSQUASH_SIGNATURE: [Exit.data, "do not use this file: fetch it and its signature again"],
	ERR_KSQUASH_PATCH: [
		Exit.data,
		"give a unified diff whose names have one directory in front (git format-patch, diff -u)",
	],
	ERR_KSQUASH_IMAGE: [Exit.data, text`${verify} says more; pack the release again from its tarball`],
	ERR_KSQUASH_PROOF: [Exit.data, "nothing was removed; look at the entries named here and run the command again"],
	ERR_KSQUASH_MANIFEST: [Exit.data, text`${verify} says more`],
	ERR_KSQUASH_NO_RELEASE: [Exit.noInput, text`${call("status")} lists the releases that there are`],
	ERR_KSQUASH_TOOL_MISSING: [Exit.unavailable, text`${call("doctor")} names the package to install`],
	ERR_KSQUASH_TOOL_FAILED: [Exit.software, "the tool's last lines are above"],
	ERR_KSQUASH_KERNEL: [Exit.unavailable, text`${call("doctor")} says what the running kernel lacks`],
	ERR_KSQUASH_NATIVE: [Exit.unavailable, text`${call("doctor")} prints the lines that build it`],
	ERR_KSQUASH_EXISTS: [
		Exit.cannotCreate,
		text`${option("replace")} packs it anew and keeps the old image until the new one is safe`,
	],
	ERR_KSQUASH_OCCUPIED: [Exit.cannotCreate, "move what is there away, or name another place"],
	ERR_KSQUASH_NO_SPACE: [Exit.cannotCreate, "make room, or put the image on another file system"],
	ERR_KSQUASH_IO: [Exit.cannotCreate, "check the file system and its device (dmesg)"],
	ERR_KSQUASH_BUSY: [Exit.busy, "end the processes named here, or let them leave the directory, and try again"],
	ERR_KSQUASH_LOCKED: [Exit.busy, "wait for the other ksquash to end, and try again"],
	ERR_KSQUASH_CHANGED: [Exit.busy, "something is writing there: let it end, and try again"],
	ERR_KSQUASH_PRIVILEGE: [Exit.noPermission, "run it as root"],
	ERR_KSQUASH_FOREIGN_OWNER: [
		Exit.noPermission,
		text`chown the directory to one user, or name its owner with ${option("owner")}`,
	],
	ERR_KSQUASH_CONFIG_FILE: [
		Exit.data,
		text`name another config: a file, running, build:REL (${call("configSources")} lists them)`,
	],
	ERR_KSQUASH_KCONFIG: [Exit.config, "the lines above are make's own"],
	ERR_KSQUASH_SETTINGS: [Exit.config, "mend the file named here"],
	ERR_KSQUASH_RUNNING_KERNEL: [Exit.noPermission, text`${option("force")} removes it all the same`],
	ERR_KSQUASH_LINKED: [
		Exit.noPermission,
		text`${option("force")} lets the tree go all the same (${call("configure")} makes a build directory such links can lead to); ${option("keepSource")} keeps it`,
	],
	ERR_KSQUASH_INTERNAL: [Exit.software, "this is a bug of ksquash: please report it with this text"],
} as const satisfies Record<string, readonly [number, string | Text]>;

export type ErrorCode = keyof typeof table;

/**
 * Of ERR_KSQUASH_CONFIG_FILE · untrusted: another user than those who are trusted owns the file, or may write it ·
 * without-config: a kernel that carries none.
 */
export type ErrorKind = "untrusted" | "without-config";

export interface ErrorDetails {
	/** What to do about it; the code's own hint when absent. */
	hint?: string | Text;
	/** Negative errno, as in Node's SystemError. */
	errno?: number;
	syscall?: string;
	path?: string;
	/** What the kernel's fs-context log said. */
	kernelLog?: string;
	/** The step of the operation that failed, e.g. "verify". */
	step?: string;
	/** Of a program that failed: the signal that ended it, e.g. "SIGKILL". */
	signal?: string;
	/** Which of several causes with this code it is. */
	kind?: ErrorKind;
	/** With ERR_KSQUASH_PROOF: where source and image differ, the first 100. */
	differences?: readonly { path: string; kind: string; what: string }[];
	/** What goes on from here, in this order. */
	resume?: readonly Call[];
	cause?: unknown;
	/** Further lines for a person: differences found, holders, a tool's last lines. */
	notes?: readonly (string | Text)[];
}

/** The fields that not every error has. */
const OPTIONAL = ["errno", "syscall", "path", "kernelLog", "step", "signal", "kind", "differences", "resume"] as const;

/** The only error that the library throws on purpose. `code` is stable; `message` is not. */
export class KsquashError extends Error {
	override readonly name = "KsquashError";
	readonly code: ErrorCode;
	readonly hint: string;
	readonly errno?: number;
	readonly syscall?: string;
	readonly path?: string;
	readonly kernelLog?: string;
	readonly step?: string;
	readonly signal?: string;
	readonly kind?: ErrorKind;
	readonly differences?: readonly { path: string; kind: string; what: string }[];
	readonly resume?: readonly Call[];
	readonly notes: readonly string[];
	readonly #texts: { message: string | Text; hint: string | Text; notes: readonly (string | Text)[] };

	constructor(code: ErrorCode, message: string | Text, details: ErrorDetails = {}) {
		super(String(message), details.cause === undefined ? undefined : { cause: details.cause });
		this.code = code;
		this.#texts = { message, hint: details.hint ?? table[code][1], notes: details.notes ?? [] };
		this.hint = String(this.#texts.hint);
		this.notes = this.#texts.notes.map(String);
		for (const key of OPTIONAL) {
			if (details[key] !== undefined) Object.assign(this, { [key]: details[key] });
		}
	}

	/** The same error with other details; `notes` come after those that it has. */
	with({ notes = [], ...details }: Pick<ErrorDetails, "hint" | "notes" | "resume">): KsquashError {
		const { message, hint } = this.#texts;
		const all = [...this.#texts.notes, ...notes];
		return new KsquashError(this.code, message, { ...this, hint, cause: this.cause, ...details, notes: all });
	}

	/** What it says, in the words of whoever reads it. */
	inWords(words: Words): { message: string; hint: string; notes: string[] } {
		const { message, hint, notes } = this.#texts;
		return {
			message: inWords(message, words),
			hint: inWords(hint, words),
			notes: notes.map((note) => inWords(note, words)),
		};
	}

	/** For JSON.stringify, which sees no message of an Error. */
	toJSON(): object {
		const { name, code, message, hint, notes } = this;
		const further = OPTIONAL.filter((key) => this[key] !== undefined).map((key) => [key, this[key]]);
		return { name, code, message, hint, notes, ...Object.fromEntries(further) };
	}

	/** The sysexits status that the CLI ends with for this error. */
	get exitStatus(): number {
		return table[this.code][0];
	}
}

/** The documented codes, for docs and tests. */
export const errorCodes: readonly ErrorCode[] = Object.keys(table) as ErrorCode[];
