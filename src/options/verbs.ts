/**
 * The library's functions that take options: the words of each one's command, and the arguments before the options.
 */

/** What an argument must be. A "?" at the end: it may be absent. */
export type ArgumentKind = "text" | "text?" | "texts" | "config" | "configs";

interface VerbSpec {
	/** The command's words, as a person types them; absent for a function that has no command. */
	command?: string;
	takes: Readonly<Record<string, ArgumentKind>>;
}

export const verbs = {
	install: { command: "install", takes: { source: "text" } },
	pack: { command: "pack", takes: { source: "text" } },
	verify: { command: "verify", takes: { release: "text" } },
	mount: { command: "mount", takes: { release: "text" } },
	mountAll: { command: "mount --all", takes: {} },
	umount: { command: "umount", takes: { release: "text" } },
	umountAll: { command: "umount --all", takes: {} },
	configure: { command: "configure", takes: { release: "text" } },
	configSources: { command: "config sources", takes: { release: "text?" } },
	configShow: { command: "config show", takes: { symbols: "texts" } },
	configDiff: { command: "config diff", takes: { from: "text", to: "text" } },
	configMerge: { command: "config merge", takes: { base: "text", fragments: "texts" } },
	configCheck: { command: "config check", takes: { release: "text?" } },
	configExplain: { command: "config explain", takes: { symbol: "text" } },
	configNew: { command: "config new", takes: { release: "text?" } },
	select: { command: "select", takes: { release: "text" } },
	remove: { command: "remove", takes: { release: "text" } },
	status: { command: "status", takes: {} },
	doctor: { command: "doctor", takes: {} },
	helperInstall: { command: "helper install", takes: {} },
	helperStatus: { command: "helper status", takes: {} },
	helperUninstall: { command: "helper uninstall", takes: {} },
	bootEnable: { command: "boot enable", takes: {} },
	bootStatus: { command: "boot status", takes: {} },
	bootDisable: { command: "boot disable", takes: {} },
	portageInstall: { command: "portage install", takes: {} },
	portageUninstall: { command: "portage uninstall", takes: {} },
	portageStatus: { command: "portage status", takes: {} },
	portageSetting: { command: "portage setting", takes: { name: "text" } },
	uninstall: { command: "uninstall", takes: {} },
	mergeConfigs: { takes: { base: "config", fragments: "configs" } },
} as const satisfies Record<string, VerbSpec>;

export type Verb = keyof typeof verbs;
/** A verb that is a command, too. */
export type CommandVerb = Exclude<Verb, "mergeConfigs">;

export const commandVerbs: readonly CommandVerb[] = (Object.keys(verbs) as Verb[]).filter(
	(verb): verb is CommandVerb => "command" in verbs[verb],
);

/** Commands that change something. */
export const changing = [
	...([
		"install",
		"pack",
		"mount",
		"mountAll",
		"umount",
		"umountAll",
		"configure",
		"configMerge",
		"select",
		"remove",
	] as const),
	...(["helperInstall", "helperUninstall", "bootEnable", "bootDisable"] as const),
	...(["portageInstall", "portageUninstall", "uninstall"] as const),
] as const;
