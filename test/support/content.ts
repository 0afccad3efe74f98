/** What is in a directory, read by find(1) and sha256sum(1): a second opinion, not our own code. */

import { execFileSync } from "node:child_process";

const quiet = { encoding: "utf8", maxBuffer: 1 << 28 } as const;

/** One line an entry: path, type, mode, size of files, link target, whole seconds; sorted. The top's time is left out. */
export function listing(directory: string): string {
	const format = "%P %y %m %l %Ts %s\\n";
	const text = execFileSync("find", [directory, "-mindepth", "1", "-printf", format], quiet);
	const lines = text.split("\n").filter(Boolean);
	// A directory's size is its file system's business.
	return lines
		.map((line) => (/^.* d /.test(line) ? line.replace(/ \d+$/, "") : line))
		.toSorted()
		.join("\n");
}

/** sha256 of every file, sorted. */
export function hashes(directory: string): string {
	const script = `cd "$1" && find . -type f -print0 | sort -z | xargs -0 --no-run-if-empty sha256sum`;
	return execFileSync("sh", ["-c", script, "sh", directory], quiet);
}
