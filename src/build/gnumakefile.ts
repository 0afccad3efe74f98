/**
 * The GNUmakefile of a build directory: make reads it before Kbuild's Makefile, and Kbuild neither writes nor cleans it.
 *
 * Owns: its text. It tests and prints, and runs nothing: "make -n" and a shell's completion ("make -npq") would run
 * every $(shell …) in it. Leaves to others: mounting.
 */

import { ksquashCommand } from "../system/command-line.ts";

export const GNUMAKEFILE = "GNUmakefile";

/**
 * Without it an unmounted source means "No rule to make target", here and in every "make -C …/build M=…".
 * The empty rule stands last, so that Kbuild's own first target stays the default one.
 */
export function gnuMakefile(release: string, source: string, root?: string): string {
	return `# Made by ksquash. Says what to do when the kernel source is not mounted; the build itself is Kbuild's.
ifeq ($(wildcard source/Makefile),)
ifneq ($(wildcard ${source}/Makefile),)
$(error this build directory was not configured to the end; run: ${ksquashCommand(`configure ${release}`, root)})
endif
$(error kernel source image is not mounted at ${source}; run: ${ksquashCommand(`mount ${release}`, root)})
endif
include Makefile
${GNUMAKEFILE}: ;
`;
}

/** As every version has written it, for whatever release, place and root; the message of an unfinished configure came later. */
const OURS = new RegExp(
	[
		"# Made by ksquash\\. Says what to do when the kernel source is not mounted; the build itself is Kbuild's\\.\n",
		"ifeq \\(\\$\\(wildcard source/Makefile\\),\\)\n",
		"(?:ifneq \\(\\$\\(wildcard .*/Makefile\\),\\)\n\\$\\(error this build directory was not .*\\)\nendif\n)?",
		"\\$\\(error kernel source image is not mounted at .*\\)\nendif\n",
		"include Makefile\nGNUmakefile: ;\n",
	].join(""),
);

/** Is it the text of ours and nothing else? Then it holds nothing of a person's, and may be written over. */
export function isOurMakefile(text: string): boolean {
	return OURS.exec(text)?.[0] === text;
}
