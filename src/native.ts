/** The native layer for programs: what can be imported from "ksquash/native". Re-exports, nothing else. */

export type * from "./native/mount-types.ts";
export type * from "./native/types.ts";
export {
	attach,
	compareTree,
	detach,
	exchange,
	holders,
	inspectImage,
	listTree,
	lock,
	mountImage,
	mounts,
	parseMountinfo,
	probe,
	removeTree,
	resolveInRoot,
	statTarget,
	umount,
	unlock,
	watchMounts,
} from "./native/verbs.ts";
export type { MountWatch, WatchOptions } from "./native/watch.ts";
