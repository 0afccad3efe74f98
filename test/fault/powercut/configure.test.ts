/** The power goes while a build directory is configured again: the user's .config is there, or the new one, and what was set aside stays. */

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { mountsBelow, smallRelease } from "../../support/scratch.ts";
import { ksquash } from "../support.ts";
import type { State } from "./disk.ts";
import {
	build,
	cannotCut,
	expectFindsNoFsync,
	expectLoses,
	expectSurvives,
	patience,
	placeOn,
	type Scenario,
	source,
} from "./judge.ts";

const config = `${build}/.config`;
const kept = "var/lib/ksquash/kept/6.1.98-20260101";
const words = "# my own words\n";

/** A release with a .config that a person edited, and one that an earlier removal set aside. */
async function edited(root: string): Promise<void> {
	placeOn(root);
	const ran = await ksquash(["install", source, "--base", "defconfig", "--root", root], { cwd: root });
	expect(ran, ran.stderr).toMatchObject({ status: 0 });
	execFileSync("umount", [join(root, source)]);
	writeFileSync(join(root, config), words, { flag: "a" });
	mkdirSync(join(root, kept), { recursive: true });
	writeFileSync(join(root, kept, ".config"), "# of another release\n");
	writeFileSync(join(root, "usr/src/mine.config"), 'CONFIG_LOCALVERSION="-fragment"\n');
}

function contentOf(state: State, path: string): string | undefined {
	return state.get(path)?.split(" ")[3];
}

/** The user's own bytes stand in one of the names that ksquash or its user looks for; what is set aside is as it was. */
function configLost(first: State): (state: State) => string | undefined {
	const mine = contentOf(first, config);
	const aside = [...first].filter(([path]) => path.startsWith(kept));
	if (mine === undefined || aside.length === 0) throw new Error("there was no .config");
	return (state) => {
		if (aside.some(([path, row]) => state.get(path) !== row)) return "a config that was set aside";
		const places = [".config", ".config.old", ".ksquash.config"].map((file) => contentOf(state, `${build}/${file}`));
		return places.includes(mine) ? undefined : "the user's .config is nowhere";
	};
}

function again(): Scenario {
	let [mine, made]: (string | undefined)[] = [];
	return {
		args: ["configure", smallRelease, "--fragment", "usr/src/mine.config"],
		fill: async (root) => {
			await edited(root);
			mine = readFileSync(join(root, config), "utf8");
		},
		begin: async (root) => {
			const ran = await ksquash(["mount", smallRelease, "--root", root]);
			expect(ran, ran.stderr).toMatchObject({ status: 0 });
		},
		lost: configLost,
		finished: (root) => {
			const text = readFileSync(join(root, config), "utf8");
			made ??= text;
			expect(text).toBe(made);
			expect(text).toContain('CONFIG_LOCALVERSION="-fragment"');
			expect(readFileSync(join(root, `${config}.old`), "utf8")).toBe(mine);
			expect(execFileSync("find", [join(root, build), "-name", "*.tmp*"], { encoding: "utf8" })).toBe("");
			expect(mountsBelow(root)).toEqual([join(root, source), root]);
		},
	};
}

/** The same up to modules_prepare: what that made is whole, though make goes by times alone. */
function prepared(): Scenario {
	const scenario = again();
	let whole: string | undefined;
	return {
		...scenario,
		args: [...scenario.args, "--modules-prepare"],
		finished: (root) => {
			scenario.finished(root);
			const script = `cd "$1" && find . -type f ! -name '.ksquash*' ! -name '*.log' -exec sha256sum {} + | sort -k 2`;
			const made = execFileSync("sh", ["-c", script, "sh", join(root, build)], { encoding: "utf8" });
			expect(made).toContain("include/generated/utsrelease.h");
			whole ??= made;
			expect(made).toBe(whole);
		},
	};
}

describe.skipIf(cannotCut)("the power is cut", () => {
	it("while modules are prepared: nothing is taken for made that is not whole", patience, async () => {
		await expectSurvives(prepared());
	});

	it("while a build directory is configured again: the user's .config is there, or the new one", patience, async () => {
		await expectSurvives(again());
	});

	it("and this test finds an fsync that does nothing in a configure", patience, async () => {
		await expectFindsNoFsync(again());
	});

	it("and what is lost by cat, make and mv", patience, async () => {
		const scenario: Pick<Scenario, "fill" | "lost"> = { fill: edited, lost: configLost };
		await expectLoses("cat >.config, then olddefconfig twice", scenario, (root) => {
			// What merge_config.sh does, and what conf does after it: each renames what was there to .config.old.
			const script = `cd "$1" && for n in 1 2; do cat .config ../mine.config >.t && mv .config .config.old && mv .t .config; done`;
			execFileSync("sh", ["-c", script, "sh", join(root, build)]);
			execFileSync("sh", ["-c", `touch "$1/x" && sync "$1/x"`, "sh", root]);
		});
	});
});
