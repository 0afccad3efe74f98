/**
 * Every path of ksquash's, from one root.
 *
 * Owns: names of files and directories, and that they stay below the root (openat2 RESOLVE_IN_ROOT).
 * Leaves to others: what is in them. No other file of src/ knows "/usr/src".
 */

import { createHash } from "node:crypto";
import { realpath, stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, join } from "node:path";
import { KsquashError } from "./errors.ts";
import { resolveInRoot } from "./native/verbs.ts";
import { assertRelease, isRelease } from "./system/names.ts";

const PREFIX = "linux-";
const SUFFIX = ".sqfs";

/** Where root's locks are. */
export const SYSTEM_LOCKS = "/run/ksquash";

export interface Layout {
	/** Without links; "/" by default. */
	readonly root: string;
	/** /usr/src: images, mount points, build directories and the link. */
	readonly sourceDir: string;
	/** /var/lib/ksquash/kept */
	readonly keptDir: string;
	/** /etc/ksquash/config.toml */
	readonly settingsFile: string;
	/** /etc/kernel/config.d: fragments of this machine, by the name that Gentoo gave it. */
	readonly fragmentDir: string;
	/** /usr/libexec/ksquash/ksquash-helper */
	readonly helper: string;
	/** /etc/ksquash/helper.conf */
	readonly policyFile: string;
	/** /etc/portage/env */
	readonly portageEnv: string;
	/** /etc/fstab */
	readonly fstab: string;
	/** /lib/modules */
	readonly modulesDir: string;
	/** Locks of long work: always the running system's, whatever the root. */
	readonly lockDir: string;
	/** /usr/src/linux */
	readonly link: string;
}

export interface ReleasePaths {
	/** The layout's. */
	readonly root: string;
	readonly release: string;
	/** linux-REL, also the helper's NAME. */
	readonly name: string;
	readonly image: string;
	readonly manifest: string;
	/** What is in the image, entry by entry. */
	readonly list: string;
	/** The pair that --replace keeps until the new one is safe. */
	readonly oldImage: string;
	readonly oldManifest: string;
	readonly mountPoint: string;
	/** Where a whole tree stands between the exchange and its removal. */
	readonly displacedTree: string;
	/** What is left of it as soon as its removal has begun: the image alone holds the rest. */
	readonly partialTree: string;
	readonly buildDir: string;
}

/** Resolves the directories below `root`; nothing is made. */
export async function openLayout(given = "/"): Promise<Layout> {
	const root = await realpath(given);
	if (!(await stat(root)).isDirectory())
		throw new KsquashError("ERR_KSQUASH_NO_INPUT", `the root ${root} is no directory`);
	const below = async (path: string): Promise<string> => await resolveInRoot(root, path);
	const sourceDir = dirname(await below("/usr/src/linux"));
	return {
		root,
		sourceDir,
		link: join(sourceDir, "linux"),
		keptDir: dirname(await below("/var/lib/ksquash/kept/x")),
		settingsFile: await below("/etc/ksquash/config.toml"),
		fragmentDir: dirname(await below("/etc/kernel/config.d/x")),
		helper: await below("/usr/libexec/ksquash/ksquash-helper"),
		policyFile: await below("/etc/ksquash/helper.conf"),
		portageEnv: dirname(await below("/etc/portage/env/x")),
		fstab: await below("/etc/fstab"),
		modulesDir: dirname(await below("/lib/modules/x")),
		lockDir: process.geteuid?.() === 0 ? SYSTEM_LOCKS : `/tmp/ksquash-${process.geteuid?.()}`,
	};
}

/** A path below the root as the system of that root sees it. */
export function insideRoot({ root }: Layout, path: string): string {
	return root === "/" ? path : path.slice(root.length);
}

/** The paths of one release. Throws ERR_KSQUASH_RELEASE_NAME. */
export function releasePaths(layout: Layout, release: string): ReleasePaths {
	assertRelease(release, "release");
	const name = PREFIX + release;
	const at = (file: string): string => join(layout.sourceDir, file);
	return {
		root: layout.root,
		release,
		name,
		image: at(name + SUFFIX),
		manifest: at(`${name}${SUFFIX}.json`),
		list: at(`${name}${SUFFIX}.list.gz`),
		oldImage: at(`.${name}${SUFFIX}.replaced`),
		oldManifest: at(`.${name}${SUFFIX}.json.replaced`),
		mountPoint: at(name),
		displacedTree: at(`.${name}.replaced`),
		partialTree: at(`.${name}.rest`),
		buildDir: at(buildName(release)),
	};
}

/**
 * Where a link in a directory (the source directory when absent) leads when the root is "/", all links on the way
 * followed; it may dangle. Throws ELOOP.
 */
export async function resolveLink(layout: Layout, target: string, directory?: string): Promise<string> {
	const { root, sourceDir } = layout;
	const above = insideRoot(layout, directory ?? sourceDir);
	// The last component's link is followed, too: it is not the last one then.
	return dirname(await resolveInRoot(root, `${isAbsolute(target) ? target : `${above}/${target}`}/x`));
}

/** The release of a tree that was set aside, or of what is left of one; undefined for other names. */
export function releaseOfAside(fileName: string): string | undefined {
	const name = /^\.(.+)\.(?:replaced|rest)$/.exec(fileName)?.[1];
	return name === undefined || isImageName(name) || releaseOfManifest(name) ? undefined : releaseOf(name);
}

export function releaseOfManifest(fileName: string): string | undefined {
	return fileName.endsWith(`${SUFFIX}.json`) ? releaseOf(fileName.slice(0, -".json".length)) : undefined;
}

/** build-REL or build-REL-VARIANT. */
export function buildName(release: string, variant?: string): string {
	return variant === undefined ? `build-${release}` : `build-${release}-${variant}`;
}

/** The release of an image's file name, or of a mount point's; undefined when it is neither. */
export function releaseOf(fileName: string): string | undefined {
	if (!fileName.startsWith(PREFIX)) return undefined;
	const rest = fileName.slice(PREFIX.length);
	const release = rest.endsWith(SUFFIX) ? rest.slice(0, -SUFFIX.length) : rest;
	return isRelease(release) ? release : undefined;
}

export function isImageName(fileName: string): boolean {
	return fileName.endsWith(SUFFIX) && releaseOf(fileName) !== undefined;
}

/** The release whose mount point this path would be. */
export function releaseAt(layout: Layout, path: string): string | undefined {
	return dirname(path) === layout.sourceDir && !path.endsWith(SUFFIX) ? releaseOf(basename(path)) : undefined;
}

/** An image that is being written. `key` names the lock that its writer holds. */
export function temporaryImage(layout: Layout, key: string): string {
	return join(layout.sourceDir, `.${key}${SUFFIX}.tmp`);
}

/** What the link of a build directory is called from when its removal begins until it goes. */
export function removedName(name: string): string {
	return `.${name}.removed`;
}

/** The name of the build directory whose removal had begun; undefined for other names. */
export function nameOfRemoved(fileName: string): string | undefined {
	return /^\.(build-.+)\.removed$/.exec(fileName)?.[1];
}

/** The lock under which /usr/src/linux is moved. */
export const LINK_KEY = "link";

/** The lock of a build directory, by its usual name. */
export function buildKey(name: string): string {
	return name.replace(/^build-/, `build-${PREFIX}`);
}

/**
 * A file in the source directory that is there only while somebody writes: the key of the lock that its writer holds.
 * undefined for other names. The twelve digits are of temporaryName (src/system/files.ts).
 */
export function temporaryKey(fileName: string): string | undefined {
	const target = /^\.(.+)\.[0-9a-f]{12}\.tmp$/.exec(fileName)?.[1] ?? "";
	// The image itself, or what is written for it.
	const image = [fileName, target]
		.map((name) => /^\.(.+)\.sqfs\.tmp$/.exec(name)?.[1])
		.find((key) => key !== undefined);
	if (image !== undefined) return isWriter(image) ? image : undefined;
	if (target === basename(PREFIX, "-")) return LINK_KEY;
	if (target.startsWith("build-")) return buildKey(target);
	const ending = [".json", ".list.gz"].map((end) => SUFFIX + end).find((end) => target.endsWith(end));
	const key = target.slice(0, -(ending?.length ?? 0));
	return ending !== undefined && isWriter(key) ? key : undefined;
}

/** The key of a release, or of a tarball: another program's temporary files have neither. */
function isWriter(key: string): boolean {
	return releaseOf(key) !== undefined || /^tarball-\d+-\d+$/.test(key);
}

/** Every process of this file system sees the same name for the same tarball, whatever its path. */
export function tarballKey(id: string): string {
	return `tarball-${id.replace(":", "-")}`;
}

/** The lock of long work on `key` in this source directory, whatever path leads there. */
export function lockPath(layout: Layout, directoryId: string, key: string): string {
	const directory = directoryId.replace(":", "-");
	const name = key.length > 200 ? createHash("sha256").update(key).digest("hex") : key;
	return join(layout.lockDir, `${directory}-${name}.lock`);
}
