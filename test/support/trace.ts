/** The helper under strace, as root, who may trace it: its calls in their order, with the capabilities that are effective. */

import { readFileSync } from "node:fs";
import { type Caller, call, type Sandbox } from "./helper.ts";

export interface Call {
	syscall: string;
	line: string;
	/** Names of the capabilities that are effective. */
	effective: string;
}

/** What strace writes of calls that are newer than itself. */
const nameless: Readonly<Record<string, string>> = { syscall_0x1c9: "statmount" };

/** `expressions` are strace's -e. */
export function traced(
	box: Sandbox,
	args: readonly string[],
	...expressions: string[]
): { status: number | null; stderr: string; calls: Call[] } {
	return tracedAs(box, args, {}, ...expressions);
}

/** The words of `as` come between strace and the helper. */
export function tracedAs(
	box: Sandbox,
	args: readonly string[],
	{ as = [], ...caller }: Caller,
	...expressions: string[]
): { status: number | null; stderr: string; calls: Call[] } {
	const log = box.path("strace.log");
	const flags = expressions.flatMap((expression) => ["-e", expression]);
	const { status, stderr } = call(box, args, {
		...caller,
		as: ["strace", "-o", log, "-v", "-s", "200", ...flags, ...as],
	});
	let effective = "all";
	const calls: Call[] = [];
	for (const line of readFileSync(log, "utf8").split("\n")) {
		const name = /^([a-z_0-9]+)\(/.exec(line)?.[1];
		if (name === undefined) continue;
		const syscall = nameless[name] ?? name;
		calls.push({ syscall, line, effective });
		const set = /^capset\(.*effective=([^,]+), permitted/.exec(line)?.[1];
		if (set !== undefined && line.endsWith(" = 0")) effective = set;
	}
	return { status, stderr, calls };
}
