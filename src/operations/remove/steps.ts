/**
 * The steps of a removal, in their order: save → link → umount → build directories → mount point → image → manifest.
 *
 * Each may have been done by an earlier run that broke off; the manifest goes last, so that a rerun knows what is left as
 * ours. Leaves to others: what is ours (survey.ts), and a build directory (build.ts).
 */

import { join } from "node:path";
import { foreignFiles, valuables } from "../../build/generated.ts";
import { KsquashError } from "../../errors.ts";
import { LINK_KEY } from "../../layout.ts";
import { statTarget } from "../../native/verbs.ts";
import { keep } from "../../release/backup.ts";
import type { Build } from "../../release/builds.ts";
import type { Context } from "../../release/context.ts";
import { successor, unselect } from "../../release/link.ts";
import { withLock } from "../../release/locks.ts";
import { LOCK_WAIT_MS, mounterFor, ownMount } from "../../release/mount-guards.ts";
import type { Step, Work } from "../../release/plan.ts";
import { readLinkIfExists, removeEmptyDirectory, unlinkIfExists } from "../../system/files.ts";
import { escapeNative } from "../../system/list.ts";
import { option, text } from "../../text.ts";
import { closeAll, type OpenedBuild, openBuilds, type RemovedBuild, removeBuild } from "./build.ts";
import type { RemoveOptions, RemoveResult } from "./index.ts";
import { ownLinks, withLinks } from "./links.ts";
import { NOT_OURS, type Survey } from "./survey.ts";

type Result = Omit<RemoveResult, "state">;

/** What goes and what stays is written into `result`. */
export async function planSteps(
	context: Context,
	found: Survey,
	options: RemoveOptions,
	result: Result,
): Promise<readonly Work[]> {
	result.stays.push(...found.stays);
	if (context.dryRun && !options.purge) {
		for (const build of found.ours) result.stays.push(...(await foreign(context, build)));
	}
	let opened: OpenedBuild[] = [];
	const builds = found.ours.map((build) => buildStep(context, build, () => opened, options, result));
	const save = await saveStep(context, found, () => opened, result);
	const inside = [save, await linkStep(context, found, result), ...(await umountSteps(context, found)), ...builds];
	const within = async (work: () => Promise<void>): Promise<void> => {
		opened = await openBuilds(found.ours);
		try {
			await work();
		} finally {
			await closeAll(opened);
		}
	};
	return [{ steps: inside, within }, restStep(found, result)];
}

async function foreign(context: Context, { path }: Build): Promise<string[]> {
	const names = await foreignFiles(path);
	return names.map((name) => notKbuilds(context, join(path, escapeNative(name))));
}

function notKbuilds({ say }: Context, path: string): string {
	return say(text`${path}: Kbuild did not make it (${option("purge")} removes it)`);
}

async function saveStep(
	context: Context,
	{ paths, ours }: Survey,
	opened: () => readonly OpenedBuild[],
	result: Result,
): Promise<Step> {
	const { keptDir } = context.layout;
	const say: string[] = [];
	for (const { path } of context.dryRun ? ours : []) {
		const names = await valuables(path);
		if (names.length > 0) say.push(`save ${names.join(", ")} of ${path} below ${keptDir}`);
	}
	const run = async (): Promise<void> => {
		if (!opened().some(({ names }) => names.length > 0)) return;
		const work = async (): Promise<string | undefined> => await keep(keptDir, paths.release, opened());
		const kept = await context.step("save", `configs and keys of ${paths.release}`, work, { lasts: true });
		if (kept !== undefined) result.kept = kept;
	};
	return { name: "save", say, lasts: true, run };
}

async function linkStep(context: Context, { paths, ours }: Survey, result: Result): Promise<Step> {
	const { layout } = context;
	const about = [layout, paths.release, ours, [paths.mountPoint, ...ours.map(({ path }) => path)]] as const;
	const line = (next: { to: string | undefined }): string => {
		return next.to === undefined ? `remove ${layout.link}` : `move ${layout.link} to ${next.to}`;
	};
	const move = async (): Promise<void> => {
		const next = await successor(...about);
		if (next === undefined) return;
		const link = await context.step("select", line(next), async () => await unselect(...about), { lasts: true });
		if (link !== undefined) result.link = link;
		if ((await readLinkIfExists(layout.link)) === undefined) result.removed.push(layout.link);
	};
	const now = await successor(...about);
	const run = async (): Promise<void> => await withLock(context, LINK_KEY, move, { waitMs: LOCK_WAIT_MS });
	return { name: "select", say: now === undefined ? [] : [line(now)], lasts: true, run };
}

async function umountSteps(context: Context, { paths, mounted }: Survey): Promise<Step[]> {
	if (mounted === undefined) return [];
	if (context.dryRun) await mounterFor(context, { standing: mounted });
	const { mountPoint } = paths;
	const run = async (): Promise<void> => {
		const mounter = await mounterFor(context, { standing: mounted });
		await mounter.umount(mountPoint, { expect: mounted.file });
	};
	return [{ name: "umount", say: [`unmount ${mountPoint}`], lasts: true, label: mountPoint, run }];
}

function buildStep(
	context: Context,
	build: Build,
	opened: () => readonly OpenedBuild[],
	options: RemoveOptions,
	result: Result,
): Step {
	const name = (path: string): string => (path === "." ? build.path : join(build.path, path));
	const run = async (): Promise<void> => {
		const mine = opened().find((one) => one.build === build);
		if (mine === undefined) throw new KsquashError("ERR_KSQUASH_INTERNAL", `${build.path} was not opened`);
		const links = await withLinks(context.layout, build, async () => {
			const gone = async (): Promise<RemovedBuild> => await removeBuild(mine, options);
			const { foreign: strange, changed } = await context.step("remove", build.path, gone, { lasts: true });
			result.stays.push(...strange.map((path) => notKbuilds(context, name(path))));
			result.stays.push(...changed.map((path) => `${name(path)}: it changed after it was saved (run this again)`));
			if (strange.length + changed.length === 0) result.removed.push(build.path);
			// As long as something of ours is behind it, the link is how the next run finds it.
			return changed.length > 0;
		});
		result.removed.push(...links);
	};
	const say = [build.path, ...ownLinks(context.layout, build)].map((path) => `remove ${path}`);
	return { name: "remove", say, lasts: true, run };
}

/** The mount point, the image and, last, the manifest. */
function restStep(found: Survey, result: Result): Step {
	const { paths, begunLinks, empty } = found;
	const manifests = [paths.oldManifest, paths.manifest];
	const files = [false, true].flatMap((last) => found.files.filter((path) => manifests.includes(path) === last));
	const mountPoint = found.mountPoint ? [paths.mountPoint] : [];
	const going = [...empty, ...begunLinks, ...mountPoint, ...files];
	const run = async (): Promise<void> => {
		for (const path of empty) if (await removeEmptyDirectory(path)) result.removed.push(path);
		for (const path of begunLinks) await unlink(path, result);
		await assertOff(found);
		for (const path of mountPoint) {
			if (await removeEmptyDirectory(path)) result.removed.push(path);
			else result.stays.push(`${path}: ${NOT_OURS}`);
		}
		for (const path of files) await unlink(path, result);
	};
	const say = [...going.map((path) => `remove ${path}`), ...result.stays.map((line) => `leave ${line}`)];
	const label = `what there is of ${paths.release} beside its build directories`;
	return { name: "remove", say, lasts: true, ...(going.length > 0 ? { label } : {}), run };
}

/** Right before the image goes: a mount that came up meanwhile would live on without a name. */
async function assertOff({ paths }: Survey): Promise<void> {
	const status = await statTarget(paths.mountPoint, paths.image);
	if (status.state === "absent" || status.state === "unmounted") return;
	ownMount(paths, status);
	throw new KsquashError("ERR_KSQUASH_BUSY", `${paths.mountPoint} was mounted again meanwhile`, {
		path: paths.mountPoint,
		hint: "nothing else of the release is left but its image: run this again",
	});
}

async function unlink(path: string, { removed }: Result): Promise<void> {
	if (await unlinkIfExists(path)) removed.push(path);
}
