/**
 * What starts `ksquash-helper boot`: the files of share/ for each init system, put in place and taken away by their list.
 *
 * Owns: which file goes where. Leaves to others: the policy's rule, and which init system is meant.
 */

import { lstat, rename } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { KsquashError } from "../errors.ts";
import { resolveInRoot } from "../native/verbs.ts";
import {
	makeDirectory,
	readIfExists,
	readLinkIfExists,
	swapSymlink,
	unlinkIfExists,
	writeFileAtomic,
} from "../system/files.ts";
import { escapePath } from "../system/list.ts";
import { ownPackage } from "../system/package.ts";
import { type FileState, fileState, signed, versionOf } from "./boot-files.ts";

export type Init = "systemd" | "openrc" | "local.d";
export const inits: readonly Init[] = ["systemd", "openrc", "local.d"];

interface Part {
	/** Below share/; absent for a link. */
	source?: string;
	/** Below the root. */
	path: string;
	mode?: number;
	/** What the link says. */
	link?: string;
	/** It counts only on a system with, or without, this path. */
	onlyWith?: string;
	onlyWithout?: string;
}

const DEBIANS_MOUNTALL = "/etc/runlevels/sysinit/mountall.sh";

/** The link is last: only a whole installation is enabled. */
const everyPart: Readonly<Record<Init, readonly Part[]>> = {
	systemd: [
		{ source: "systemd/ksquash.service", path: "/etc/systemd/system/ksquash.service", mode: 0o644 },
		{ path: "/etc/systemd/system/multi-user.target.wants/ksquash.service", link: "../ksquash.service" },
	],
	openrc: [
		{ source: "openrc/ksquash", path: "/etc/init.d/ksquash", mode: 0o755 },
		// Debian's OpenRC never enters the runlevel boot: its rcS starts sysinit, its rc default (0.45.2-2, /etc/init.d/rc).
		// Its sysinit has mountall.sh, where others have localmount in boot.
		{ path: "/etc/runlevels/sysinit/ksquash", link: "/etc/init.d/ksquash", onlyWith: DEBIANS_MOUNTALL },
		{ path: "/etc/runlevels/boot/ksquash", link: "/etc/init.d/ksquash", onlyWithout: DEBIANS_MOUNTALL },
	],
	"local.d": [
		{ source: "local.d/ksquash.stop", path: "/etc/local.d/ksquash.stop", mode: 0o755 },
		{ source: "local.d/ksquash.start", path: "/etc/local.d/ksquash.start", mode: 0o755 },
	],
};

/** Signs of each init system, in the order in which they count: what runs first, then what is installed. */
const signs: readonly [string, Init][] = [
	["/run/systemd/system", "systemd"],
	["/run/openrc", "openrc"],
	["/sbin/openrc-run", "openrc"],
	["/usr/lib/systemd/systemd", "systemd"],
	["/lib/systemd/systemd", "systemd"],
	["/etc/local.d", "local.d"],
];

/** The init system, and whether it runs now (below another root none does); undefined where none is found. */
export async function detectInit(root: string): Promise<{ init: Init; runs: boolean } | undefined> {
	for (const [sign, init] of signs) {
		if (await isThere(root, sign)) return { init, runs: sign.startsWith("/run/") };
	}
	return undefined;
}

/** Why the system that runs now will not start what is enabled; undefined where it will, or none is known to run. */
export async function startProblem(root: string, enabled: readonly Init[]): Promise<string | undefined> {
	const detected = await detectInit(root);
	if (!detected?.runs || enabled.includes(detected.init)) return undefined;
	// OpenRC runs local.d by a service of its own.
	if (detected.init !== "openrc" || !enabled.includes("local.d")) {
		return `this system is started by ${detected.init}, and it is enabled for ${enabled.join(", ")}`;
	}
	for (const level of ["default", "boot", "sysinit"]) {
		if (await isThere(root, `/etc/runlevels/${level}/local`)) return undefined;
	}
	return "OpenRC runs /etc/local.d by its service local, which is in no runlevel (rc-update add local default)";
}

async function isThere(root: string, path: string): Promise<boolean> {
	return await lstat(await resolveInRoot(root, path)).then(
		() => true,
		() => false,
	);
}

async function partsOf(root: string, init: Init): Promise<readonly Part[]> {
	const counts = everyPart[init].map(async ({ onlyWith, onlyWithout }) => {
		if (onlyWith !== undefined) return await isThere(root, onlyWith);
		return onlyWithout === undefined || !(await isThere(root, onlyWithout));
	});
	const verdicts = await Promise.all(counts);
	return everyPart[init].filter((_, i) => verdicts[i]);
}

/** For those who want no service at all. fstab(5) has the octal escapes of mountinfo. */
export function fstabLine(image: string, mountPoint: string, type: string): string {
	return `${escapePath(image)} ${escapePath(mountPoint)} ${type} ro,loop,nosuid,nodev,nofail 0 0`;
}

/** The init systems whose files are all there. */
export async function enabledInits(root: string): Promise<Init[]> {
	const found: Init[] = [];
	for (const init of inits) {
		const parts = await partsOf(root, init);
		const states = await Promise.all(parts.map(async (part) => (await stateOf(root, part)).state));
		if (states.every((state) => state !== "absent" && state !== "foreign")) found.push(init);
	}
	return found;
}

/** Files of ours that another ksquash wrote, or that somebody changed; one sentence each. */
export async function oldFiles(root: string): Promise<string[]> {
	const found: string[] = [];
	for (const part of Object.values(everyPart).flat()) {
		const { path, state, version } = await stateOf(root, part);
		if (state === "older") found.push(`${path} is of ksquash ${version}, not of ${ownPackage().version}`);
		if (state === "edited") found.push(`${path} was changed since ksquash wrote it`);
	}
	return found;
}

/** The paths that were written. Throws ERR_KSQUASH_OCCUPIED for a file that is not ours or was changed, before anything is written. */
export async function enableInit(root: string, init: Init, dryRun: boolean): Promise<string[]> {
	const done: string[] = [];
	const parts = await partsOf(root, init);
	const standing = await Promise.all(parts.map(async (part) => await stateOf(root, part)));
	for (const { path, state } of standing) {
		if (state === "foreign") {
			throw new KsquashError("ERR_KSQUASH_OCCUPIED", `${path} is there, and not ksquash's`, { path });
		}
		if (state === "edited") {
			const hint = `move it away and try again; what you changed can be put back then, or into a drop-in (systemctl edit)`;
			throw new KsquashError("ERR_KSQUASH_OCCUPIED", `${path} was changed since ksquash wrote it`, { path, hint });
		}
	}
	for (const [i, part] of parts.entries()) {
		const { path = "", state } = standing[i] ?? {};
		if (state === "current") continue;
		done.push(path);
		if (dryRun) continue;
		await makeDirectory(dirname(path));
		if (part.link !== undefined) await swapSymlink(path, part.link);
		else await writeFileAtomic(path, signed(await sourceOf(part)), { mode: part.mode ?? 0o644, uid: 0, gid: 0 });
	}
	return done;
}

/** Takes away what is ours of every init system, links first; what was done, one sentence each. */
export async function disableInits(root: string, dryRun: boolean): Promise<string[]> {
	const done: string[] = [];
	for (const part of inits.flatMap((init) => everyPart[init].toReversed())) {
		const { path, state } = await stateOf(root, part);
		if (state === "absent" || state === "foreign") continue;
		const aside = `${path}.edited`;
		const kept = state === "edited";
		if (!dryRun) await (kept ? rename(path, aside) : unlinkIfExists(path));
		done.push(kept ? `move ${path}, which was changed since ksquash wrote it, to ${aside}` : `remove ${path}`);
	}
	return done;
}

interface Standing {
	path: string;
	state: FileState | "absent";
	version?: string | undefined;
}

async function stateOf(root: string, part: Part): Promise<Standing> {
	const path = await resolveInRoot(root, part.path);
	const link = await readLinkIfExists(path);
	if (part.link !== undefined && link !== undefined) {
		return { path, state: basename(link) === basename(part.link) ? "current" : "foreign" };
	}
	if (link !== undefined) return { path, state: "foreign" };
	const text = (await readIfExists(path))?.toString("utf8");
	if (text === undefined) return { path, state: "absent" };
	if (part.link !== undefined) return { path, state: "foreign" };
	return { path, state: fileState(text, await sourceOf(part)), version: versionOf(text) };
}

async function sourceOf({ source = "" }: Part): Promise<string> {
	const path = join(ownPackage().root, "share", source);
	const bytes = await readIfExists(path);
	if (bytes === undefined) throw new KsquashError("ERR_KSQUASH_INTERNAL", `the package has no ${path}`);
	return bytes.toString("utf8");
}
