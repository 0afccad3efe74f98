/** The native layer for programs: what can be imported from "ksquash/native". Re-exports, nothing else. */

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
} from "./system/native.ts";
export type * from "./system/native-mount-types.ts";
export type * from "./system/native-types.ts";
export type { MountWatch, WatchOptions } from "./system/native-watch.ts";
