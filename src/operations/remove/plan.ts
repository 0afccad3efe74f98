/**
 * What remove would do, for a dry run: one sentence for each step, in its order.
 */

import { join } from "node:path";
import { foreignFiles, valuables } from "../../build/generated.ts";
import { readLinkIfExists } from "../../system/files.ts";
import { escapeNative } from "../../system/list.ts";
import type { Context } from "../context.ts";
import { leadsTo } from "../link.ts";
import type { RemoveOptions, RemoveResult } from "./index.ts";
import type { Survey } from "./survey.ts";

export async function planOf({ layout }: Context, found: Survey, { purge }: RemoveOptions): Promise<RemoveResult> {
	const { paths, ours } = found;
	const stays = [...found.stays];
	const plan = found.aside.map(
		(path) => `compare ${path}, which an interrupted pack left, with the image, and remove it`,
	);
	for (const { path } of ours) {
		const names = await valuables(path);
		if (names.length > 0) plan.push(`save ${names.join(", ")} of ${path} below ${layout.keptDir}`);
		const foreign = purge ? [] : await foreignFiles(path);
		stays.push(
			...foreign.map((name) => `${join(path, escapeNative(name))}: Kbuild did not make it (--purge removes it)`),
		);
	}
	const link = await readLinkIfExists(layout.link);
	if (link !== undefined && (await leadsTo(layout, link, [paths.mountPoint, ...ours.map(({ path }) => path)]))) {
		plan.push(`move ${layout.link} to another build directory, or remove it`);
	}
	if (found.mounted !== undefined) plan.push(`unmount ${paths.mountPoint}`);
	const links = ours.filter(({ linked }) => linked).map(({ name }) => join(layout.sourceDir, name));
	const mountPoint = found.mountPoint ? [paths.mountPoint] : [];
	const gone = [...ours.map(({ path }) => path), ...links, ...found.danglingLinks, ...found.empty, ...found.files];
	plan.push(...[...gone, ...mountPoint].map((path) => `remove ${path}`), ...stays.map((line) => `leave ${line}`));
	return { release: paths.release, removed: [], stays, plan };
}
