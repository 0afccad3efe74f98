/**
 * A proved tree gives way to its image: exchange with the mount point, mount, and only then removal.
 *
 * Owns: that order and its undo. Leaves to others: the proof (src/image/proof.ts), without which nothing here may be
 * called, and the removal of the tree set aside (src/release/displaced-tree.ts).
 */

import { rmdir } from "node:fs/promises";
import { KsquashError } from "../../errors.ts";
import type { Proof } from "../../image/proof.ts";
import type { ReleasePaths } from "../../layout.ts";
import { holderLines } from "../../mount/direct.ts";
import { chooseMounter } from "../../mount/mounter.ts";
import { exchange, holders, type NativePath, renameNew } from "../../native/verbs.ts";
import type { Context } from "../../release/context.ts";
import { makeMountPoint, removeDisplacedTree, removeProved } from "../../release/displaced-tree.ts";
import type { Handover, Step } from "../../release/plan.ts";
import { attempt, failure, isSystemError } from "../../system/failure.ts";
import type { Outcome } from "./context.ts";
import { restOf } from "./source.ts";

/** Refuses while a process stands in the tree or writes there. Throws ERR_KSQUASH_BUSY naming each. */
export async function assertIdle(tree: string): Promise<void> {
	const found = await attempt(`look for users of ${tree}`, holders(tree));
	const blocking = found.filter(({ how, writes }) => writes || how.includes("cwd") || how.includes("root"));
	if (blocking.length === 0) return;
	throw new KsquashError("ERR_KSQUASH_BUSY", `${tree} is in use`, { path: tree, notes: holderLines(blocking) });
}

/** Puts the mount in the tree's place and removes the tree. `proof` must be of this very tree. */
export function replaceSteps(
	context: Context,
	paths: ReleasePaths,
	{ proof, mountable, keep, outcome }: Disposal & { mountable: boolean },
): Step[] {
	const tree = paths.mountPoint;
	const run = async (): Promise<void> => {
		snapshotOf(proof);
		await assertIdle(tree);
		await exchangeTree(context, paths, mountable);
	};
	const remove = async (): Promise<void> => {
		const { kept } = await removeDisplacedTree(context, paths, snapshotOf(proof), keep);
		Object.assign(outcome, { source: "replaced", kept });
	};
	const what = mountable ? "mount it" : "put an empty mount point";
	return [
		{
			name: "replace",
			say: [`${what} in the place of ${tree}`],
			lasts: true,
			label: `put the image in the place of ${tree}`,
			run,
		},
		{ name: "remove", say: [`then remove the tree`], lasts: true, run: remove },
	];
}

interface Disposal {
	proof: Handover<Proof>;
	/** What stays of the tree all the same. */
	keep: readonly NativePath[];
	outcome: Outcome;
}

function snapshotOf(proof: Handover<Proof>): Uint8Array {
	const { snapshot } = proof.get();
	if (snapshot === undefined) throw new KsquashError("ERR_KSQUASH_INTERNAL", "a tree without a snapshot");
	return snapshot;
}

async function exchangeTree(context: Context, paths: ReleasePaths, mountable: boolean): Promise<void> {
	const tree = paths.mountPoint;
	await swap(tree, paths.displacedTree);
	if (!mountable) return;
	try {
		await (await chooseMounter(context.probe)).mount(paths.image, paths.mountPoint);
	} catch (error) {
		// The image stays, proved. A failed undo never hides the first error.
		await swapBack(tree, paths.displacedTree).catch((undo: Error) => {
			context.warn(`the tree is in ${paths.displacedTree} and could not be put back: ${undo.message}`);
		});
		throw error;
	}
}

/** A proved tree that stands elsewhere: no mount takes its place. From its first removed entry it has another name. */
export function removeSourceStep(context: Context, tree: string, { proof, keep, outcome }: Disposal): Step {
	const run = async (): Promise<void> => {
		const snapshot = snapshotOf(proof);
		await assertIdle(tree);
		const rest = restOf(tree);
		await attempt(`begin the removal of ${tree}`, renameNew(tree, rest));
		const { kept } = await removeProved(context, rest, snapshot, keep);
		Object.assign(outcome, { source: "removed", kept });
	};
	return { name: "remove", say: [`remove ${tree}`], lasts: true, run };
}

/** RENAME_EXCHANGE, so that the path never disappears; two renames where the file system cannot (EINVAL). */
async function swap(tree: string, aside: string): Promise<void> {
	await attempt(`make ${aside}`, makeMountPoint(aside));
	try {
		await exchange(tree, aside);
	} catch (error) {
		await rmdir(aside).catch(() => undefined);
		if (!isSystemError(error) || error.code !== "EINVAL") throw failure(error, `set ${tree} aside`);
		await attempt(`set ${tree} aside`, renameNew(tree, aside));
		await makeMountPoint(tree).catch(async (first: unknown) => {
			await renameNew(aside, tree).catch(() => undefined);
			throw failure(first, `make ${tree}`);
		});
	}
}

async function swapBack(tree: string, aside: string): Promise<void> {
	try {
		await exchange(tree, aside);
		await rmdir(aside);
	} catch (error) {
		if (!isSystemError(error) || error.code !== "EINVAL") throw error;
		await rmdir(tree);
		await renameNew(aside, tree);
	}
}
