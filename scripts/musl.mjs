// Where musl is, for this machine or another, and how GCC's C++ is compiled and linked with it: Debian has no such compiler.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";

function ask(compiler, ...args) {
	const { stdout, stderr, status, error } = spawnSync(compiler, args, { encoding: "utf8" });
	if (error !== undefined || status !== 0) throw error ?? new Error(`${compiler} ${args.join(" ")}: ${stderr}`);
	return `${stdout}${stderr}`.trim();
}

/** A directory with the kernel's headers alone, for those of glibc stand beside them. */
function kernelHeaders(directories, place) {
	rmSync(place, { recursive: true, force: true });
	mkdirSync(place, { recursive: true });
	for (const name of ["linux", "asm", "asm-generic"]) {
		const found = directories.find((directory) => existsSync(join(directory, name)));
		if (found !== undefined) symlinkSync(join(found, name), join(place, name));
	}
	return place;
}

/** Flags to compile with, and the arguments of the link around the objects; undefined where there is no musl. */
export function findMusl(root, compiler, arch, place) {
	const machine = ask(compiler, "-dumpmachine").replace("gnu", "musl");
	const usr = ["/usr", join(root, ".cache/musl", arch, "usr")].find((each) => existsSync(join(each, "lib", machine)));
	if (usr === undefined) return undefined;
	const library = join(usr, "lib", machine);
	if (!existsSync(join(library, "rcrt1.o"))) return undefined;
	const searched = ask(compiler, "-v", "-E", "-x", "c++", "/dev/null").split("\n");
	const begin = searched.findIndex((line) => line.startsWith("#include <...>"));
	// A cross compiler's lie behind "..": glibc's headers must not look like the compiler's own.
	const directories = searched
		.slice(begin + 1, searched.indexOf("End of search list."))
		.map((line) => resolve(line.trim()));
	const isCompilers = (directory) => /c\+\+|\/gcc/.test(directory);
	const kernel = kernelHeaders(
		directories.filter((directory) => !isCompilers(directory)),
		place,
	);
	const include = [...directories.filter(isCompilers), join(usr, "include", machine)];
	const own = (name) => join(library, name);
	return {
		flags: [
			...["-nostdinc", ...include.flatMap((directory) => ["-isystem", directory]), "-idirafter", kernel],
			...["-include", join(root, "native/helper/standalone/musl.h")],
			// libgcc's asks glibc what the processor has.
			...(arch === "arm64" ? ["-mno-outline-atomics"] : []),
		],
		link: (objects) => {
			const start = ["-nostdlib", own("rcrt1.o"), own("crti.o")];
			const libgcc = ask(compiler, "-print-libgcc-file-name");
			return [...start, ...objects, own("libc.a"), libgcc, own("crtn.o")];
		},
	};
}
