/**
 * What the add-on exports, as TypeScript sees it: the raw calls under the verbs of native.ts.
 *
 * Owns: the signatures of native/addon/addon.cpp. Leaves to others: loading it, and everything a caller should see.
 */

import type { RawError } from "./error.ts";
import type {
	AttachResult,
	DetachResult,
	Holder,
	ImageInfo,
	MountChange,
	MountResult,
	Probe,
	TargetStatus,
	UmountResult,
} from "./mount-types.ts";
import type { Comparison, FileCapabilities, FileId, NativePath, RemoveResult, TreeList } from "./types.ts";

type Path = NativePath | undefined;

/** [cancel, entries (of a transaction: begun), bytes], shared with the add-on's threads. */
export type Control = BigInt64Array;

/** What native/addon/addon.cpp exports. */
export interface Addon {
	inspectImage(image: Path): Promise<ImageInfo>;
	mountImage(
		image: Path,
		target: Path,
		options: string,
		expect: FileId | undefined,
		control: Control,
	): Promise<MountResult>;
	umount(target: Path, lazy: boolean, expect: FileId | undefined, control: Control): Promise<UmountResult>;
	attach(image: Path, expect: FileId | undefined, control: Control): Promise<AttachResult>;
	detach(device: Path, file: FileId, control: Control): Promise<DetachResult>;
	statTarget(target: Path, image: Path): Promise<TargetStatus>;
	/** The promised function hands out the next rows as JSON, `batch` at a time; undefined at the end. */
	mounts(batch: number): Promise<() => string | undefined>;
	parseMountinfo(text: Uint8Array): string;
	listTree(request: object, control: Control): Promise<TreeList>;
	compareTree(request: object, control: Control): Promise<Comparison>;
	removeTree(request: object, control: Control): Promise<RemoveResult>;
	exchange(a: Path, b: Path): Promise<void>;
	renameNew(from: Path, to: Path): Promise<void>;
	resolveInRoot(root: Path, path: Path): Promise<NativePath>;
	flushFile(path: Path): Promise<void>;
	holders(path: Path): Promise<Holder[]>;
	fileCapabilities(path: Path): Promise<FileCapabilities | undefined>;
	setFileCapabilities(path: Path, permitted: number): Promise<void>;
	foreignEntries(path: Path, uid: number, groups: readonly number[]): Promise<string[]>;
	hasAcl(path: Path): Promise<boolean>;
	tryLock(path: Path): Promise<number>;
	unlock(token: number): Promise<void>;
	/** The callback gets changes, or at last an error: ECANCELED after stopWatch. */
	watchMounts(
		onlyTable: boolean,
		callback: (error: RawError | null, changes: MountChange[]) => void,
	): Promise<{ token: number; way: "fanotify" | "mountinfo" }>;
	stopWatch(token: number): void;
	probe(): Promise<Omit<Probe, "loopControl"> & { loopControlErrno: number }>;
}
