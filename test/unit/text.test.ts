/** What a person sees: sizes, tables, progress on a terminal and elsewhere, errors. */

import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { parseCount, parseSize } from "../../src/cli/flags.ts";
import { duration, errorLines, plural, size, table } from "../../src/cli/render/text.ts";
import { Terminal } from "../../src/cli/terminal.ts";
import { errorCodes, KsquashError } from "../../src/errors.ts";
import { ksquashCommand } from "../../src/system/command-line.ts";

function screen(options: { isTTY?: boolean; columns?: number } = {}) {
	let text = "";
	return {
		...options,
		write: (more: string) => {
			text += more;
		},
		text: () => text,
	};
}

describe("a command that a person is told", () => {
	it("names the root that was worked below, as the shell reads it", () => {
		expect(ksquashCommand("mount 6.1", "/")).toBe("ksquash mount 6.1");
		const root = '/mnt/it\'s a "root" $HOME';
		const command = ksquashCommand("mount 6.1", root);
		const words = execFileSync("sh", ["-c", `ksquash() { printf '%s\\n' "$@"; }; ${command}`], { encoding: "utf8" });
		expect(words.trimEnd().split("\n")).toEqual(["mount", "6.1", "--root", root]);
		expect(ksquashCommand("status", "/var/tmp/x")).toBe("ksquash status --root /var/tmp/x");
	});
});

describe("text", () => {
	it.each([
		[0, "0 B"],
		[999, "999 B"],
		[1000, "1.0 kB"],
		[195641344, "196 MB"],
		[1298681992, "1.3 GB"],
		[999_600, "1.0 MB"],
		[-5000, "-5.0 kB"],
	])("size(%i) is %s", (bytes, text) => {
		expect(size(bytes)).toBe(text);
	});

	it.each([
		[0.04, "0.0 s"],
		[12.4, "12 s"],
		[80, "1 min 20 s"],
	])("duration(%d) is %s", (seconds, text) => {
		expect(duration(seconds)).toBe(text);
	});

	it("aligns columns", () => {
		const rows = [
			["6.1", "196 MB"],
			["6.12.3", "2 MB"],
		];
		expect(table([{ title: "RELEASE" }, { title: "IMAGE", right: true }], rows)).toEqual([
			"RELEASE   IMAGE",
			"6.1      196 MB",
			"6.12.3     2 MB",
		]);
		expect([plural(1, "entry", "entries"), plural(2000, "entry", "entries")]).toEqual(["1 entry", "2,000 entries"]);
	});

	it.each([
		["4096", 4096],
		["256K", 262144],
		["1M", 1048576],
		["1MiB", 1048576],
	])("reads the size %s", (text, bytes) => {
		expect(parseSize(text)).toBe(bytes);
	});

	it.each(["", "-1", "1.5M", "1T", "0x10", "1 M M"])("refuses the size %j", (text) => {
		expect(() => parseSize(text)).toThrow(KsquashError);
	});

	it.each(["0", "-1", "1e3", ""])("refuses the count %j", (text) => {
		expect(() => parseCount(text)).toThrow(KsquashError);
	});
});

describe("errors", () => {
	it("each code has an exit status of sysexits and a hint", () => {
		for (const code of errorCodes) {
			const error = new KsquashError(code, "x");
			expect(error.exitStatus).toBeGreaterThanOrEqual(64);
			expect(error.exitStatus).toBeLessThanOrEqual(78);
			expect(error.hint).not.toBe("");
		}
	});

	it("are what, notes, the kernel's words and what to do", () => {
		const details = { notes: ["a: differs"], kernelLog: "squashfs: bad", hint: "do this" };
		expect(errorLines(new KsquashError("ERR_KSQUASH_IMAGE", "no good image", details))).toEqual([
			"ksquash: no good image",
			"  a: differs",
			"  the kernel says: squashfs: bad",
			"  → do this",
		]);
		expect(errorLines(new TypeError("oops")).at(-1)).toContain("bug of ksquash");
	});
});

describe("progress", () => {
	const event = { step: "pack", lasts: false, label: "a tree" } as const;

	it("is plain lines where there is no terminal", () => {
		const out = screen();
		const terminal = new Terminal(out, {});
		terminal.onProgress({ ...event, state: "start" });
		terminal.onProgress({ ...event, state: "running", done: 5, total: 10, unit: "bytes" });
		terminal.onProgress({ ...event, state: "done", result: "5 entries" });
		expect(out.text()).toMatch(/^✓ pack: a tree: 5 entries \(\d\.\d s\)\n$/);
	});

	it("is one live line on a terminal, cut to its width and taken away at the end", () => {
		const out = screen({ isTTY: true, columns: 30 });
		const terminal = new Terminal(out, { NO_COLOR: "1" });
		terminal.onProgress({ ...event, label: "x".repeat(100), state: "start" });
		terminal.close();
		const lines = out.text().split("\r\u001b[K");
		expect(lines.map((line) => line.length)).toEqual([0, 29, 0]);
		terminal.onWarning("careful");
		expect(out.text()).toContain("warning: careful\n");
	});

	it("has colour on a terminal, unless NO_COLOR or TERM=dumb", () => {
		const shown = [{}, { NO_COLOR: "1" }, { TERM: "dumb" }].map((environment) => {
			const out = screen({ isTTY: true });
			new Terminal(out, environment).onProgress({ ...event, state: "done" });
			return out.text().includes("\u001b[32m");
		});
		expect(shown).toEqual([true, false, false]);
	});
});
