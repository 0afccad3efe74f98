/**
 * A guest's disk: a root of packages with node, ksquash as npm installs it, images that it packed, and witnesses that
 * write down what is mounted when somebody may log in, when the service has stopped, and last of all.
 */

import { execFileSync } from "node:child_process";
import {
	appendFileSync,
	copyFileSync,
	cpSync,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	rmSync,
	symlinkSync,
	truncateSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { mountsBelow, smallKernel } from "../../support/scratch.ts";
import type { Hardware } from "./machine.ts";
import { baseRoot, type Init, kernel, makeInitramfs, moduleFiles } from "./packages.ts";

const top = join(import.meta.dirname, "../../..");

/** Mounted by the service; its mount point is there. */
export const good = "6.1.99-small";
/** Its mount point is missing. */
export const bare = "6.1.98-small";
/** A line of /etc/fstab mounts it first. */
export const listed = "6.1.97-small";
/** Half of an image: lies in /root until a test puts it among the others. */
export const broken = "6.1.96-small";

const loginWitness = "cat /proc/1/mountinfo >/run/at-login";

/** The rest of each init system's: a getty on the serial line, and the witnesses. */
const files: Readonly<Record<Init, Readonly<Record<string, string>>>> = {
	systemd: {
		"etc/systemd/system/serial-getty@ttyS0.service.d/witness.conf": `[Service]\nExecStartPre=/bin/sh -c '${loginWitness}'\n`,
		"etc/systemd/system/witness-stopped.service": unit("After=local-fs.target\nBefore=ksquash.service", "stopped"),
		"etc/systemd/system/witness-last.service": unit(
			"DefaultDependencies=no\nConflicts=shutdown.target\nAfter=systemd-remount-fs.service\nBefore=local-fs-pre.target\nWants=local-fs-pre.target",
			"last",
		),
	},
	openrc: openrc(),
	"local.d": {
		...openrc(),
		// Debian's package leaves OpenRC's own out. Like that one: last to start, first to stop, and neither the output nor
		// the status of a script counts (github.com/OpenRC/openrc, init.d/local.in, and local.d(5) there).
		"etc/init.d/local": service("after *", ...["start", "stop"].map(localFunction)),
	},
};

const links: Readonly<Record<Init, Readonly<Record<string, string>>>> = {
	systemd: {
		"etc/systemd/system/multi-user.target.wants/witness-stopped.service": "../witness-stopped.service",
		"etc/systemd/system/sysinit.target.wants/witness-last.service": "../witness-last.service",
	},
	openrc: openrcLinks(),
	"local.d": { ...openrcLinks(), "etc/runlevels/default/local": "/etc/init.d/local" },
};

function unit(order: string, name: string): string {
	return `[Unit]\n${order}\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\nExecStop=/usr/local/sbin/witness ${name}\n`;
}

function service(depend: string, ...functions: string[]): string {
	return `#!/sbin/openrc-run\ndepend() {\n\t${depend}\n}\n${functions.join("\n")}\n`;
}

function localFunction(verb: string): string {
	return `${verb}() {
	ebegin "local: ${verb}"
	for f in /etc/local.d/*.${verb}; do
		[ ! -x "$f" ] || "$f" >/dev/null 2>&1 || ewarn "$f failed"
	done
	eend 0
}`;
}

function openrc(): Record<string, string> {
	const witness = (name: string): string => `/usr/local/sbin/witness ${name}`;
	return {
		"usr/local/sbin/serial": `#!/bin/sh\n${loginWitness}\nexec /sbin/agetty -L ttyS0 115200 vt100\n`,
		"etc/init.d/witness-stopped": service(
			"before ksquash local",
			"start() {\n\t:\n}",
			`stop() {\n\t${witness("stopped")}\n}`,
		),
		// Debian's /etc/init.d/rc starts the runlevel "off", and what ends the system is the stop of what stands there.
		"etc/init.d/witness-last": service(
			"after umountroot\n\tbefore umountfs",
			"start() {\n\t:\n}",
			`stop() {\n\t${witness("last")}\n}`,
		),
	};
}

function openrcLinks(): Record<string, string> {
	return {
		"etc/runlevels/sysinit/witness-stopped": "/etc/init.d/witness-stopped",
		"etc/runlevels/off/witness-last": "/etc/init.d/witness-last",
	};
}

/** Call it inside a test. The boot of `init` is enabled, with --root, from here. */
export function makeGuest(init: Init): Hardware {
	const place = mkdtempSync(join(tmpdir(), "ksquash-boot-"));
	onTestFinished(() => {
		for (const target of mountsBelow(place)) execFileSync("umount", ["--lazy", target]);
		rmSync(place, { recursive: true, force: true });
	});
	const root = join(place, "root");
	mkdirSync(root);
	execFileSync("tar", ["--extract", "--file", baseRoot(init), "--directory", root, "--numeric-owner"]);
	const linux = kernel();
	placeModules(linux, root);
	placeFiles(root, init);
	const ksquash = installKsquash(place, root);
	placeImages(place, root, ksquash);
	ksquash("boot", "enable", "--init", init);
	const disk = join(place, "disk");
	execFileSync("mke2fs", ["-q", "-t", "ext4", "-E", "root_owner=0:0", "-d", root, disk, "700M"]);
	rmSync(root, { recursive: true });
	const initramfs = join(place, "initramfs");
	makeInitramfs(linux, initramfs);
	return { kernel: linux.image, initramfs, disk };
}

function placeModules(linux: ReturnType<typeof kernel>, root: string): void {
	for (const file of moduleFiles(linux, ["loop", "squashfs", "virtio_blk", "virtio_pci"])) {
		const to = join(root, "usr", file.slice(linux.root.length));
		mkdirSync(dirname(to), { recursive: true });
		copyFileSync(file, to);
	}
	for (const name of ["modules.builtin", "modules.builtin.modinfo", "modules.order"]) {
		const path = `lib/modules/${linux.release}/${name}`;
		copyFileSync(join(linux.root, path), join(root, "usr", path));
	}
	execFileSync("depmod", ["--basedir", join(root, "usr"), linux.release], { stdio: "pipe" });
}

function placeFiles(root: string, init: Init): void {
	const write = (path: string, text: string): void => {
		mkdirSync(join(root, dirname(path)), { recursive: true });
		writeFileSync(join(root, path), text, { mode: text.startsWith("#!") ? 0o755 : 0o644 });
	};
	write("etc/fstab", "/dev/vda / ext4 errors=remount-ro 0 1\n");
	write("etc/hostname", "guest\n");
	write("etc/machine-id", "0123456789abcdef0123456789abcdef\n");
	// One line an observation: which boot, at which moment, what is mounted, which files the loop devices carry.
	write(
		"usr/local/sbin/witness",
		`#!/bin/sh
{
	echo "$1 $(wc -l </var/boots)"
	grep squashfs /proc/1/mountinfo
	cat /sys/block/loop*/loop/backing_file
	echo end
} >>/var/witness 2>/dev/null
sync
`,
	);
	for (const [path, text] of Object.entries(files[init])) write(path, text);
	for (const [path, target] of Object.entries(links[init])) {
		mkdirSync(join(root, dirname(path)), { recursive: true });
		symlinkSync(target, join(root, path));
	}
	const change = (path: string, work: (text: string) => string): void => {
		writeFileSync(join(root, path), work(readFileSync(join(root, path), "utf8")));
	};
	change("etc/shadow", (text) => text.replace(/^root:[^:]*:/m, "root::"));
	if (init === "systemd") return;
	change("etc/inittab", (text) => `${text.replace(/^\d:.*getty.*$/gm, "")}T0:23:respawn:/usr/local/sbin/serial\n`);
}

/** node from here; ksquash as npm installs its tarball, with the add-on and the helper where prebuildify puts them. */
function installKsquash(place: string, root: string): (...args: string[]) => string {
	const at = join(root, "usr/local/lib/node_modules/ksquash");
	const quiet = { cwd: top, stdio: "pipe" } as const;
	copyFileSync(process.execPath, join(root, "usr/local/bin/node"));
	execFileSync("npm", ["pack", "--silent", "--pack-destination", place], quiet);
	const tarball = join(place, `ksquash-${JSON.parse(readFileSync(join(top, "package.json"), "utf8")).version}.tgz`);
	execFileSync(
		"npm",
		["install", "--global", "--offline", "--silent", "--prefix", join(root, "usr/local"), tarball],
		quiet,
	);
	const prebuilt = join(at, `prebuilds/linux-${process.arch}`);
	mkdirSync(prebuilt, { recursive: true });
	copyFileSync(join(top, "build/Release/ksquash.node"), join(prebuilt, "ksquash.node"));
	copyFileSync(join(top, "build/helper/ksquash-helper"), join(prebuilt, "ksquash-helper"));
	return (...args) =>
		execFileSync(process.execPath, [join(at, "dist/cli/ksquash.cjs"), ...args, "--root", root], {
			encoding: "utf8",
			stdio: ["ignore", "pipe", "pipe"],
		});
}

/** Packed for real, below the root; and what a test needs for later in /root. */
function placeImages(place: string, root: string, ksquash: (...args: string[]) => string): void {
	for (const release of [good, bare, listed, broken]) {
		const tree = makeTree(join(place, `linux-${release}`), release, "first");
		ksquash("pack", tree);
		rmSync(tree, { recursive: true });
	}
	const src = join(root, "usr/src");
	for (const release of [good, listed]) mkdirSync(join(src, `linux-${release}`));
	const lines = JSON.parse(ksquash("boot", "status", "--json")).fstab as string[];
	appendFileSync(join(root, "etc/fstab"), `${lines.find((line) => line.includes(listed))}\n`);
	const image = join(root, "root/broken.sqfs");
	copyFileSync(join(src, `linux-${broken}.sqfs`), image);
	truncateSync(image, 4096);
	ksquash("remove", broken);
	makeTree(join(root, `root/linux-${good}`), good, "second");
}

/** The small kernel, of that release, with a file that tells it from others. */
function makeTree(path: string, release: string, mark: string): string {
	cpSync(smallKernel, path, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
	const [sublevel = ""] = /(?<=^6\.1\.)\d+/.exec(release) ?? [];
	const makefile = join(path, "Makefile");
	writeFileSync(makefile, readFileSync(makefile, "utf8").replace(/^SUBLEVEL = .*$/m, `SUBLEVEL = ${sublevel}`));
	writeFileSync(join(path, "MARK"), `${mark}\n`);
	return path;
}
