/**
 * Single settings of a person ("SQUASHFS=y") as a fragment, and findings as lines for a person.
 *
 * Owns: what such a setting may be. Leaves to others: the lines of files (config.ts). Pure.
 */

import { KsquashError } from "../errors.ts";
import { printable } from "../system/names.ts";
import { option, text as said, type Text } from "../text.ts";
import type { Finding } from "./config.ts";
import { settingLine } from "./diff.ts";
import type { Fragment } from "./merge.ts";
import { quote, readValue } from "./value.ts";

/** The fragments' names in reports, and in the stamps of build directories: line 3 of the first is the third setting. */
const SETTINGS = "--set";
const LOCAL_VERSION = "--localversion";

/**
 * One fragment of all settings, or none. NAME=VALUE with or without CONFIG_; a text that is no value of any other type
 * is quoted. Throws ERR_KSQUASH_USAGE.
 */
export function settingsFragment(settings: readonly string[]): Fragment[] {
	if (settings.length === 0) return [];
	const lines = settings.map((setting) => {
		const [, symbol, value] = /^(?:CONFIG_)?([A-Za-z0-9_]+)=(.*)$/s.exec(setting) ?? [];
		if (symbol === undefined || value === undefined || /[\0\r\n]/.test(value)) {
			throw new KsquashError("ERR_KSQUASH_USAGE", `${JSON.stringify(setting)} is no setting`, {
				hint: "write it as SYMBOL=y, SYMBOL=n, SYMBOL=m, SYMBOL=15 or SYMBOL=text",
			});
		}
		return `${settingLine({ symbol, raw: rawValue(value) })}\n`;
	});
	return [{ name: SETTINGS, text: Buffer.from(lines.join("")) }];
}

/**
 * What becomes of the base's LOCALVERSION: "keep", "drop", or the text that is set, e.g. "-mine". It counts as a first
 * fragment, so that every later one can still change it. Throws ERR_KSQUASH_USAGE.
 */
export function localVersionFragment(rule = "keep"): Fragment[] {
	if (rule === "keep") return [];
	if (rule !== "drop" && !/^[-+._~][A-Za-z0-9+._~-]{0,62}$/.test(rule)) {
		throw new KsquashError("ERR_KSQUASH_USAGE", `${JSON.stringify(rule)} is no rule for LOCALVERSION`, {
			hint: said`keep, drop, or a text that begins with - + . _ or ~, e.g. ${option("localVersion", "-mine")}`,
		});
	}
	const text = `CONFIG_LOCALVERSION=${quote(rule === "drop" ? "" : rule)}\n`;
	return [{ name: LOCAL_VERSION, text: Buffer.from(text) }];
}

function rawValue(value: string): string {
	if (value.startsWith('"')) return value;
	// "yes" would be read as y, and "cafe" as a number: a person who types them means a text (a hex number has its 0x).
	const { lost, odd } = readValue(value);
	return lost !== undefined || odd !== undefined ? quote(value) : value;
}

/** A fragment as a sentence names it: a file, or the option that it was given by. */
export function fragmentName(name: string): string | Text {
	if (name === SETTINGS) return said`${option("set")}`;
	return name === LOCAL_VERSION ? said`${option("localVersion")}` : name;
}

/** "my.config:3:10: lost: there is no value: CONFIG_X=" */
export function findingLine({ kind, file, line, column, reason, text }: Finding): Text {
	const decoded = Buffer.from(text, "latin1").toString();
	const shown = decoded.length > 80 ? `${decoded.slice(0, 80)}…` : decoded;
	const what = kind === "lost" ? "lost" : "note";
	return said`${fragmentName(file)}:${line}:${column}: ${what}: ${reason}: ${printable(shown)}`;
}
