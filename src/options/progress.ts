/** What onProgress is told. */

/** The beginning, an amount or the end of one step. */
export interface ProgressEvent {
	/** The step's short name: "pack", "verify", "mount", … */
	step: string;
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
