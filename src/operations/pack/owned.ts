/**
 * A tree that Portage installed as plain files, and that is about to give way to an image.
 *
 * Owns: the warning. Leaves to others: the hook that makes Portage install images itself (../portage.ts).
 */

import { join } from "node:path";
import { insideRoot } from "../../layout.ts";
import { splitFile } from "../../portage/block.ts";
import { nameOf, ownerOf } from "../../portage/packages.ts";
import type { Context } from "../../release/context.ts";
import { readIfExists } from "../../system/files.ts";
import { call, text } from "../../text.ts";

/**
 * Over a mounted image `emerge -C` ends with a traceback (EROFS), and the package stays: with the hook that it saved, or
 * that is there, it unmounts first.
 */
export async function warnIfPortages({ layout, warn }: Context, tree: string): Promise<void> {
	const owner = await ownerOf(layout.root, insideRoot(layout, join(tree, "Makefile")));
	if (owner === undefined) return;
	const name = nameOf(owner);
	const hook = (await readIfExists(join(layout.portageEnv, name)))?.toString("utf8") ?? "";
	if (splitFile(hook).block !== undefined) return;
	const install = call("portageInstall", undefined, { packages: [name] });
	warn(
		text`${tree} belongs to ${owner}: emerge cannot remove or replace it while its image is mounted over it; ${install} makes emerge unmount it first`,
	);
}
