/**
 * Options of the helper, of what mounts at boot, and of Portage's hook.
 */

import type { OptionSpec } from "./types.ts";

export const machine = {
	/** Names or numbers of users who may mount and unmount every release's image. */
	users: {
		kind: "texts",
		verbs: ["helperInstall"],
		flag: "user",
		placeholder: "user",
		brief: "User who may mount and unmount (may be given again)",
	},
	/** Names or numbers of groups whose members may mount and unmount every release's image. */
	groups: {
		kind: "texts",
		verbs: ["helperInstall"],
		flag: "group",
		placeholder: "group",
		brief: "Group whose members may (may be given again)",
	},
	/** Found by itself when absent. */
	init: {
		kind: "enum",
		values: ["systemd", "openrc", "local.d"],
		verbs: ["bootEnable"],
		brief: "Init system (found by itself)",
	},
	/**
	 * portageInstall: CATEGORY/NAME, or a pattern as sys-kernel/*-sources; sys-kernel/gentoo-sources when absent.
	 * portageUninstall: CATEGORY/NAME, or a pattern as sys-kernel/*-sources; all that have the hook when absent.
	 */
	packages: {
		kind: "texts",
		verbs: ["portageInstall", "portageUninstall"],
		flag: "package",
		placeholder: "package",
		brief: "CATEGORY/NAME, or a pattern in quotes (may be given again)",
	},
	/** Take out hook functions that pack and delete by themselves (a copy of the file is kept), and take over what they left. */
	migrate: {
		kind: "flag",
		verbs: ["portageInstall"],
		brief: "Take out hook functions that pack and delete by themselves (a copy is kept), and take over what they left",
	},
} as const satisfies Record<string, OptionSpec>;
