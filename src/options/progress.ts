/** What onProgress is told. */

/** The steps that work is made of. */
export type StepName =
	| "adopt"
	| "build directory"
	| "check"
	| "configure"
	| "copy"
	| "extract"
	| "modules_prepare"
	| "mount"
	| "pack"
	| "patch"
	| "prove"
	| "publish"
	| "read"
	| "remove"
	| "replace"
	| "save"
	| "select"
	| "umount"
	| "verify";

/** The beginning, an amount or the end of one step. */
export interface ProgressEvent {
	step: StepName;
	/** When the work is interrupted in or after this step, something of it stays. */
	lasts: boolean;
	/** What it is about, for a person. */
	label: string;
	state: "start" | "running" | "done" | "failed";
	/** Amount done, and in all where that is known. */
	done?: number;
	total?: number;
	unit?: "bytes" | "entries";
	/** With "done": what came of it. */
	result?: string;
}
