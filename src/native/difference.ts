/**
 * How two trees differ, as a kind: an add-on that tells only words gets it from these, here and nowhere else.
 */

import type { Difference, DifferenceKind } from "../system/list.ts";

/** As the add-on gives it. */
export type RawDifference = Omit<Difference, "kind"> & { kind?: DifferenceKind };

const kinds: readonly (readonly [beginning: string, kind: DifferenceKind])[] = [
	["only in the tree", "missing-in-image"],
	["only in the image", "missing-in-source"],
	["content", "content"],
	["on another file system", "other-file-system"],
	["changed while it was read", "changed"],
];

/** All else are types, modes, sizes, times, owners, targets and extended attributes. */
export function withKind({ path, what, kind }: RawDifference): Difference {
	const known = kind ?? kinds.find(([beginning]) => what === beginning)?.[1];
	return { path, kind: known ?? "attributes", what };
}
