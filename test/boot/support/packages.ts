/**
 * What a machine is made of: a root of Debian's packages for each init system, and Debian's kernel. Both are kept in
 * build/boot, so that the second machine, and the next run, need no network.
 */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export type Init = "systemd" | "openrc" | "local.d";

const cache = join(import.meta.dirname, "../../../build/boot");

/** local.d is a service of OpenRC's. */
const initPackages: Readonly<Record<Init, string>> = {
	systemd: "systemd-sysv",
	openrc: "sysvinit-core,openrc,initscripts",
	"local.d": "sysvinit-core,openrc,initscripts",
};
const common = "udev,kmod,mount,e2fsprogs,libstdc++6,login,procps,squashfs-tools";

/** KSQUASH_BOOT_KERNEL=linux-image-6.12-cloud-amd64 takes another one of Debian's. */
export const kernelPackage: string = process.env.KSQUASH_BOOT_KERNEL ?? "linux-image-cloud-amd64";

function suite(): string {
	const name = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1];
	if (name === undefined) throw new Error("/etc/os-release has no VERSION_CODENAME: is this Debian?");
	return name;
}

/** A tarball of the root; made in about a minute. */
export function baseRoot(init: Init): string {
	const include = `${initPackages[init]},${common}`;
	const words = [
		"--variant=essential",
		"--mode=root",
		`--include=${include}`,
		"--aptopt=Acquire::Languages none",
		"--dpkgopt=force-unsafe-io",
		...["doc", "man", "locale", "info"].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`),
		suite(),
	];
	const key = createHash("sha256").update(words.join("\n")).digest("hex").slice(0, 16);
	const tarball = join(cache, `root-${key}.tar`);
	if (!existsSync(tarball)) {
		mkdirSync(cache, { recursive: true });
		const making = `${tarball}.${process.pid}.tar`;
		try {
			// In a mount namespace of its own: whatever it leaves mounted goes with it.
			execFileSync("unshare", ["--mount", "mmdebstrap", "--quiet", ...words, making], { stdio: "inherit" });
			renameSync(making, tarball);
		} finally {
			rmSync(making, { force: true });
		}
	}
	return tarball;
}

export interface Kernel {
	release: string;
	/** The kernel itself. */
	image: string;
	/** A directory with lib/modules/RELEASE, and modules.dep in it. */
	root: string;
}

/** The newest kernel that the meta package names, unpacked. */
export function kernel(): Kernel {
	const depends = execFileSync("apt-cache", ["depends", kernelPackage], { encoding: "utf8" });
	const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1] ?? kernelPackage;
	const root = join(cache, name);
	if (!existsSync(root)) {
		const making = `${root}.${process.pid}`;
		mkdirSync(making, { recursive: true });
		try {
			unpack(name, making);
			for (const release of readdirSync(join(making, "lib/modules"))) {
				execFileSync("depmod", ["--basedir", making, release], { stdio: "pipe" });
			}
			renameSync(making, root);
		} finally {
			rmSync(making, { recursive: true, force: true });
		}
	}
	const release = readdirSync(join(root, "lib/modules"))[0] ?? "";
	return { release, image: join(root, `boot/vmlinuz-${release}`), root };
}

/** Downloads a Debian package and unpacks it below a directory; none of its scripts runs. */
function unpack(name: string, to: string): void {
	execFileSync("apt-get", ["--quiet", "--quiet", "download", name], { cwd: to, stdio: "pipe" });
	for (const file of readdirSync(to).filter((entry) => entry.endsWith(".deb"))) {
		execFileSync("dpkg-deb", ["--extract", join(to, file), to]);
		rmSync(join(to, file));
	}
}

/** The files of modules and of all that they need, in the order in which they are loaded; what is built in has none. */
export function moduleFiles({ root, release }: Kernel, names: readonly string[]): string[] {
	const files = names.flatMap((name) =>
		execFileSync("modprobe", ["--dirname", root, "--set-version", release, "--show-depends", name], {
			encoding: "utf8",
		})
			.split("\n")
			.flatMap((line) => /^insmod (\S+)/.exec(line)?.[1] ?? []),
	);
	return [...new Set(files)];
}

/** An initramfs that does no more than to mount /dev/vda and start its init; made at `path`. */
export function makeInitramfs(at: Kernel, path: string): void {
	const busybox = join(cache, "busybox");
	if (!existsSync(join(busybox, "bin/busybox"))) {
		mkdirSync(busybox, { recursive: true });
		unpack("busybox-static", busybox);
	}
	const tree = `${path}.tree`;
	for (const name of ["dev", "proc", "root", "modules"]) mkdirSync(join(tree, name), { recursive: true });
	execFileSync("cp", [join(busybox, "bin/busybox"), join(tree, "busybox")]);
	const loads = moduleFiles(at, ["virtio_pci", "virtio_blk", "ext4"]).map((file, i) => {
		const bytes = file.endsWith(".xz") ? execFileSync("xz", ["-dc", file], { maxBuffer: 1 << 28 }) : readFileSync(file);
		writeFileSync(join(tree, `modules/${i}.ko`), bytes);
		return `insmod /modules/${i}.ko`;
	});
	const script = [
		"#!/busybox sh",
		"export PATH=/applets",
		"/busybox mkdir /applets && /busybox --install -s /applets",
		"mount -t proc proc /proc",
		"mount -t devtmpfs dev /dev",
		...loads,
		"until [ -b /dev/vda ]; do sleep 0.1; done",
		"mount -t ext4 -o ro /dev/vda /root || exec reboot -f",
		"umount /proc",
		"mount --move /dev /root/dev",
		"exec switch_root /root /sbin/init",
	];
	writeFileSync(join(tree, "init"), `${script.join("\n")}\n`, { mode: 0o755 });
	execFileSync("sh", ["-c", 'cd "$1" && find . | cpio --quiet -o -H newc >"$2"', "sh", tree, path]);
	rmSync(tree, { recursive: true });
}
