/** What a person's terminal gets: a real pseudo-terminal (script(1)), wide and narrow, with colours and without. */

import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { pack, umount } from "../../../src/index.ts";
import { cliPath } from "../../support/cli.ts";
import { placeTarball, scratchRoot, smallRelease } from "../../support/scratch.ts";

const ESC = String.fromCharCode(27);
const colours = new RegExp(`${ESC}\\[\\d*m`, "g");

/** Everything that a terminal of that many columns receives. */
function shown(columns: number, args: readonly string[], env: Record<string, string> = {}): string {
	const command = `stty cols ${columns} rows 30; exec "$NODE" "$CLI" ${args.join(" ")}`;
	const { stdout, status } = spawnSync("script", ["--quiet", "--return", "--command", command, "/dev/null"], {
		encoding: "utf8",
		input: "",
		env: { PATH: process.env.PATH, NODE: process.execPath, CLI: cliPath, TERM: "xterm", ...env },
	});
	expect([status, stdout]).toEqual([0, expect.any(String)]);
	return stdout.replaceAll("\r\n", "\n");
}

/** What is left to read once every line that was drawn over is gone. */
function left(output: string): string[] {
	const lines = output.trimEnd().split("\n");
	return lines.map((line) => line.split(`\r${ESC}[K`).at(-1)?.replaceAll(colours, "") ?? "");
}

it("draws live lines no wider than the terminal, and leaves only what was done", async () => {
	const { root } = scratchRoot();
	const tarball = placeTarball({ root, src: `${root}/usr/src`, path: (...parts) => [root, ...parts].join("/") });
	const output = shown(40, ["install", tarball, "--root", root, "--base", "defconfig"]);
	const drawn = output
		.split(`\r${ESC}[K`)
		.slice(1)
		.map((text) => text.split("\n")[0] ?? "");
	const live = drawn.filter((text) => text.startsWith("  "));
	expect(live.length).toBeGreaterThan(4);
	expect(live.filter((text) => text.length > 39)).toEqual([]);
	const steps = left(output).filter((line) => /^[✓✗]/.test(line));
	expect(steps.map((line) => line.split(":")[0])).toEqual(expect.arrayContaining(["✓ pack", "✓ prove", "✓ configure"]));
	expect(left(output).filter((line) => line.startsWith("  pack:"))).toEqual([]);
	expect(output).toContain(`${ESC}[32m✓${ESC}[0m`);
	// A screen that is too narrow for the table gets a block for each release.
	const narrow = shown(40, ["status", "--root", root]).split("\n");
	expect(narrow.slice(0, 2)).toEqual([`${smallRelease} *`, "  state: mounted"]);
	expect(shown(200, ["status", "--root", root])).toMatch(/^RELEASE +STATE +IMAGE/);
	await umount(smallRelease, { root });
});

it("has no colours with NO_COLOR, and no control characters at all on a dumb terminal or in a pipe", async () => {
	const { root, path } = scratchRoot();
	const tarball = placeTarball({ root, src: `${root}/usr/src`, path });
	const args = ["pack", tarball, "--root", root];
	const plain = shown(80, args, { NO_COLOR: "1" });
	expect(plain).toContain("✓ pack: ");
	expect(plain.match(colours)).toBe(null);
	expect(plain).toContain(`\r${ESC}[K`);
	expect(shown(80, ["pack", "--replace", tarball, "--root", root], { TERM: "dumb" })).not.toContain(ESC);
	const { stdout, stderr } = spawnSync(process.execPath, [cliPath, "pack", "--replace", tarball, "--root", root], {
		encoding: "utf8",
	});
	expect(stdout + stderr).toContain("✓ pack: ");
	expect(stdout + stderr).not.toMatch(new RegExp(`[\\r${ESC}]`));
});

it("says in totals what thirty trees save", async () => {
	const { root, path } = scratchRoot();
	const tarball = placeTarball({ root, src: `${root}/usr/src`, path });
	for (const release of ["6.1", "6.12"]) await pack(tarball, { root, release });
	const { stdout } = spawnSync(process.execPath, [cliPath, "status", "--root", root], { encoding: "utf8" });
	const rows = stdout.split("\n").map((line) => line.split(/ {2,}/));
	const { releases } = JSON.parse(
		spawnSync(process.execPath, [cliPath, "status", "--json", "--root", root], { encoding: "utf8" }).stdout,
	) as { releases: { saved: { inodes: number } }[] };
	const inodes = releases.reduce((sum, { saved }) => sum + saved.inodes, 0);
	const total = rows.find(([name]) => name === "total");
	expect(total?.at(-1)).toBe(String(inodes).replace(/\B(?=(?:\d{3})+$)/g, ","));
});
