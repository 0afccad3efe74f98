/**
 * select: /usr/src/linux points to a release's build directory.
 *
 * Owns: when the link may be moved. Leaves to others: the build directory.
 */

import { join } from "node:path";
import { KsquashError } from "../errors.ts";
import { buildName, LINK_KEY, releasePaths } from "../layout.ts";
import { lstatIfExists, readLinkIfExists, swapSymlink } from "../system/files.ts";
import { type CommonOptions, openContext, removeLeftovers, withLock } from "./context.ts";
import { isOwnLink } from "./link.ts";

export interface SelectOptions extends CommonOptions {
	variant?: string | undefined;
	/** Move the link only where it is absent, dangling, or ksquash's own. */
	onlyOwn?: boolean | undefined;
}

export interface SelectResult {
	release: string;
	link: string;
	/** What the link says now. */
	target: string;
	/** It was moved; false when it was right before, or stays what it is (`left`). */
	moved: boolean;
	/** With onlyOwn: why the link was left alone. */
	left?: string;
}

/** Throws ERR_KSQUASH_OCCUPIED where /usr/src/linux is no link, ERR_KSQUASH_NO_INPUT without a build directory. */
export async function select(release: string, options: SelectOptions = {}): Promise<SelectResult> {
	const context = await openContext(options);
	const { layout, dryRun, step } = context;
	releasePaths(layout, release);
	const target = buildName(release, options.variant);
	const result = { release, link: layout.link, target, moved: false };
	const stats = await lstatIfExists(layout.link);
	if (stats !== undefined && !stats.isSymbolicLink()) {
		const left = `${layout.link} is no symbolic link`;
		if (options.onlyOwn) return { ...result, left };
		throw new KsquashError("ERR_KSQUASH_OCCUPIED", `${left}: it stays`, { path: layout.link });
	}
	const now = await readLinkIfExists(layout.link);
	if (now === target) return result;
	if (options.onlyOwn && now !== undefined && !(await isOwnLink(layout, now))) {
		return { ...result, target: now, left: `${layout.link} points to ${now}, which is not ksquash's` };
	}
	if ((await lstatIfExists(join(layout.sourceDir, target))) === undefined) {
		throw new KsquashError("ERR_KSQUASH_NO_INPUT", `${release} has no build directory: there is no ${target}`, {
			hint: `make it first: ksquash configure ${release}`,
		});
	}
	if (!dryRun) {
		await removeLeftovers(context);
		await step("select", `${layout.link} → ${target}`, async () => {
			const swap = async (): Promise<void> => await swapSymlink(layout.link, target);
			await withLock(context, LINK_KEY, swap, { waitMs: 5000 });
		});
	}
	return { ...result, moved: true };
}
