/** One finding for two readers: a program is told of options and calls, a person at a terminal of flags and commands. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { bootStatus, configure, KsquashError, pack, select, status } from "../../../src/index.ts";
import { cli } from "../../support/cli.ts";
import { placeTarball, placeTree, scratchRoot, smallRelease } from "../../support/scratch.ts";

const image = `linux-${smallRelease}.sqfs`;

/** Of one release, or of several. */
type Told = { error?: Record<string, unknown>; failed: [{ error: Record<string, unknown> }] };

/** All that an error says to a reader of the library. */
function said(error: unknown): string {
	if (!(error instanceof KsquashError)) throw error;
	return [error.message, error.hint, ...error.notes].join("\n");
}

describe("an error", () => {
	it.each<[string, (root: string) => Promise<unknown>, (root: string) => string[], string, string]>([
		[
			"of options that exclude each other",
			async (root) => await pack("/x", { root, keepSource: true, replaceSource: true }),
			(root) => ["pack", "/x", "--keep-source", "--replace-source", "--root", root],
			"the option keepSource and the option replaceSource exclude each other",
			"--keep-source and --replace-source exclude each other",
		],
		[
			"of a build directory that is not there",
			async (root) => await select(smallRelease, { root, variant: "arm" }),
			(root) => ["select", smallRelease, "--variant", "arm", "--root", root],
			`make it with: configure("${smallRelease}", { variant: "arm", root: "ROOT" })`,
			`make it with: ksquash configure ${smallRelease} --variant arm --root ROOT`,
		],
		[
			"of a source that is not mounted",
			async (root) => await configure(smallRelease, { root }),
			(root) => ["configure", smallRelease, "--root", root],
			'status({ root: "ROOT" }) lists the releases',
			"ksquash status --root ROOT lists the releases",
		],
	])("%s is told to each in their words", async (_, work, args, library, words) => {
		const { root } = scratchRoot();
		const error = await work(root).then(
			() => undefined,
			(thrown: unknown) => thrown,
		);
		expect(said(error)).toContain(library.replace("ROOT", root));
		expect(said(error)).not.toMatch(/--[a-z]/);
		const { stderr, status: exit } = await cli(args(root));
		expect([stderr.includes(words.replace("ROOT", root)), exit]).toEqual([true, (error as KsquashError).exitStatus]);
		const told = (await cli([...args(root), "--json"])).json() as Told;
		const inJson = told.error ?? told.failed[0].error;
		expect(inJson).toMatchObject({ code: (error as KsquashError).code });
		expect(`${inJson.message} ${inJson.hint}`).toContain(words.replace("ROOT", root));
		// The calls are data, and the same for both.
		expect(inJson.resume).toEqual((error as KsquashError).resume);
	});
});

describe("a warning and a result", () => {
	it("name options for a program, flags for a person", async () => {
		const scratch = scratchRoot();
		const { root } = scratch;
		const tree = placeTree(scratch);
		mkdirSync(join(tree, ".git"));
		writeFileSync(join(tree, ".git/HEAD"), "ref: refs/heads/main\n");
		const warnings: string[] = [];
		await pack(tree, { root, onWarning: (line) => warnings.push(line) });
		expect(warnings).toEqual([`${tree} stays: it has .git; the option replaceSource replaces it`]);
		const { stderr, json } = await cli(["pack", tree, "--json", "--root", root]);
		expect(stderr).toContain(`warning: ${tree} stays: it has .git; --replace-source replaces it\n`);
		expect(json()).toMatchObject({ warnings: [`${tree} stays: it has .git; --replace-source replaces it`] });
	});

	it("name calls for a program, commands for a person", async () => {
		const scratch = scratchRoot();
		const { root, src } = scratch;
		await pack(placeTarball(scratch), { root });
		mkdirSync(join(src, `.linux-${smallRelease}.replaced/lib`), { recursive: true });
		const { releases } = await status({ root });
		const aside = `an interrupted run left a tree in ${src}/.linux-${smallRelease}.replaced`;
		const call = `pack("${smallRelease}", { root: "${root}" })`;
		expect(releases[0]?.problems).toEqual([`${aside}: ${call} compares and removes it`]);
		expect((await cli(["status", "--root", root])).stdout).toContain(
			`${smallRelease}: ${aside}: ksquash pack ${smallRelease} --root ${root} compares and removes it\n`,
		);
		expect((await bootStatus({ root })).problems).toEqual([`it is not enabled (bootEnable({ root: "${root}" }))`]);
		const { problems } = (await cli(["boot", "status", "--json", "--root", root])).json();
		expect(problems).toEqual([`it is not enabled (ksquash boot enable --root ${root})`]);
		expect(releases[0]?.image).toBe(join(src, image));
	});
});
