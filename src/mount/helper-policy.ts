/**
 * The helper's policy as text: our own rules put in and taken out, everything else left as the administrator wrote it.
 *
 * Owns: the names and text of the rules that ksquash writes. Leaves to others: what a rule means and whether the text is
 * good (native/helper/policy, the only reader).
 */

import { dirname } from "node:path";
import { makeDirectory, readIfExists, removeEmptyDirectory, unlinkIfExists, writeFileAtomic } from "../system/files.ts";

/** `ksquash helper install` writes this one, … */
export const USERS_RULE = "ksquash";
/** … and `ksquash boot enable` this. */
export const BOOT_RULE = "boot";

export interface PolicyRule {
	name: string;
	/** Where images and mount points are; without links. */
	directory: string;
	uids?: readonly number[];
	gids?: readonly number[];
}

const HEAD = `# Which images ksquash-helper mounts, where, and for whom. docs/privileges.md describes it.
version = 1
`;

/** The text with this rule in place of one of the same name, or at its end. */
export function withRule(text: string | undefined, rule: PolicyRule): string {
	const rest = text?.trim() ? strip(text, rule.name) : HEAD;
	return `${rest.trimEnd()}\n\n${ruleText(rule)}`;
}

/** The text without the rule; undefined when no rule is left. */
export function withoutRule(text: string | undefined, name: string): string | undefined {
	const rest = strip(text ?? "", name);
	return rest.split("\n").some((line) => sectionOf(line) !== undefined) ? rest : undefined;
}

export function hasRule(text: string | undefined, name: string): boolean {
	return (text ?? "").split("\n").some((line) => sectionOf(line) === name);
}

/** Writes the rule to the policy; false where it stands there already. */
export async function setRule(file: string, rule: PolicyRule, dryRun: boolean): Promise<boolean> {
	const text = await readPolicy(file);
	const next = withRule(text, rule);
	if (next === text) return false;
	if (!dryRun) {
		await makeDirectory(dirname(file));
		await writeFileAtomic(file, next, { mode: 0o644, uid: 0, gid: 0 });
	}
	return true;
}

/** Takes the rule out; the file goes with its last one. False where there is no such rule. */
export async function dropRule(file: string, name: string, dryRun: boolean): Promise<boolean> {
	const text = await readPolicy(file);
	if (!hasRule(text, name)) return false;
	if (dryRun) return true;
	const rest = withoutRule(text, name);
	if (rest !== undefined) {
		await writeFileAtomic(file, rest, { mode: 0o644, uid: 0, gid: 0 });
	} else {
		await unlinkIfExists(file);
		await removeEmptyDirectory(dirname(file));
	}
	return true;
}

export async function readPolicy(file: string): Promise<string | undefined> {
	return (await readIfExists(file))?.toString("utf8");
}

function strip(text: string, name: string): string {
	let inside = false;
	const lines = text.split("\n").filter((line) => {
		const section = sectionOf(line);
		if (section !== undefined) inside = section === name;
		return !inside;
	});
	return `${lines.join("\n").trimEnd()}\n`;
}

function sectionOf(line: string): string | undefined {
	return /^\s*\[rule ([^\]]*)\]/.exec(line)?.[1];
}

function ruleText({ name, directory, uids = [], gids = [] }: PolicyRule): string {
	const lines = [
		`[rule ${name}]`,
		`images = ${directory}`,
		"prefix = linux-",
		"suffix = .sqfs",
		`mountpoints = ${directory}`,
		...(uids.length > 0 ? [`uids = ${uids.join(" ")}`] : []),
		...(gids.length > 0 ? [`gids = ${gids.join(" ")}`] : []),
		"umount = yes",
	];
	return `${lines.join("\n")}\n`;
}
