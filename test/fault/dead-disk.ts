/**
 * A disk that dies at each step of a command: one call fails with EIO and from then on every other one that would change
 * something with EROFS, as ext4 does with errors=remount-ro. What stays must be named, and the next run mends it.
 */

import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { type Death, deaths, dying } from "../support/dying.ts";
import { loopsBelow, mountsBelow, type Scratch } from "../support/scratch.ts";
import { changing, cuts, drop, eachCut, ksquash, names, type Ran, spread, strace } from "./support.ts";

/** No disk has a part in these. */
const work = changing.filter((syscall) => !["move_mount", "umount2"].includes(syscall));

/** The calls of the thread that does the file work: the one that looks what renameat2 can do. */
function ownCalls(log: string): string[] {
	const text = readFileSync(log, "utf8");
	const ours = /^(\d+) .*renameat2\(AT_FDCWD, "", AT_FDCWD, ""/m.exec(text)?.[1] ?? "none";
	const rows = text.split("\n").map((row) => /^(\d+) +([a-z_0-9]+)\(/.exec(row));
	return rows.flatMap((row) => (row?.[1] === ours && row[2] !== undefined ? [row[2]] : []));
}

const failing = (death: Death): string[] =>
	dying(death, work, (syscall) => (syscall === death.syscall || /sync$/.test(syscall) ? "EIO" : "EROFS"));

const own = /EIO|I\/O error|input\/output/i;

/** A refusal with its reason, which is the first failure's; whatever stays is in the message. */
export function judge(
	ran: Ran,
	root: Scratch,
	before: readonly string[],
	kept: readonly string[],
	cause = own,
): string[] {
	const wrong: string[] = [];
	if (ran.status === null || ran.status < 64 || ran.status > 78) wrong.push(`exit status ${ran.status}`);
	if (/^ {4}at /m.test(ran.stderr)) wrong.push("a stack");
	// With what a program said that was started for it.
	const [first = ""] = /^ksquash:.*(?:\n {2}(?!→).*)*/m.exec(ran.stderr) ?? [];
	if (!cause.test(own === cause ? (first.split("\n")[0] ?? "") : first)) wrong.push(`another cause: ${first}`);
	if (loopsBelow(root.root).length !== mountsBelow(root.root).length) wrong.push("a loop device");
	const stays = names(root.src).filter((file) => !before.includes(file) && !kept.includes(file));
	wrong.push(...stays.filter((file) => !ran.stderr.includes(file)).map((file) => `${file} stays unsaid`));
	return wrong;
}

export interface Work {
	args: (root: Scratch) => string[];
	prepare: (label: string | number) => Promise<Scratch>;
	safe: (root: Scratch) => boolean;
	finished: (root: Scratch) => void;
	/** What may stay without a word: it is whole. */
	kept: readonly string[];
	/** What the message says, with make's own lines; where it is absent, EIO in the first one. */
	cause?: RegExp;
	/** Ends the work after this run; the same command again. */
	goOn?: (ran: Ran, root: Scratch) => Promise<Ran>;
}

export async function diesAtEach(
	scratch: Scratch,
	{ args, prepare, safe, finished, kept, cause, goOn }: Work,
): Promise<void> {
	const log = scratch.path("trace");
	const model = await prepare("model");
	const cutting = await cuts(args(model), log);
	const points = spread(
		deaths(ownCalls(log), work).filter((death) =>
			cutting.some(({ syscall, when }) => syscall === death.syscall && when === death.when),
		),
		5,
	);
	drop(model);
	expect(points.length).toBeGreaterThanOrEqual(5);
	const wrong: string[] = [];
	await eachCut(points, async (cut, i) => {
		const root = await prepare(i);
		const before = names(root.src);
		const prefix = strace(`${log}-${i}`, `trace=${work.join(",")}`, ...failing(points[i] as Death));
		const ran = await ksquash(args(root), { prefix });
		const where = `${cut.syscall} number ${cut.when}`;
		wrong.push(...judge(ran, root, before, kept, cause).map((what) => `${where}: ${what}\n${ran.stderr}`));
		if (!safe(root)) wrong.push(`${where}: something is lost`);
		const again = await (goOn === undefined ? ksquash(args(root)) : goOn(ran, root));
		if (again.status !== 0) wrong.push(`${where}, run again: ${again.stderr}`);
		else finished(root);
		drop(root);
	});
	expect(wrong).toEqual([]);
	console.log(`${args(model)[0]}: the disk died at ${points.length} calls`);
}
