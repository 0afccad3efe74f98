/**
 * What remove would do, for a dry run: one sentence for each step, in its order.
 */

import { join } from "node:path";
import { foreignFiles, valuables } from "../../build/generated.ts";
import type { Context } from "../../release/context.ts";
import { successor } from "../../release/link.ts";
import { escapeNative } from "../../system/list.ts";
import { option, text } from "../../text.ts";
import type { RemoveOptions, RemoveResult } from "./index.ts";
import { ownLinks } from "./links.ts";
import type { Survey } from "./survey.ts";

export async function planOf({ layout, say }: Context, found: Survey, { purge }: RemoveOptions): Promise<RemoveResult> {
	const { paths, ours } = found;
	const stays = [...found.stays];
	const plan = found.aside.map((path) =>
		found.files.includes(paths.image)
			? `compare ${path}, which an interrupted pack left, with the image, and remove it`
			: `put ${path}, of which there is no image, back to ${paths.mountPoint}`,
	);
	for (const { path } of ours) {
		const names = await valuables(path);
		if (names.length > 0) plan.push(`save ${names.join(", ")} of ${path} below ${layout.keptDir}`);
		const foreign = purge ? [] : await foreignFiles(path);
		stays.push(
			...foreign.map((name) => {
				return say(text`${join(path, escapeNative(name))}: Kbuild did not make it (${option("purge")} removes it)`);
			}),
		);
	}
	const places = [paths.mountPoint, ...ours.map(({ path }) => path)];
	const next = await successor(layout, paths.release, ours, places);
	if (next !== undefined)
		plan.push(next.to === undefined ? `remove ${layout.link}` : `move ${layout.link} to ${next.to}`);
	if (found.mounted !== undefined) plan.push(`unmount ${paths.mountPoint}`);
	const links = ours.flatMap((build) => ownLinks(layout, build));
	const mountPoint = found.mountPoint ? [paths.mountPoint] : [];
	const builds = [...ours.map(({ path }) => path), ...links, ...found.begunLinks, ...found.empty];
	plan.push(
		...[...builds, ...mountPoint, ...found.files].map((path) => `remove ${path}`),
		...stays.map((line) => `leave ${line}`),
	);
	return { release: paths.release, removed: [], stays, plan };
}
