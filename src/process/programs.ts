/**
 * Where a program is found, and which package brings it.
 *
 * Owns: the search path of every child (fixed directories, none of which a stranger may write) and package names.
 * Leaves to others: starting the program (src/process/run.ts) and printing the hint.
 */

import { accessSync, constants, statSync } from "node:fs";
import { KsquashError } from "../errors.ts";

const DIRECTORIES = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"] as const;

/** Package by distribution: Debian, Gentoo, Arch. */
type Packages = readonly [debian: string, gentoo: string, arch: string];

const packages: Readonly<Record<string, Packages>> = {
	mksquashfs: ["squashfs-tools", "sys-fs/squashfs-tools", "squashfs-tools"],
	unsquashfs: ["squashfs-tools", "sys-fs/squashfs-tools", "squashfs-tools"],
	sqfs2tar: ["squashfs-tools-ng", "sys-fs/squashfs-tools-ng", "squashfs-tools-ng"],
	tar2sqfs: ["squashfs-tools-ng", "sys-fs/squashfs-tools-ng", "squashfs-tools-ng"],
	squashfuse: ["squashfuse", "sys-fs/squashfuse", "squashfuse"],
	fusermount3: ["fuse3", "sys-fs/fuse:3", "fuse3"],
	"mkfs.erofs": ["erofs-utils", "sys-fs/erofs-utils", "erofs-utils"],
	make: ["make", "dev-build/make", "make"],
	gcc: ["gcc", "sys-devel/gcc", "gcc"],
	clang: ["clang", "llvm-core/clang", "clang"],
	ld: ["binutils", "sys-devel/binutils", "binutils"],
	flex: ["flex", "sys-devel/flex", "flex"],
	bison: ["bison", "sys-devel/bison", "bison"],
	bc: ["bc", "sys-devel/bc", "bc"],
	xz: ["xz-utils", "app-arch/xz-utils", "xz"],
	gzip: ["gzip", "app-arch/gzip", "gzip"],
	bzip2: ["bzip2", "app-arch/bzip2", "bzip2"],
	zstd: ["zstd", "app-arch/zstd", "zstd"],
	lz4: ["lz4", "app-arch/lz4", "lz4"],
	gpgv: ["gpgv", "app-crypt/gnupg", "gnupg"],
	tar: ["tar", "app-arch/tar", "tar"],
	patch: ["patch", "sys-devel/patch", "patch"],
	setpriv: ["util-linux", "sys-apps/util-linux", "util-linux"],
	getent: ["libc-bin", "sys-libs/glibc", "glibc"],
	modprobe: ["kmod", "sys-apps/kmod", "kmod"],
	systemctl: ["systemd", "sys-apps/systemd", "systemd"],
	// Headers that a kernel's own tools (objtool, the signing of modules) are built with.
	"gelf.h": ["libelf-dev", "dev-libs/elfutils", "libelf"],
	"openssl/opensslv.h": ["libssl-dev", "dev-libs/openssl", "openssl"],
};

/** Who installs packages, in the order of Packages, and how a person is told to. */
const managers = [
	["apt-get", "apt install", "Debian"],
	["emerge", "emerge", "Gentoo"],
	["pacman", "pacman -S", "Arch"],
] as const;

/** The directories that children search, in order: those of the fixed list that only root can write. */
export function searchPath(): string[] {
	return DIRECTORIES.filter((directory) => isSafe(directory, "directory"));
}

/** The absolute path of a program, or undefined. A name with a slash must be absolute. */
export function which(name: string): string | undefined {
	if (name.includes("/")) return name.startsWith("/") && isSafe(name, "program") ? name : undefined;
	if (name === "" || name === "." || name === "..") return undefined;
	for (const directory of searchPath()) {
		const path = `${directory}/${name}`;
		if (isSafe(path, "program")) return path;
	}
	return undefined;
}

/** What installs the packages of these programs here; for every distribution where it is none that we know. "": no package. */
export function installLine(programs: readonly string[]): string {
	const known = programs.flatMap((program) => (packages[program] === undefined ? [] : [packages[program]]));
	if (known.length === 0) return "";
	const here = managers.findIndex(([manager]) => which(manager) !== undefined);
	const lines = managers.map(
		([, command], i) => `${command} ${[...new Set(known.map((names) => names[i]))].join(" ")}`,
	);
	return lines[here] ?? lines.map((line, i) => `${line} (${managers[i]?.[2]})`).join(" · ");
}

/** One line that says what to install; undefined for a program that is not in the table. */
export function packageHint(program: string): string | undefined {
	const line = installLine([program]);
	return line === "" ? undefined : `install it: ${line}`;
}

export function missingProgram(program: string): KsquashError {
	const hint = packageHint(program);
	return new KsquashError("ERR_KSQUASH_TOOL_MISSING", `the program ${program} is missing`, hint ? { hint } : {});
}

/** What root starts must be root's: whoever can write a directory of the path chooses what runs. */
function isSafe(path: string, kind: "directory" | "program"): boolean {
	const stats = statSync(path, { throwIfNoEntry: false });
	if (stats === undefined) return false;
	if (process.geteuid?.() === 0 && stats.uid !== 0) return false;
	if ((stats.mode & constants.S_IWOTH) !== 0) return false;
	if (kind === "directory") return stats.isDirectory();
	if (!stats.isFile()) return false;
	try {
		accessSync(path, constants.X_OK);
		return true;
	} catch {
		return false;
	}
}
