/**
 * The mark and memory of a build directory of ours: .ksquash.json.
 *
 * Owns: its fields, its version, and the hash that says whether a configure would get the same inputs again.
 * Leaves to others: deciding what follows from an equal or different hash.
 */

import { createHash } from "node:crypto";
import { KsquashError } from "../errors.ts";
import { option, text } from "../text.ts";
import { readOwned, writeOwned } from "./files.ts";
import type { Owner } from "./ownership.ts";

export const STAMP = ".ksquash.json";

const VERSION = 1;

export interface Stamp {
	version: typeof VERSION;
	release: string;
	/** Absolute path of the mount point. */
	source: string;
	owner: number;
	/** ISO 8601. */
	created: string;
	/** The rest is known after the first configure. */
	base?: { kind: string; path?: string; target?: string; sha256?: string };
	fragments?: { name: string; sha256: string }[];
	/** What the fragments and settings asked for: config check looks for it. */
	asked?: { symbol: string; value: string; raw: string; file: string; line: number }[];
	/** What make was told. */
	make?: { arch?: string; cross?: string; makeArgs?: string[] };
	/** See inputsHash. */
	inputs?: string;
	/** sha256 of .config as `conf` left it: another one now means that somebody edited it. */
	config?: string;
	/** The `config` for which modules_prepare was run. */
	prepared?: string | undefined;
	/** Since this was written a modules_prepare has begun, and none has ended. */
	preparing?: true | undefined;
	toolchain?: string;
}

export interface Inputs {
	release: string;
	toolchain: string;
	/** The base's text, or the name of the defconfig target. */
	base: Uint8Array | string;
	fragments: readonly { name: string; text: Uint8Array }[];
	arch?: string | undefined;
	cross?: string | undefined;
	makeArgs?: readonly string[] | undefined;
}

/** The stamp, undefined where there is none, or the reason why it says nothing. */
export type StampState = { stamp: Stamp } | { stamp: undefined; damaged?: string };

/** Throws ERR_KSQUASH_OCCUPIED for a stamp of a newer ksquash. */
export async function readStamp(directory: string, owner: Owner): Promise<StampState> {
	const bytes = await readOwned(directory, STAMP, owner);
	if (bytes === undefined) return { stamp: undefined };
	let value: unknown;
	try {
		value = JSON.parse(bytes.toString("utf8"));
	} catch (error) {
		return { stamp: undefined, damaged: `${STAMP} is damaged (${(error as Error).message})` };
	}
	if (isRecord(value) && typeof value.version === "number" && value.version > VERSION) {
		throw new KsquashError("ERR_KSQUASH_OCCUPIED", `${directory} was made by a newer ksquash`, {
			path: directory,
			hint: text`use that ksquash, or name another place with ${option("buildDir")}`,
		});
	}
	return isStamp(value) ? { stamp: value } : { stamp: undefined, damaged: `${STAMP} lacks what it must say` };
}

export async function writeStamp(directory: string, stamp: Stamp, owner: Owner): Promise<void> {
	await writeOwned(directory, STAMP, `${JSON.stringify(stamp, undefined, "\t")}\n`, owner);
}

export function newStamp(release: string, source: string, owner: Owner): Stamp {
	return { version: VERSION, release, source, owner: owner.uid, created: new Date().toISOString() };
}

/** Names of fragments do not count, their order does. Every part is preceded by its length: no two inputs collide. */
export function inputsHash(inputs: Inputs): string {
	const hash = createHash("sha256");
	const add = (part: Uint8Array | string): void => {
		const bytes = typeof part === "string" ? Buffer.from(part) : part;
		hash.update(`${bytes.length}:`).update(bytes);
	};
	const kind = typeof inputs.base === "string" ? "target" : "text";
	for (const part of [inputs.release, inputs.toolchain, inputs.arch ?? "", inputs.cross ?? "", kind]) add(part);
	add(inputs.base);
	add(String(inputs.fragments.length));
	for (const { text } of inputs.fragments) add(text);
	for (const argument of inputs.makeArgs ?? []) add(argument);
	return hash.digest("hex");
}

export function sha256(bytes: Uint8Array): string {
	return createHash("sha256").update(bytes).digest("hex");
}

function isRecord(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isStamp(value: unknown): value is Stamp {
	if (!isRecord(value) || value.version !== VERSION || typeof value.owner !== "number") return false;
	const text = (key: string): boolean => typeof value[key] === "string";
	const maybe = (key: string): boolean => value[key] === undefined || text(key);
	const known = ["inputs", "config", "prepared", "toolchain"].every(maybe);
	return ["release", "source", "created"].every(text) && known && isAsked(value.asked) && isMake(value.make);
}

function isAsked(value: unknown): boolean {
	if (value === undefined) return true;
	const entry = (one: unknown): boolean =>
		isRecord(one) &&
		["symbol", "value", "raw", "file"].every((key) => typeof one[key] === "string") &&
		typeof one.line === "number";
	return Array.isArray(value) && value.every(entry);
}

function isMake(value: unknown): boolean {
	if (value === undefined) return true;
	if (!isRecord(value)) return false;
	const maybe = (key: string): boolean => value[key] === undefined || typeof value[key] === "string";
	const { makeArgs = [] } = value;
	const args = Array.isArray(makeArgs) && makeArgs.every((argument) => typeof argument === "string");
	return maybe("arch") && maybe("cross") && args;
}
