/** portage install gives the hook to packages that inherit kernel-2, and names the others. */

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { portageInstall, portageStatus } from "../../src/index.ts";
import { cli } from "../support/cli.ts";
import { scratchRoot } from "../support/scratch.ts";

interface Place {
	root: string;
	/** Writes a file below the root. */
	put(path: string, text: string): void;
	/** What has a file of the hook's; none where there is no directory. */
	hooked(): string[];
	install(...packages: string[]): Promise<string>;
}

function place(): Place {
	const { root, path } = scratchRoot();
	const directory = path("etc/portage/env/sys-kernel");
	return {
		root,
		put(file, text) {
			mkdirSync(dirname(path(file)), { recursive: true });
			writeFileSync(path(file), text);
		},
		hooked: () => (existsSync(directory) ? readdirSync(directory).toSorted() : []),
		async install(...packages) {
			const warnings: string[] = [];
			await portageInstall({ root, packages, onWarning: (line) => warnings.push(line) });
			return warnings.join("\n");
		},
	};
}

const repository = "var/db/repos/gentoo";
const cached = (eclasses: string): string => `DEFINED_PHASES=install\nSLOT=0\n_eclasses_=${eclasses}\n_md5_=0123\n`;

describe("packages that do not inherit kernel-2 are left out", () => {
	it("of a pattern, as the metadata cache says", async () => {
		const { root, put, hooked, install } = place();
		const cache = `${repository}/metadata/md5-cache/sys-kernel`;
		for (const [name, eclasses] of [
			["gentoo-sources-6.1.7", "multilib\t01\tkernel-2\t23"],
			["git-sources-6.2_rc3-r1", "kernel-2\t23"],
			["gentoo-kernel-6.1.7", "linux-info\t45\tkernel-build\t67"],
			["gentoo-kernel-6.1.8", "linux-info\t45\tkernel-build\t67"],
			["linux-firmware-20260101", "linux-info\t45"],
			["dracut-100", ""],
		] as const) {
			put(`${cache}/${name}`, cached(eclasses));
			put(`${repository}/sys-kernel/${name.replace(/-\d.*/, "")}/metadata.xml`, "");
		}
		const warnings = await install("sys-kernel/*");
		expect(hooked()).toEqual(["gentoo-sources", "git-sources"]);
		expect(warnings).toBe(
			"left out, not kernel sources (no kernel-2 eclass): " +
				"sys-kernel/dracut, sys-kernel/gentoo-kernel, sys-kernel/linux-firmware",
		);
		const { status, stderr } = await cli(["portage", "install", "--root", root, "--package", "sys-kernel/gentoo-*"]);
		expect([status, stderr]).toEqual([0, expect.stringContaining("sys-kernel/gentoo-kernel")]);
	});

	it("as was saved with what is installed", async () => {
		const { root, put, hooked, install } = place();
		put("var/db/pkg/sys-kernel/xanmod-sources-6.1.7/INHERITED", "toolchain-funcs kernel-2\n");
		put("var/db/pkg/sys-kernel/out-of-tree-1.0/INHERITED", "linux-info linux-mod-r1\n");
		expect(await install("sys-kernel/xanmod-sources", "sys-kernel/out-of-tree")).toContain("sys-kernel/out-of-tree");
		expect(hooked()).toEqual(["xanmod-sources"]);
		const { status, stderr } = await cli(["portage", "install", "--root", root, "--package", "sys-kernel/out-of-tree"]);
		expect([status, stderr]).toEqual([64, expect.stringContaining("sys-kernel/out-of-tree")]);
		expect(hooked()).toEqual(["xanmod-sources"]);
	});

	it("as ebuilds and the eclasses of any repository say, where there is no cache", async () => {
		const { put, hooked, install } = place();
		const ebuild = (name: string, text: string): void =>
			put(`var/db/repos/mine/sys-kernel/${name}/${name}-1.0.ebuild`, `EAPI=8\n${text}\n`);
		ebuild("own-sources", 'ETYPE="sources"\nK_SECURITY_UNSUPPORTED=1\ninherit \\\n\teapi9-ver kernel-2');
		ebuild("wrapped-sources", "inherit my-kernel");
		ebuild("module", "# inherit kernel-2 is not for us\ninherit linux-mod-r1");
		ebuild("computed", "inherit $" + "{MY_ECLASS}");
		ebuild("strange", "inherit not-here");
		put("var/db/repos/mine/eclass/my-kernel.eclass", "inherit other kernel-2\n");
		put(`${repository}/eclass/linux-mod-r1.eclass`, "[[ -n $X ]] && inherit linux-info\n");
		put(`${repository}/eclass/linux-info.eclass`, "inherit linux-mod-r1 # a circle\n");
		const warnings = await install("sys-kernel/*");
		expect(hooked()).toEqual(["computed", "own-sources", "strange", "wrapped-sources"]);
		expect(warnings).toContain("left out, not kernel sources (no kernel-2 eclass): sys-kernel/module\n");
		expect(warnings).toMatch(/cannot tell .*: sys-kernel\/computed, sys-kernel\/strange;/);
	});

	it("but one of which nothing is known is taken, and it is said", async () => {
		const { hooked, install } = place();
		expect(await install("sys-kernel/gentoo-sources")).toMatch(/^cannot tell .*: sys-kernel\/gentoo-sources;/);
		expect(hooked()).toEqual(["gentoo-sources"]);
	});

	it("but one that has an older block keeps it, up to date: what was saved with it would act", async () => {
		const { root, put, hooked, install } = place();
		await install("sys-kernel/out-of-tree");
		const file = "etc/portage/env/sys-kernel/out-of-tree";
		const text = readFileSync(`${root}/${file}`, "utf8");
		put(file, text.replace("echo 1;", "echo 0;"));
		put("var/db/pkg/sys-kernel/out-of-tree-1.0/INHERITED", "linux-info\n");
		expect(await install("sys-kernel/out-of-tree")).toMatch(/the hook is there: sys-kernel\/out-of-tree;/);
		expect([readFileSync(`${root}/${file}`, "utf8"), hooked()]).toEqual([text, ["out-of-tree"]]);
		expect((await portageStatus({ root })).problems).toEqual([]);
	});
});
