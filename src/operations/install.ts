/**
 * install: the whole chain: pack → mount → configure → select. The only operation made of others.
 *
 * Owns: that what can be found out is said before the long work, and what to do when a later step fails.
 */

import { join } from "node:path";
import { KsquashError } from "../errors.ts";
import { findBase } from "../kconfig/base-config.ts";
import { readConfigFile } from "../kconfig/read.ts";
import { releasePaths } from "../layout.ts";
import { fstabLine } from "../mount/boot.ts";
import { chooseMounter } from "../mount/mounter.ts";
import { inspectImage, statTarget } from "../native/verbs.ts";
import { givenOptions, pickOptions } from "../options/table.ts";
import type { Options } from "../options/types.ts";
import { type Context, openContext } from "../release/context.ts";
import { assertUnused, mounterFor } from "../release/mount-guards.ts";
import { lstatIfExists } from "../system/files.ts";
import { type Call, call, calls, option, text } from "../text.ts";
import { type ConfigureResult, configure } from "./configure/index.ts";
import { checkOptions } from "./configure/options.ts";
import { checkPlace, findPlace } from "./configure/place.ts";
import { type MountOutcome, mount } from "./mount.ts";
import { type PackResult, pack } from "./pack/index.ts";
import { openSource, type Source } from "./pack/source.ts";
import { type SelectResult, select } from "./select.ts";
import { type ReleaseStatus, status } from "./status.ts";
import { umount } from "./umount.ts";

export type InstallOptions = Options<"install">;

export interface InstallResult {
	release: string;
	pack: PackResult;
	/** Absent where the tree stays in its place: it is the source then, and nothing is mounted over it. */
	mount?: MountOutcome;
	configure: ConfigureResult;
	select: SelectResult;
	/** What mounts it after a boot. */
	boot: ReleaseStatus["boot"];
	/** The fstab line that would. */
	fstabLine: string;
	plan?: string[];
}

/**
 * From a kernel tree or tarball to a build directory in which `make` works. Done twice is done once.
 *
 * Throws KsquashError; where the image was made already its hint is the command that goes on from there.
 */
export async function install(source: string, options: InstallOptions = {}): Promise<InstallResult> {
	const context = await openContext("install", options, { source });
	const opened = await openSource(context.layout, source, options);
	await checkFirst(context, opened, options);
	const packed = await pack(source, { ...pickOptions("pack", options), mounts: !staysInPlace(context, opened) });
	if (options.dryRun) return planned(context, packed, staysInPlace(context, opened));
	const { release } = packed;
	const inPlace = packed.source === "kept" && staysInPlace(context, opened);
	const mounted = inPlace ? undefined : await goOn(release, "mount", options, remount(context, release, options));
	const configured = await goOn(release, "configure", options, configure(release, pickOptions("configure", options)));
	const selection = { ...pickOptions("select", options), onlyOwn: !options.select };
	const selected = await goOn(release, "select", options, select(release, selection));
	const row = (await status({ root: options.root })).releases.find((entry) => entry.release === release);
	return {
		release,
		pack: packed,
		...(mounted === undefined ? {} : { mount: mounted }),
		configure: configured,
		select: selected,
		boot: row?.boot ?? "no",
		// The image may have been there before, of the other format.
		fstabLine: fstabLine(packed.image, packed.mountPoint, (await inspectImage(packed.image)).format),
	};
}

/** All that can fail is tried before the minutes of packing, and before the tree goes. */
async function checkFirst(context: Context, source: Source, options: InstallOptions): Promise<void> {
	// A patch may change it.
	const unknown = source.kind === "tarball" || !!options.patches?.length;
	const release = unknown ? options.release : source.release;
	const tree = source.kind === "tree" ? source.tree.path : undefined;
	await checkOptions(context, options, { release, source: tree });
	if (tree !== undefined && options.adopt && options.base === undefined) await assertOwnArch(tree, options);
	// Where the tree gives way to its image, that is mounted between two renames: by this process itself.
	if (source.kind === "tree" && source.fate === "replace") await chooseMounter(context.probe);
	else if (!staysInPlace(context, source)) await mounterFor(context, options);
	// A tarball says its release only when it is read, a patched tree when it is patched.
	if (release === undefined) return await checkPlace(context, options);
	await findPlace(context, release, options);
	if (!options.replace) return;
	const { mountPoint, image } = releasePaths(context.layout, release);
	const { state } = await statTarget(mountPoint, image);
	if (state === "mounted" || state === "stale") await assertUnused(mountPoint);
}

/** An adopted .config becomes the base: one for another architecture would stop configure when the tree is gone. */
async function assertOwnArch(tree: string, { arch, signal }: InstallOptions): Promise<void> {
	const path = join(tree, ".config");
	if ((await lstatIfExists(path)) === undefined) return;
	await findBase({ tree: { path, text: await readConfigFile(path, { signal }) }, arch });
}

/** The tree stands where its image would be mounted, and nobody asked for its removal. */
function staysInPlace({ layout }: Context, source: Source): boolean {
	if (source.kind !== "tree" || source.fate !== "keep") return false;
	return source.tree.path === releasePaths(layout, source.release).mountPoint;
}

/** An image that was replaced is still mounted: the old mount gives way. */
async function remount(context: Context, release: string, options: InstallOptions): Promise<MountOutcome> {
	const { mountPoint, image } = releasePaths(context.layout, release);
	if ((await statTarget(mountPoint, image)).state === "stale") {
		// install's force is about links of /lib/modules.
		await umount(release, pickOptions("umount", { ...options, force: undefined }));
	}
	return await mount(release, pickOptions("mount", options));
}

/** What was done before stays: the error says how to go on from there. */
async function goOn<T>(
	release: string,
	next: "mount" | "configure" | "select",
	options: InstallOptions,
	work: Promise<T>,
): Promise<T> {
	try {
		return await work;
	} catch (error) {
		if (!(error instanceof KsquashError)) throw error;
		const done = { mount: "packed", configure: "packed and mounted", select: "packed, mounted and configured" };
		const resume = remaining(release, next, options);
		throw error.with({ notes: [text`${release} is ${done[next]}; what is left: ${calls(resume)}`], resume });
	}
}

/** With the options of each verb: without them configure would make another build directory. */
function remaining(release: string, next: "mount" | "configure" | "select", options: InstallOptions): Call[] {
	const steps = ["mount", "configure", "select"] as const;
	return steps.slice(steps.indexOf(next)).map((verb) => call(verb, release, givenOptions(verb, options)));
}

function planned({ say }: Context, packed: PackResult, inPlace: boolean): InstallResult {
	const { release, mountPoint, image } = packed;
	const name = release || "the release that the tarball says";
	const target = mountPoint || "linux-REL beside it";
	const plan = [
		...(packed.plan ?? []),
		inPlace ? `mount nothing: the tree stays in ${target}` : `mount it on ${target}`,
		`make a build directory for ${name} with a merged .config`,
		say(text`point the linux link to it where it is absent, dangling or ksquash's (anyhow with ${option("select")})`),
	];
	return {
		release,
		pack: packed,
		...(inPlace ? {} : { mount: { release, image, target: mountPoint, already: false } }),
		configure: { release, buildDir: "", already: false, base: "", scrubbed: [], missed: [] },
		select: { release, link: "", target: "", moved: false },
		boot: "no",
		fstabLine: "",
		plan,
	};
}
