/**
 * Completion in shells: what could stand at the cursor, and the few lines by which a shell asks for it.
 *
 * Owns: the shells' scripts. Leaves to others: the table of commands, from which the answers come.
 */

import { proposeCompletions, type StricliDynamicCommandContext } from "@stricli/core";
import type { CliContext } from "./context.ts";
import type { Shell } from "./shells.ts";

/** The word by which a shell asks; no command, so that help does not show it. */
export const ASK = "__complete";

/** Where nothing is proposed the shells complete names of files. */
const scripts: Readonly<Record<Shell, string>> = {
	bash: `# ksquash: completion for bash. To have it: ksquash completion bash > /etc/bash_completion.d/ksquash
_ksquash() {
	mapfile -t COMPREPLY < <(ksquash ${ASK} "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _ksquash ksquash
`,
	zsh: `#compdef ksquash
# ksquash: completion for zsh. To have it: ksquash completion zsh > /usr/share/zsh/site-functions/_ksquash
_ksquash() {
	local -a proposed
	proposed=("\${(@f)$(ksquash ${ASK} "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
	if [[ -n "$proposed" ]]; then compadd -a proposed; else _files; fi
}
if [[ "$funcstack[1]" = _ksquash ]]; then _ksquash; else compdef _ksquash ksquash; fi
`,
	fish: `# ksquash: completion for fish. To have it: ksquash completion fish > ~/.config/fish/completions/ksquash.fish
function __ksquash_proposed
	set -l words (commandline -opc) (commandline -ct)
	ksquash ${ASK} $words[2..] 2>/dev/null
end
complete -c ksquash -a '(__ksquash_proposed)'
`,
};

export async function completion(this: CliContext, _flags: object, shell: Shell): Promise<void> {
	this.process.stdout.write(scripts[shell]);
}

/** One proposal a line for the last of these words. */
export async function propose(
	app: Parameters<typeof proposeCompletions<CliContext>>[0],
	words: readonly string[],
	context: CliContext,
): Promise<void> {
	const found = await proposeCompletions(app, words, context as StricliDynamicCommandContext<CliContext>);
	context.process.stdout.write(found.map(({ completion: word }) => `${word}\n`).join(""));
}
