/**
 * The steps of an install: each is a verb of its own, which plans its own steps when its turn has come.
 */

import { join } from "node:path";
import type { GivenConfig } from "../../kconfig/base-config.ts";
import type { Fragment } from "../../kconfig/merge.ts";
import { readConfigFile } from "../../kconfig/read.ts";
import { releasePaths } from "../../layout.ts";
import { statTarget } from "../../native/verbs.ts";
import { pickOptions } from "../../options/table.ts";
import type { Options } from "../../options/types.ts";
import { findingsOf, reportLost } from "../../release/config-inputs.ts";
import type { Context } from "../../release/context.ts";
import { assertUnused } from "../../release/mount-guards.ts";
import { describePlan, type Handover, planLater, type Step, type Work } from "../../release/plan.ts";
import { lstatIfExists } from "../../system/files.ts";
import { option, text } from "../../text.ts";
import { type ConfigureResult, configure } from "../configure/index.ts";
import { planConfigure } from "../configure/plan.ts";
import { goOn, type InstallOptions } from "../install.ts";
import { checkTarget, type MountOutcome, mount } from "../mount.ts";
import { type PackPlan, type PackResult, pack } from "../pack/index.ts";
import type { Source } from "../pack/source.ts";
import { planSelection, type SelectResult, select } from "../select.ts";
import { umount } from "../umount.ts";

export interface Results {
	pack: Handover<PackResult>;
	/** Absent where nothing is mounted. */
	mount?: MountOutcome;
	configure: Handover<ConfigureResult>;
	select: Handover<SelectResult>;
}

export interface Wanted {
	source: string;
	opened: Source;
	/** The tree stands where its image would be mounted, and is to stay there. */
	stays: boolean;
	fragments: readonly Fragment[];
	options: InstallOptions;
	results: Results;
}

/** In a dry run: pack's plan, and where to put what could not be checked. */
export interface Told {
	pack: PackPlan;
	unchecked: string[];
}

/** What pack is asked: its own options, and whether the image will be mounted here. */
export function packOptions({ options, stays }: Wanted): Options<"pack"> {
	return { ...pickOptions("pack", options), mounts: !stays };
}

export async function planInstall(context: Context, wanted: Wanted, told?: Told): Promise<readonly Work[]> {
	const { source, results } = wanted;
	const run = async (): Promise<void> => {
		results.pack.set(await pack(source, { ...packOptions(wanted), dryRun: false }));
	};
	const first: Step = { name: "pack", say: told?.pack.plan ?? [], lasts: false, run };
	return [first, ...(await planLater(context, "mount", async () => await planRest(context, wanted, told)))];
}

/** What comes when the image is there: only then its release is known for sure. */
async function planRest(context: Context, wanted: Wanted, told: Told | undefined): Promise<readonly Step[]> {
	const { options, results, stays } = wanted;
	const lines = told && (await linesOf(context, wanted, told));
	const release = (): string => results.pack.get().release;
	const mounted: Step = {
		name: "mount",
		say: lines?.mount ?? [],
		lasts: false,
		run: async () => {
			if (stays && results.pack.get().source === "kept") return;
			results.mount = await goOn(release(), "mount", options, remount(context, release(), options));
		},
	};
	const configured: Step = {
		name: "configure",
		say: lines?.configure ?? [],
		lasts: false,
		run: async () => {
			const work = configure(release(), { ...pickOptions("configure", options), dryRun: false });
			results.configure.set(await goOn(release(), "configure", options, work));
		},
	};
	const selected: Step = {
		name: "select",
		say: lines?.select ?? [],
		lasts: false,
		run: async () => {
			const work = select(release(), { ...pickOptions("select", options), onlyOwn: !options.select });
			results.select.set(await goOn(release(), "select", options, work));
		},
	};
	return [mounted, configured, selected];
}

/** An image that was replaced is still mounted: the old mount gives way. */
async function remount(context: Context, release: string, options: InstallOptions): Promise<MountOutcome> {
	const { mountPoint, image } = releasePaths(context.layout, release);
	if ((await statTarget(mountPoint, image)).state === "stale") {
		// install's force is about links of /lib/modules.
		await umount(release, { ...pickOptions("umount", options), force: false, dryRun: false });
	}
	return await mount(release, pickOptions("mount", options));
}

interface Lines {
	mount: readonly string[];
	configure: readonly string[];
	select: readonly string[];
}

/** The lines of the later verbs' own plans, as far as these can be made before there is an image. */
async function linesOf(context: Context, wanted: Wanted, { pack: packed, unchecked }: Told): Promise<Lines> {
	const { options, fragments } = wanted;
	reportLost(context, findingsOf(fragments));
	const { release } = packed;
	if (release === undefined) {
		const link = text`point the linux link to it where it is absent, dangling or ksquash's (anyhow with ${option("select")})`;
		unchecked.push("whether there is something in the way of the mount, the build directory and the link");
		return {
			mount: ["mount it on linux-REL beside it"],
			configure: ["make a build directory for that release, with a merged .config"],
			select: [context.say(link)],
		};
	}
	const mounting = await mountLines(context, wanted, release);
	const coming = await comingConfig(wanted);
	const configuring = await planConfigure(context, release, { fragments, options, coming });
	unchecked.push(...configuring.unchecked);
	const wish = { ...options, onlyOwn: !options.select };
	const { moved, link, target, left } = await planSelection(context, release, wish, { coming: true });
	return {
		mount: mounting,
		configure: describePlan(configuring).plan,
		select: moved ? [`point ${link} to ${target}`] : left === undefined ? [] : [`leave ${link}: ${left}`],
	};
}

async function mountLines(context: Context, { stays, opened, options }: Wanted, release: string): Promise<string[]> {
	const paths = releasePaths(context.layout, release);
	const { image, mountPoint } = paths;
	if (stays) return [`mount nothing: the tree stays in ${mountPoint}`];
	// It is mounted before the tree goes.
	if (opened.kind === "tree" && opened.fate === "replace") return [];
	const { state } = await checkTarget(paths);
	const old = state === "stale" || (state === "mounted" && options.replace);
	if (old) await assertUnused(mountPoint);
	if (state === "mounted" && !old) return [];
	return [...(old ? [`unmount ${mountPoint}`] : []), `mount ${image} on ${mountPoint}`];
}

/** The .config of a tree that is adopted will be in the build directory. */
async function comingConfig({ opened, options }: Wanted): Promise<GivenConfig | undefined> {
	if (opened.kind !== "tree" || !options.adopt || options.base !== undefined) return undefined;
	const path = join(opened.tree.path, ".config");
	if ((await lstatIfExists(path)) === undefined) return undefined;
	return { path, text: await readConfigFile(path, { signal: options.signal }) };
}
