// What all rows are run on: the built CLI, the small kernel and Linux itself, each packed once, and the kernel's script.
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";

const top = join(import.meta.dirname, "../..");
const release = "6.1.99-small";
const name = `linux-${release}`;

/**
 * Everything below `work`, which the caller takes away. `unpacked`: a Linux 6.1 that stands unpacked already, or the part
 * of it that the chosen rows need.
 */
export function prepareShared(work, { unpacked, chosen }) {
	const cli = join(top, "dist/cli/main.js");
	if (!existsSync(cli)) throw new Error("build first: npm run build");
	const ksquash = [process.execPath, cli];
	const kernel = join(top, "test/fixtures/small-kernel");
	const packed = packInto(join(work, "small"), kernel, ksquash);
	const other = join(work, "other.sqfs");
	execFileSync("mksquashfs", [join(kernel, "lib"), other, "-quiet", "-no-progress"], { stdio: "ignore" });
	const linux = unpacked ?? unpackLinux(join(work, "linux"));
	const packedLinux = chosen.some(({ conf }) => conf) ? packInto(join(work, "big"), linux, ksquash) : undefined;
	return { ...{ ksquash, kernel, release, name, packed, other, linux, packedLinux }, tools: versions(ksquash) };
}

/** A directory with image, manifest and list of that tree, which is only read. */
function packInto(work, tree, ksquash) {
	const [root, packed] = [join(work, "root"), join(work, "packed")];
	const src = join(root, "usr/src");
	for (const directory of [packed, src]) mkdirSync(directory, { recursive: true });
	const words = ["pack", tree, "--root", root, "--preset", "fast"];
	execFileSync(ksquash[0], [...ksquash.slice(1), ...words], { stdio: "ignore" });
	for (const file of readdirSync(src).filter((one) => /\.sqfs/.test(one))) {
		copyFileSync(join(src, file), join(packed, file));
	}
	return packed;
}

/** What Kconfig and merge_config.sh need of Debian's linux-source-6.1, and what makes it a kernel source. */
function unpackLinux(to) {
	const tarball = join("/usr", "src", "linux-source-6.1.tar.xz");
	if (!existsSync(tarball)) throw new Error(`${tarball} is missing: apt-get install linux-source-6.1`);
	const parts = ["Makefile", "Kbuild", "COPYING", "scripts", "init", "arch/x86/Makefile*", "arch/x86/configs"];
	const members = [...parts, "include/linux/kernel.h"].map((part) => `linux-source-6.1/${part}`);
	mkdirSync(to);
	const words = ["-xf", tarball, "-C", to, "--strip-components=1", "--wildcards", "*/Kconfig*", ...members];
	execFileSync("tar", words, { stdio: "pipe" });
	return to;
}

function versions(ksquash) {
	const first = (...command) => execFileSync(command[0], command.slice(1), { encoding: "utf8" }).split("\n")[0];
	return [
		`ksquash ${first(...ksquash, "--version").replace(/^ksquash /, "")}`,
		first("mksquashfs", "-version").replace(/^mksquashfs version/, "squashfs-tools"),
		first("mount", "--version")
			.replace(/^mount from /, "")
			.replace(/ \(.*/, ""),
		"merge_config.sh of Linux 6.1",
	];
}
