/**
 * What the add-on exports, as TypeScript sees it: the raw calls under the verbs of native.ts.
 *
 * Owns: the signatures of native/addon/addon.cpp. Leaves to others: loading it, and everything a caller should see.
 */

import type {
	Comparison,
	FileId,
	Holder,
	ImageInfo,
	MountEntry,
	MountResult,
	NativePath,
	Probe,
	RemoveResult,
	TargetStatus,
	TreeList,
	UmountResult,
} from "./native-types.ts";

type Path = NativePath | undefined;

/** [cancel, entries, bytes], shared with the add-on's threads. */
export type Control = BigInt64Array;

/** What native/addon/addon.cpp exports. */
export interface Addon {
	inspectImage(image: Path): Promise<ImageInfo>;
	mountImage(image: Path, target: Path, options: string, expect: FileId | undefined): Promise<MountResult>;
	umount(target: Path, lazy: boolean, expect: FileId | undefined): Promise<UmountResult>;
	statTarget(target: Path, image: Path): Promise<TargetStatus>;
	mounts(): Promise<MountEntry[]>;
	parseMountinfo(text: Uint8Array): MountEntry[];
	listTree(request: object, control: Control): Promise<TreeList>;
	compareTree(request: object, control: Control): Promise<Comparison>;
	removeTree(request: object, control: Control): Promise<RemoveResult>;
	exchange(a: Path, b: Path): Promise<void>;
	renameNew(from: Path, to: Path): Promise<void>;
	resolveInRoot(root: Path, path: Path): Promise<NativePath>;
	flushFile(path: Path): Promise<void>;
	holders(path: Path): Promise<Holder[]>;
	foreignEntries(path: Path, uid: number): Promise<string[]>;
	tryLock(path: Path): Promise<number>;
	unlock(token: number): void;
	probe(): Promise<Omit<Probe, "loopControl"> & { loopControlErrno: number }>;
}
