/**
 * One value of a .config as the kernel's `conf` reads it: is it lost, is it odd, what does it equal?
 *
 * Owns: the syntax of y/m/n, numbers and quoted strings, without knowing a symbol's type.
 * Leaves to others: lines and names (config.ts), and what only the type decides (audit.ts, after `conf`).
 */

export interface Value {
	/** Two values that `conf` treats alike are equal strings: "n", "15", "0x1f", "\"text". */
	normalised: string;
	/** No symbol type takes this text. */
	lost?: string;
	/** Taken, but hardly what was meant. */
	odd?: string;
	/** Where in the text the remark applies. */
	at?: number;
}

/** Reads the text after "=", without its line end. */
export function readValue(raw: string): Value {
	if (raw.startsWith('"')) return readString(raw);
	if (/^[ymn]/.test(raw)) {
		const normalised = raw[0] as string;
		return raw.length === 1
			? { normalised }
			: { normalised, odd: `only the first character counts: ${normalised}`, at: 1 };
	}
	if (/^-?(?:0|[1-9]\d*)$/.test(raw)) return { normalised: raw };
	if (/^0[xX][0-9a-fA-F]+$/.test(raw)) return { normalised: foldHex(raw.slice(2)) };
	if (/^[0-9a-fA-F]+$/.test(raw)) {
		return { normalised: foldHex(raw), odd: "only a hex symbol takes this", at: 0 };
	}
	return { normalised: raw, lost: whyLost(raw), at: 0 };
}

/** A text as a value of a string symbol. */
export function quote(text: string): string {
	return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/** The text of a string value; undefined for other values. */
export function unquote(raw: string): string | undefined {
	const value = readValue(raw);
	return raw.startsWith('"') && value.lost === undefined ? value.normalised.slice(1) : undefined;
}

function readString(raw: string): Value {
	let text = "";
	let end = -1;
	for (let at = 1; at < raw.length; at++) {
		if (raw[at] === '"') {
			end = at;
			break;
		}
		if (raw[at] === "\\") at += 1;
		text += raw[at] ?? "";
	}
	const normalised = `"${text}`;
	if (end < 0) return { normalised, lost: "the closing quote is missing", at: raw.length };
	if (end + 1 < raw.length) return { normalised, odd: "what follows the closing quote is ignored", at: end + 1 };
	if (/^[ymn]$/.test(text))
		return { normalised, odd: `only a string symbol takes this; others are written ${text}`, at: 0 };
	// include/config/auto.conf is a makefile: make expands what stands there, as the user who builds.
	const expansion = text.search(/\$[({]/);
	if (expansion >= 0)
		return { normalised, odd: "make will expand, and may run, what this names", at: raw.search(/\$[({]/) };
	return { normalised };
}

function foldHex(digits: string): string {
	return `0x${digits.toLowerCase().replace(/^0+(?=.)/, "")}`;
}

function whyLost(raw: string): string {
	if (raw === "") return "there is no value";
	if (/^[YMN]/.test(raw)) return "y, m and n are small letters";
	if (/^-?(?:0[xX])?[0-9a-fA-F]+\s/.test(raw)) return "a number must stand alone";
	if (/^\s/.test(raw)) return "there is a blank before the value";
	return "it is neither y, m, n, a number nor a quoted string";
}
