/**
 * The marked block of ksquash's in a file of /etc/portage/env: pure text.
 *
 * Owns: the marks, what is inside and outside of them, and whether a block is what this package would write.
 * Leaves to others: reading and writing the file (src/operations/portage/index.ts), the hook itself (share/gentoo).
 */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ownPackage } from "../system/package.ts";

const BEGIN = /^# >>> ksquash (\S+) ([0-9a-f]{64}) .*>>>$/;
const END = "# <<< ksquash <<<";

export interface Block {
	/** Of the ksquash that wrote it. */
	version: string;
	/** It is what its own first line says: nobody edited it. */
	intact: boolean;
	/** It is what this package would write. */
	current: boolean;
}

export interface Parts {
	/** The file without the block. */
	rest: string;
	block?: Block;
	/** A mark without its other one, or a second block: nothing may be written there. */
	problem?: string;
}

/** The text of this package's block, marks and all. */
export function currentBlock(): string {
	const { root, version } = ownPackage();
	const body = readFileSync(join(root, "share/gentoo/ksquash.bash"), "utf8");
	const how = "(ksquash portage uninstall takes this block away; edit above it)";
	return `# >>> ksquash ${version} ${sha256(body)} ${how} >>>\n${body}${END}\n`;
}

/** Splits a file into what is ksquash's and what is not. */
export function splitFile(text: string): Parts {
	const lines = text.split("\n");
	const begins = lines.flatMap((line, at) => (BEGIN.test(line) ? [at] : []));
	const ends = lines.flatMap((line, at) => (line === END ? [at] : []));
	const [begin, end] = [begins[0], ends[0]];
	if (begin === undefined && end === undefined) return { rest: text };
	if (begins.length !== 1 || ends.length !== 1 || begin === undefined || end === undefined || end < begin) {
		return { rest: text, problem: `${begins.length} first and ${ends.length} last lines of ksquash blocks` };
	}
	const [, version = "", said] = BEGIN.exec(lines[begin] ?? "") ?? [];
	const body = `${lines.slice(begin + 1, end).join("\n")}\n`;
	const whole = `${lines.slice(begin, end + 1).join("\n")}\n`;
	const rest = [...lines.slice(0, begin), ...lines.slice(end + 1)].join("\n");
	return { rest, block: { version, intact: sha256(body) === said, current: whole === currentBlock() } };
}

/** The block comes last: what the user defines above it runs first. */
export function withBlock(rest: string): string {
	const above = rest === "" || rest.endsWith("\n") ? rest : `${rest}\n`;
	return above + currentBlock();
}

function sha256(text: string): string {
	return createHash("sha256").update(text).digest("hex");
}
