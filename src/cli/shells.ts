/**
 * `ksquash completion`, and what is known of this machine for it.
 *
 * Owns: the command. Leaves to others: the scripts and the answers (completion.ts), which are loaded when they are asked for.
 */

import { buildChoiceParser, buildCommand } from "@stricli/core";
import type { CliContext } from "./context.ts";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** For the shell's completion: the releases of the running system. */
export async function knownReleases(partial: string): Promise<string[]> {
	const { releases: rows } = await (await import("../index.ts")).status();
	return rows.map(({ release }) => release).filter((release) => release.startsWith(partial));
}

export const completion = buildCommand<object, [Shell], CliContext>({
	loader: async () => (await import("./completion.ts")).completion,
	parameters: {
		positional: {
			kind: "tuple",
			parameters: [
				{
					brief: shells.join(", "),
					parse: buildChoiceParser(shells),
					placeholder: "shell",
					proposeCompletions: (partial) => shells.filter((shell) => shell.startsWith(partial)),
				},
			],
		},
	},
	docs: {
		brief: "Print the lines that let a shell complete commands, flags and releases",
		customUsage: [{ input: "bash >/etc/bash_completion.d/ksquash", brief: "For every user of bash" }],
	},
});
