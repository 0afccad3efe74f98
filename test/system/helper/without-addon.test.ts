/** Where the add-on does not load: configs, questions, and mounting by the helper alone. The table is in docs/install.md. */

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { resolveInRoot } from "../../../src/native/verbs.ts";
import { resolveFromTop } from "../../../src/native/without-addon.ts";
import { buildHelper, machine, makeImage } from "../../support/helper.ts";
import { mountsBelow, scratchRoot } from "../../support/scratch.ts";

const top = join(import.meta.dirname, "../../..");
let bare = "";

/** The package as it is, but for the add-on. */
beforeAll(() => {
	buildHelper();
	bare = mkdtempSync(join(tmpdir(), "ksquash-bare-"));
	for (const name of ["dist", "share", "package.json"]) cpSync(join(top, name), join(bare, name), { recursive: true });
});
afterAll(() => rmSync(bare, { recursive: true }));

function ksquash(...args: string[]) {
	const { status, stdout, stderr } = spawnSync(process.execPath, [join(bare, "dist/cli/main.js"), ...args], {
		encoding: "utf8",
	});
	return { status, stdout, stderr };
}

it("mounts and unmounts by the installed helper, and refuses all that needs the add-on", () => {
	const box = machine();
	makeImage(box.base, "/usr/src/linux-6.1.sqfs", "6.1");
	makeImage(box.base, "/usr/src/linux-6.2.sqfs", "6.2");
	// Without the helper there is no way.
	expect(ksquash("mount", "6.1")).toMatchObject({ status: 69, stderr: expect.stringContaining("cmake") });
	expect(existsSync("/usr/src/linux-6.1")).toBe(false);
	expect(box.ksquash(["helper", "install", "--user", "root"])).toMatchObject({ status: 0 });
	const first = ksquash("mount", "6.1", "--json");
	expect(first.status).toBe(0);
	expect(JSON.parse(first.stdout)).toMatchObject({
		results: [{ release: "6.1", target: "/usr/src/linux-6.1", already: false }],
		warnings: [expect.stringContaining("the helper alone")],
	});
	expect(readFileSync("/usr/src/linux-6.1/content", "utf8")).toBe("6.1");
	expect(JSON.parse(ksquash("mount", "--all", "--json").stdout).results).toMatchObject([
		{ release: "6.1", already: true },
		{ release: "6.2", already: false },
	]);
	for (const words of [["status"], ["remove", "6.1"], ["select", "6.1"], ["mount", "6.1", "--dry-run"]]) {
		expect(ksquash(...words).status, words.join(" ")).toBe(69);
	}
	expect(ksquash("umount", "--all")).toMatchObject({ status: 0 });
	expect(JSON.parse(ksquash("umount", "6.1", "--json").stdout).results).toMatchObject([{ already: true }]);
	expect(mountsBelow("/usr/src")).toEqual(["/usr/src"]); // the test machine's own
	expect(ksquash("mount", "6.66").status).not.toBe(0);
	expect(existsSync("/usr/src/linux-6.66")).toBe(false);
});

it("works on configs, and doctor says what to do", () => {
	const { path } = scratchRoot();
	writeFileSync(path("a"), "CONFIG_A=y\n");
	writeFileSync(path("b"), "CONFIG_A=m\n");
	expect(ksquash("config", "diff", path("a"), path("b"))).toMatchObject({ status: 1, stdout: " A y -> m\n" });
	expect(ksquash("config", "merge", path("a"), path("b"), "-o", path("c"))).toMatchObject({ status: 0 });
	expect(ksquash("config", "sources").status).toBe(0);
	const { status, stdout } = ksquash("doctor", "--json");
	expect([status, JSON.parse(stdout).checks[0]]).toMatchObject([69, { name: "native add-on", result: "fail" }]);
	for (const words of ["boot status", "portage status", "helper status"]) {
		expect(ksquash(...words.split(" ")).stderr, words).not.toContain("native add-on");
	}
});

it("resolves paths from / as the add-on does", async () => {
	const { path } = scratchRoot();
	mkdirSync(path("real/deep"), { recursive: true });
	symlinkSync("real", path("link"));
	symlinkSync(path("real/deep"), path("absolute"));
	symlinkSync("gone/on", path("dangling"));
	symlinkSync("loop", path("loop"));
	for (const name of [
		"link/deep/x",
		"absolute/../x",
		"link",
		"dangling/x",
		"missing/a/../b",
		"./link//deep/.",
		"../../../../x",
	]) {
		expect(await resolveFromTop(path(name)), name).toBe(await resolveInRoot("/", path(name)));
	}
	for (const resolve of [resolveFromTop, async (name: string) => await resolveInRoot("/", name)]) {
		await expect(resolve(path("loop/x"))).rejects.toMatchObject({ code: "ELOOP" });
	}
});
