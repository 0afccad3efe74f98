/** The hook file in the phases of a merge, and the commands that put it in place. Real images, mounts and make. */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type CliResult, cli, cliPath } from "../support/cli.ts";
import { scratchRoot, smallKernel } from "../support/scratch.ts";

const hook = join(import.meta.dirname, "../../share/gentoo/hook.bash");
const file = "etc/portage/env/sys-kernel/gentoo-sources";

describe("the hook", () => {
	it("packs, mounts, configures and links; keeps what was built; refuses a busy merge; leaves only the config", () => {
		const script = join(import.meta.dirname, "phases.sh");
		const { stdout } = spawnSync(
			"unshare",
			// A phase's parent is emerge, in the same mount namespace.
			["-m", "--propagation", "private", "bash", "-c", 'bash "$@"; exit', "emerge", script, hook, cliPath, smallKernel],
			{ encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
		);
		const parts = new Map(
			stdout.split(/^== /m).map((text) => [text.split("\n")[0], text.slice(text.indexOf("\n") + 1)]),
		);
		expect(parts.get("built")).toMatch(
			/\nlinux-6\.1\.99-gentoo\.sqfs f\nlinux-6\.1\.99-gentoo\.sqfs\.json f\nlinux-6\.1\.99-gentoo\.sqfs\.list\.gz f\n$/,
		);
		expect(parts.get("merged")).toMatch(/\nmounted\nbuild-6\.1\.99-gentoo\n[1-9]\d*\n$/);
		expect(parts.get("reinstalled")).toMatch(/\nmounted\n# mine\nobject\n$/);
		expect(parts.get("busy")).toMatch(/sleep[\s\S]*\ndie: .* is mounted and in use.*\nmounted\n$/);
		expect(parts.get("busy")).not.toMatch(/not refused/);
		expect(parts.get("unmerged busy")).toMatch(/ewarn: .* is in use: it is detached/);
		expect(parts.get("unmerged busy")).not.toMatch(/still mounted|\nlinux|\nbuild-/);
		expect(parts.get("unmerged busy")).toMatch(/config/);
	}, 60_000);

	it("prints nothing, keeps a person's functions and never chains to itself or to the script that it replaces", () => {
		const run = (text: string): string =>
			spawnSync("bash", ["-c", text, "bash", hook], { encoding: "utf8", input: "", env: { PATH: process.env.PATH } })
				.stdout;
		expect(run('source "$1"; compgen -v | grep -i ksquash')).toBe("");
		const mine = 'pre_src_install() { echo mine; }; source "$1"; source "$1"; pre_src_install';
		expect(run(mine)).toBe("mine\n");
		const like = 'post_pkg_postrm() { echo bad; rm -rf "/nowhere/build-$KV_FULL"; }; source "$1"; post_pkg_postrm';
		expect(run(like)).toBe("");
	});
});

describe("ksquash portage", () => {
	const portage = async (root: string, ...args: string[]): Promise<CliResult> =>
		await cli(["portage", ...args, "--root", root]);

	it("adds one block to what a person has there, and takes just that away", async () => {
		const scratch = scratchRoot();
		mkdirSync(scratch.path(file, ".."), { recursive: true });
		const mine = 'pre_src_configure() { echo "\xe4"; }';
		writeFileSync(scratch.path(file), mine, "latin1");
		expect((await portage(scratch.root, "install", "--dry-run")).status).toBe(0);
		expect(readFileSync(scratch.path(file), "latin1")).toBe(mine);
		expect((await portage(scratch.root, "install")).status).toBe(0);
		expect(readFileSync(scratch.path(file), "latin1").startsWith(`${mine}\n# >>> ksquash `)).toBe(true);
		expect((await portage(scratch.root, "install")).stdout).toBe("nothing to do\n");
		expect((await portage(scratch.root, "status", "--json")).json()).toMatchObject({
			packages: [{ package: "sys-kernel/gentoo-sources", problems: [] }],
		});
		expect((await portage(scratch.root, "uninstall")).status).toBe(0);
		expect(readFileSync(scratch.path(file), "latin1")).toBe(`${mine}\n`);
	});

	it("says of an edited block that it is, and a file without anything else goes", async () => {
		const scratch = scratchRoot();
		await portage(scratch.root, "install");
		const text = readFileSync(scratch.path(file), "latin1");
		writeFileSync(scratch.path(file), text.replace("# <<< ksquash", "x() {\n# <<< ksquash"));
		const status = await portage(scratch.root, "status");
		expect(status).toMatchObject({ status: 78, stdout: expect.stringMatching(/was edited[\s\S]*runs no hook/) });
		expect((await portage(scratch.root, "uninstall")).status).toBe(0);
		expect(existsSync(scratch.path(file))).toBe(false);
	});

	it.each([
		["a syntax error", "broken() {\n", /syntax error/],
		["functions that pack", 'pre_src_install() { mksquashfs "linux-$KV_FULL" x; }\n', /functions of its own/],
		["half a block", "# >>> ksquash 1\n", /enclose no block/],
	])("refuses a file with %s", async (_, text, why) => {
		const scratch = scratchRoot();
		mkdirSync(scratch.path(file, ".."), { recursive: true });
		writeFileSync(scratch.path(file), text);
		expect(await portage(scratch.root, "install")).toMatchObject({ status: 73, stderr: expect.stringMatching(why) });
		expect(readFileSync(scratch.path(file), "utf8")).toBe(text);
	});

	it("refuses a name that leads elsewhere", async () => {
		const scratch = scratchRoot();
		expect((await portage(scratch.root, "install", "--package", "../passwd")).status).toBe(64);
	});
});
