/** ksquash portage install, uninstall and status: one block comes and goes, and nothing else of a file changes. */

import { execFileSync } from "node:child_process";
import {
	chmodSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { doctor, pack, portageInstall, portageStatus, portageUninstall } from "../../src/index.ts";
import { cli } from "../support/cli.ts";
import { placeTree, scratchRoot, smallRelease } from "../support/scratch.ts";

const gentoo = "sys-kernel/gentoo-sources";
const old = readFileSync(join(import.meta.dirname, "fixtures/packing-hook.bash"), "utf8");

function place(text?: string): { root: string; file: string; path: (...parts: string[]) => string } {
	const { root, path } = scratchRoot();
	const file = path("etc/portage/env", gentoo);
	mkdirSync(dirname(file), { recursive: true });
	if (text !== undefined) writeFileSync(file, text);
	return { root, file, path };
}

const functions = (file: string): string[] =>
	execFileSync("bash", ["-c", 'source "$1"; compgen -A function', "bash", file], { encoding: "utf8" })
		.split("\n")
		.filter(Boolean);

describe("the block", () => {
	it("comes last, twice is once, and goes without a trace", async () => {
		const mine = "# mine\npost_src_unpack() { :; }\n";
		const { root, file } = place(mine);
		chmodSync(file, 0o640);
		expect((await portageInstall({ root })).did).toHaveLength(1);
		const text = readFileSync(file, "utf8");
		expect(text.startsWith(mine)).toBe(true);
		expect((await portageInstall({ root })).did).toEqual([]);
		expect(readFileSync(file, "utf8")).toBe(text);
		expect(functions(file)).toEqual(expect.arrayContaining(["post_src_unpack", "pre_src_install", "post_pkg_postrm"]));
		await portageUninstall({ root });
		expect([readFileSync(file, "utf8"), statSync(file).mode & 0o777]).toEqual([mine, 0o640]);
	});

	it("makes the file, and takes it away again", async () => {
		const { root, path } = scratchRoot();
		const packages = [gentoo, "sys-kernel/vanilla-sources"];
		expect((await portageInstall({ root, packages, dryRun: true })).did).toHaveLength(2);
		expect(existsSync(path("etc"))).toBe(false);
		await portageInstall({ root, packages });
		expect((await portageStatus({ root })).hooks.map((hook) => hook.package)).toEqual(packages);
		await portageUninstall({ root, packages: [gentoo] });
		expect(readdirSync(path("etc/portage/env/sys-kernel"))).toEqual(["vanilla-sources"]);
	});

	it("that was edited, or is another ksquash's, is said and brought up to date; half a block is refused", async () => {
		const { root, file } = place();
		await portageInstall({ root });
		const good = readFileSync(file, "utf8");
		writeFileSync(file, good.replace("echo 1;", "echo 2;"));
		expect((await portageStatus({ root })).problems.join()).toContain("was edited");
		await portageInstall({ root });
		expect(readFileSync(file, "utf8")).toBe(good);
		writeFileSync(file, good.replace(/# <<< ksquash <<<\n/, ""));
		expect((await portageStatus({ root })).problems.join()).toContain("mend it by hand");
		for (const work of [portageInstall, portageUninstall]) {
			await expect(work({ root })).rejects.toMatchObject({ code: "ERR_KSQUASH_OCCUPIED" });
		}
	});

	it("is for all packages of a pattern that the repositories have", async () => {
		const { root, path } = scratchRoot();
		for (const name of ["git-sources", "vanilla-sources", "linux-headers"]) {
			mkdirSync(path("var/db/repos/gentoo/sys-kernel", name), { recursive: true });
		}
		await portageInstall({ root, packages: ["sys-kernel/*-sources"] });
		expect(readdirSync(path("etc/portage/env/sys-kernel"))).toEqual(["git-sources", "vanilla-sources"]);
		for (const name of ["sys-kernel/none-*", "gentoo-sources", "../x/y", "sys-kernel/"]) {
			await expect(portageInstall({ root, packages: [name] })).rejects.toMatchObject({ code: "ERR_KSQUASH_USAGE" });
		}
	});
});

describe("a tree that Portage installed", () => {
	it("is packed with a warning, unless the hook is there", async () => {
		for (const hooked of [false, true]) {
			const scratch = scratchRoot();
			const { root, path } = scratch;
			placeTree(scratch);
			const saved = path("var/db/pkg/sys-kernel/gentoo-sources-6.1.99");
			mkdirSync(saved, { recursive: true });
			writeFileSync(
				join(saved, "CONTENTS"),
				`dir /usr/src\nobj /usr/src/linux-${smallRelease}/Makefile 0123 1700000000\n`,
			);
			if (hooked) await portageInstall({ root });
			const warnings: string[] = [];
			await pack(smallRelease, { root, onWarning: (line) => warnings.push(line) });
			const said = warnings.filter((line) => line.includes("sys-kernel/gentoo-sources-6.1.99: emerge cannot remove"));
			expect(said).toHaveLength(hooked ? 0 : 1);
		}
	});

	it("doctor says what is wrong with the hook", async () => {
		const { root, file } = place(old);
		const of = async (): Promise<unknown> =>
			(await doctor({ root })).checks.filter(({ name }) => name === "portage hook").map(({ result }) => result);
		expect(await of()).toEqual(["warn"]);
		await portageInstall({ root, migrate: true });
		expect(await of()).toEqual(["ok"]);
		writeFileSync(file, "");
		expect(await of()).toEqual([]);
	});
});

describe("what is there already", () => {
	it("a syntax error is refused and said: Portage would run no hook, and say nothing", async () => {
		const broken = "if true; then\n";
		const { root, file } = place(broken);
		const { status, stderr } = await cli(["portage", "install", "--root", root]);
		expect([status, stderr]).toEqual([73, expect.stringContaining("syntax error")]);
		expect(readFileSync(file, "utf8")).toBe(broken);
	});

	it("functions that pack and delete by themselves are named and refused", async () => {
		const { root, file } = place(old);
		const { status, stderr } = await cli(["portage", "install", "--root", root]);
		expect(status).toBe(73);
		for (const name of ["pre_src_install", "pre_pkg_prerm", "post_pkg_postinst", "post_pkg_postrm"]) {
			expect(stderr).toContain(name);
		}
		expect(readFileSync(file, "utf8")).toBe(old);
		expect((await portageStatus({ root })).problems.join()).toContain("packs and deletes by itself");
	});

	it("--migrate takes just these out, shows them first, and keeps a copy", async () => {
		const { root, file } = place(old);
		const { did } = await portageInstall({ root, migrate: true, dryRun: true });
		expect(did.filter((line) => /^- \tmksquashfs .* -comp xz$/.test(line))).toHaveLength(1);
		expect(readFileSync(file, "utf8")).toBe(old);
		await portageInstall({ root, migrate: true });
		expect(readFileSync(`${file}.before-ksquash`, "utf8")).toBe(old);
		const text = readFileSync(file, "utf8");
		expect(text).toContain('MY_OWN="stays"');
		expect(text).toContain("# a comment of the user's");
		expect(text.split(">>> ksquash")[0]).not.toMatch(/mksquashfs|build-/);
		expect(functions(file)).toContain("post_src_unpack");
		expect((await portageStatus({ root })).problems).toEqual([]);
	});

	it("start scripts of single versions, and mount-sandbox, are said", async () => {
		const { root, path } = place();
		await portageInstall({ root });
		mkdirSync(path("etc/local.d"));
		writeFileSync(path("etc/local.d/mount-6.1.7-gentoo.start"), "mount /usr/src/linux-6.1.7-gentoo.sqfs /x\n");
		writeFileSync(path("etc/local.d/mount-nas.start"), "mount nas:/ /mnt\n");
		writeFileSync(path("etc/portage/make.conf"), 'FEATURES="buildpkg mount-sandbox"\n');
		const { problems } = await portageStatus({ root });
		expect(problems.join("\n")).toMatch(/mount-6\.1\.7-gentoo\.start/);
		expect(problems.join("\n")).toMatch(/mount-sandbox/);
		expect(problems.join("\n")).not.toMatch(/nas/);
	});

	it("--migrate takes over build directories of the release's own source, and lists the rest with a command", async () => {
		const scratch = scratchRoot();
		const { root, path } = scratch;
		placeTree(scratch);
		await pack(smallRelease, { root });
		rmSync(path(`usr/src/linux-${smallRelease}.sqfs.json`));
		const [build, foreign] = [path(`usr/src/build-${smallRelease}`), path("usr/src/build-6.1.100-other")];
		for (const directory of [build, foreign]) mkdirSync(directory);
		writeFileSync(join(build, ".config"), "CONFIG_MINE=y\n");
		writeFileSync(join(build, "vmlinux.o"), "");
		symlinkSync(path(`usr/src/linux-${smallRelease}`), join(build, "source"));
		const stamp = join(build, ".ksquash.json");
		const planned = await portageInstall({ root, migrate: true, dryRun: true });
		expect(planned.did.join("\n")).toContain(`take over ${build}`);
		expect(existsSync(stamp)).toBe(false);
		const { did, left = [] } = await portageInstall({ root, migrate: true });
		expect(did.join("\n")).toContain(`take over ${build}`);
		expect([existsSync(stamp), readFileSync(join(build, ".config"), "utf8")]).toEqual([true, "CONFIG_MINE=y\n"]);
		const named = `release: "${smallRelease}", root: "${root}"`;
		expect(left.join("\n")).toContain(
			`has no manifest: mount("${smallRelease}", { root: "${root}" }) mounts it as it is`,
		);
		expect(left.join("\n")).toContain(`to have it proved: pack(TARBALL, { replace: true, ${named} })`);
		const { stdout } = await cli(["portage", "install", "--migrate", "--root", root]);
		expect(stdout).toContain(`has no manifest: ksquash mount ${smallRelease} --root ${root} mounts it as it is`);
		expect(stdout).toContain(`ksquash pack TARBALL --release ${smallRelease} --replace --root ${root}\n`);
		expect(readdirSync(foreign)).toEqual([]);
		const saved = path("var/db/pkg/sys-kernel/gentoo-sources-6.1.99");
		mkdirSync(saved, { recursive: true });
		writeFileSync(join(saved, "CONTENTS"), `obj /usr/src/linux-${smallRelease}.sqfs 0123 1700000000\n`);
		const owned = await portageInstall({ root, migrate: true });
		expect(owned.left?.join("\n")).toContain("emerge --oneshot =sys-kernel/gentoo-sources-6.1.99");
		expect((await portageInstall({ root, migrate: true })).did).toEqual([]);
	});

	it("--migrate leaves a build directory that was made from another source", async () => {
		const scratch = scratchRoot();
		const { root, path } = scratch;
		placeTree(scratch);
		await pack(smallRelease, { root });
		const build = path(`usr/src/build-${smallRelease}`);
		mkdirSync(build);
		writeFileSync(join(build, ".config"), "CONFIG_MINE=y\n");
		symlinkSync(path("elsewhere"), join(build, "source"));
		const { did, left = [] } = await portageInstall({ root, migrate: true });
		expect(did.join("\n")).not.toContain("take over");
		expect(left.join("\n")).toContain(`${build} cannot become a build directory`);
		expect(readdirSync(build).toSorted()).toEqual([".config", "source"]);
	});
});
