/**
 * The script that ksquash takes the place of: hook functions which pack with mksquashfs and delete by themselves.
 *
 * Owns: telling its functions, and near variants, from a user's own. Leaves to others: what happens to them.
 */

const HOOKS = ["pre_src_install", "post_src_install", "pre_pkg_preinst", "post_pkg_postinst", "pre_pkg_prerm"];
const ALL = [...HOOKS, "pre_pkg_postrm", "post_pkg_postrm"];

/** Only who handles images of kernel sources says these. */
const SIGNS = [/mksquashfs/, /\.sqfs\b/, /linux-\$\{?KV_FULL/, /build-\$\{?KV_FULL/, /local\.d\/mount-/];

export interface OldFunction {
	name: string;
	/** Lines of the file, from 1. */
	from: number;
	to: number;
	text: string;
}

/** Hook functions at the top level whose body packs, mounts or removes kernel images or build directories. */
export function oldFunctions(text: string): OldFunction[] {
	const lines = text.split("\n");
	const found: OldFunction[] = [];
	for (let at = 0; at < lines.length; at++) {
		const name = /^\s*(?:function\s+)?([A-Za-z_]\w*)\s*(?:\(\s*\))?\s*(?:\{.*)?$/.exec(lines[at] ?? "")?.[1];
		if (name === undefined || !ALL.includes(name)) continue;
		const to = endOf(lines, at);
		const body = lines.slice(at, to + 1).join("\n");
		if (SIGNS.some((sign) => sign.test(body))) found.push({ name, from: at + 1, to: to + 1, text: body });
		at = to;
	}
	return found;
}

/** The text without them. */
export function withoutFunctions(text: string, functions: readonly OldFunction[]): string {
	const lines = text.split("\n");
	return lines.filter((_, i) => !functions.some(({ from, to }) => i + 1 >= from && i + 1 <= to)).join("\n");
}

/** The line with the brace at the same depth as the function's own first line; bash -n judges the result. */
function endOf(lines: readonly string[], at: number): number {
	const indent = /^\s*/.exec(lines[at] ?? "")?.[0] ?? "";
	for (let i = at + 1; i < lines.length; i++) if (lines[i]?.trimEnd() === `${indent}}`) return i;
	return lines.length - 1;
}
