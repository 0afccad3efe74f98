/**
 * Options of every verb, and of the commands that mount, unmount, verify, select and remove releases.
 *
 * The comment above an entry is what the library's page says of the option; `brief` is the command's line of help.
 */

import type { OptionSpec } from "./types.ts";
import { changing, commandVerbs } from "./verbs.ts";

export const common = {
	/** Everything happens below this directory; "/" by default. */
	root: {
		kind: "path",
		verbs: commandVerbs,
		placeholder: "dir",
		brief: "Work below this directory instead of /",
	},
	json: { kind: "flag", verbs: [], commands: commandVerbs, brief: "One JSON object on stdout" },
	/** Check and say what would be done; change nothing. */
	dryRun: {
		kind: "flag",
		verbs: commandVerbs,
		commands: changing,
		brief: "Say what would be done, and change nothing",
	},
	/** Ends the work: the call throws the signal's reason. */
	signal: { kind: "signal", verbs: commandVerbs, commands: [] },
	/** Called at the beginning and the end of each step, and while it runs. */
	onProgress: { kind: "progress", verbs: commandVerbs, commands: [] },
	/** Called with each warning, one sentence. */
	onWarning: { kind: "warning", verbs: commandVerbs, commands: [] },
	yes: {
		kind: "flag",
		verbs: [],
		commands: ["remove", "uninstall"],
		letter: "y",
		brief: "Answer every question with yes (none is asked about an exact release)",
		per: { uninstall: { brief: "Answer every question with yes" } },
	},
	all: {
		kind: "flag",
		verbs: [],
		commands: ["mount", "umount", "uninstall"],
		per: {
			mount: { brief: "Every image there is" },
			umount: { brief: "Every image there is" },
			uninstall: { brief: "Hook, boot files and helper: all there is" },
		},
	},
	/** Detach it although it is busy: it lives on, unseen, until its last user ends. */
	lazy: {
		kind: "flag",
		verbs: ["umount", "umountAll"],
		brief: "Detach a busy mount; it lives on, unseen, until its last user ends",
	},
	/** "full" when absent. Each depth contains those before it. */
	depth: {
		kind: "enum",
		values: ["quick", "full", "deep"],
		verbs: ["verify"],
		valueFlags: { quick: "Only size and superblock", deep: "Read every file, too" },
	},
} as const satisfies Record<string, OptionSpec>;

/** They come last in the help of install. */
export const placing = {
	/** Mount by squashfuse: "auto" where nothing else can, "never", or "always". The settings' when absent, else "auto". */
	fuse: {
		kind: "enum",
		values: ["auto", "never", "always"],
		verbs: ["install", "mount", "mountAll"],
		brief: "Mount by squashfuse: where nothing else can (auto, the default), never, or always",
	},
	/** Move /usr/src/linux also where it points to what is not ksquash's. */
	select: { kind: "flag", verbs: ["install"], brief: "Move the linux link wherever it points now" },
	/** Move the link only where it is absent, dangling, or ksquash's own. */
	onlyOwn: { kind: "flag", verbs: ["select"], commands: [] },
	/** Remove files in the build directory, too, that Kbuild did not make. */
	purge: { kind: "flag", verbs: ["remove"], brief: "Also your own files in the build directory" },
} as const satisfies Record<string, OptionSpec>;
