/**
 * Which architecture and version a config is for, and which architecture a name given to ARCH= or uname(2) means.
 *
 * Owns: the kernel's own names (arch/NAME) and their aliases. Pure.
 * Leaves to others: what follows from a difference (base-config.ts).
 */

import { type Config, symbolValue } from "./config.ts";

const aliases: Readonly<Record<string, string>> = {
	i386: "x86",
	i486: "x86",
	i586: "x86",
	i686: "x86",
	ia32: "x86",
	x64: "x86",
	x86_64: "x86",
	amd64: "x86",
	aarch64: "arm64",
	armv6l: "arm",
	armv7l: "arm",
	loong64: "loongarch",
	loongarch64: "loongarch",
	mips64: "mips",
	mipsel: "mips",
	parisc64: "parisc",
	ppc: "powerpc",
	ppc64: "powerpc",
	ppc64le: "powerpc",
	riscv32: "riscv",
	riscv64: "riscv",
	s390x: "s390",
	sparc32: "sparc",
	sparc64: "sparc",
};

/** Symbols that exactly one architecture has. */
const symbols: readonly (readonly [string, string])[] = [
	["X86", "x86"],
	["ARM64", "arm64"],
	["ARM", "arm"],
	["RISCV", "riscv"],
	["PPC", "powerpc"],
	["S390", "s390"],
	["LOONGARCH", "loongarch"],
	["MIPS", "mips"],
	["SPARC", "sparc"],
	["PARISC", "parisc"],
	["ALPHA", "alpha"],
	["M68K", "m68k"],
];

/** The kernel's name of an architecture, whatever name it was given by. */
export function kernelArch(name: string): string {
	return aliases[name] ?? name;
}

/** The architecture that a config says it is for; undefined when it says nothing, as a fragment does. */
export function configArch(config: Config): string | undefined {
	const header = headerOf(config);
	if (header !== undefined) return kernelArch(header.arch);
	return symbols.find(([symbol]) => symbolValue(config, symbol) === "y")?.[1];
}

/** The version that the header of a config says, e.g. "6.1.192"; undefined where there is none. */
export function configRelease(config: Config): string | undefined {
	return headerOf(config)?.release;
}

function headerOf(config: Config): { arch: string; release: string } | undefined {
	for (const { text } of config.lines.slice(0, 8)) {
		const [, arch, release] = /^# Linux\/([A-Za-z0-9_]+) (\S+) Kernel Configuration/.exec(text) ?? [];
		if (arch !== undefined && release !== undefined) return { arch, release };
	}
	return undefined;
}
