/** What another could lose: a path swapped under way, a file changed after it was saved, an image that is not ours. */

import { execFileSync } from "node:child_process";
import {
	chownSync,
	cpSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	readlinkSync,
	renameSync,
	rmSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { configure, install, mount, remove, umount } from "../../../src/index.ts";
import type { ProgressEvent } from "../../../src/release/context.ts";
import { mountsBelow, placeTarball, type Scratch, scratchRoot, smallRelease } from "../../support/scratch.ts";

const base = "defconfig";
const name = `linux-${smallRelease}`;

interface Installed extends Scratch {
	build: string;
	image: string;
	mountPoint: string;
}

async function installed(
	options: { buildDir?: string; owner?: string } = {},
	scratch = scratchRoot(),
): Promise<Installed> {
	const made = await install(placeTarball(scratch), { root: scratch.root, base, ...options });
	const { image, mountPoint } = made.pack;
	return { ...scratch, build: made.configure.buildDir, image, mountPoint };
}

/** Does something when a step begins. */
function when(step: string, act: () => void): { onProgress: (event: ProgressEvent) => void } {
	return {
		onProgress: (event) => {
			if (event.step === step && event.state === "start") act();
		},
	};
}

describe("remove, while others work", () => {
	it("removes nothing behind a path that its owner swaps for a link to elsewhere", async () => {
		const scratch = scratchRoot();
		const home = scratch.path("home/nobody");
		mkdirSync(join(home, "dir"), { recursive: true });
		const nobody = Number(execFileSync("id", ["-u", "nobody"], { encoding: "utf8" }));
		for (const path of [home, join(home, "dir")]) chownSync(path, nobody, nobody);
		const buildDir = join(home, "dir/kernel");
		const { root } = await installed({ buildDir, owner: "nobody" }, scratch);
		const victim = scratch.path("victim/kernel");
		mkdirSync(victim, { recursive: true });
		cpSync(buildDir, victim, { recursive: true });
		const swap = (): void => {
			renameSync(join(home, "dir"), join(home, "moved"));
			symlinkSync(scratch.path("victim"), join(home, "dir"));
		};
		const before = readdirSync(victim);
		await expect(remove(smallRelease, { root, ...when("remove", swap) })).rejects.toMatchObject({
			code: "ERR_KSQUASH_CHANGED",
		});
		expect(readdirSync(victim)).toEqual(before);
		expect(existsSync(join(home, "moved/kernel/.config"))).toBe(true);
	});

	it("leaves and names what changes after it was saved, and a rerun saves that, too", async () => {
		const { root, src, build } = await installed();
		const config = join(build, ".config");
		const edit = (): void => writeFileSync(config, "# my last words\n");
		const result = await remove(smallRelease, { root, ...when("remove", edit) });
		expect(result.stays).toEqual([expect.stringContaining(config)]);
		expect(readFileSync(config, "utf8")).toBe("# my last words\n");
		const again = await remove(smallRelease, { root });
		expect(readFileSync(join(again.kept ?? "", ".config"), "utf8")).toBe("# my last words\n");
		expect(again.kept).not.toBe(result.kept);
		expect(readdirSync(src)).toEqual([]);
	});

	it("keeps an image that is mounted again before its turn", async () => {
		const { root, image, mountPoint } = await installed();
		// The build directory goes first, then what else there is.
		const again = (): void => {
			if (mountsBelow(root).length > 0) return;
			execFileSync("mount", ["-t", "squashfs", "-o", "loop,ro", image, mountPoint]);
		};
		await expect(remove(smallRelease, { root, ...when("remove", again) })).rejects.toMatchObject({
			code: "ERR_KSQUASH_BUSY",
			message: expect.stringContaining("mounted again"),
		});
		expect(existsSync(image)).toBe(true);
		expect((await remove(smallRelease, { root })).removed).toContain(image);
	});

	it("keeps every configure of the release out, and a mount waits", async () => {
		const { root, image } = await installed();
		await configure(smallRelease, { root, base, variant: "debug" });
		let [variant, mounting]: [Promise<unknown>, Promise<unknown>] = [Promise.resolve(), Promise.resolve()];
		const both = (): void => {
			variant = configure(smallRelease, { root, base, variant: "debug" }).catch((error: unknown) => error);
			mounting = mount(smallRelease, { root }).catch((error: unknown) => error);
		};
		await remove(smallRelease, { root, ...when("save", both) });
		expect(await variant).toMatchObject({ code: expect.stringMatching(/LOCKED|NO_INPUT/) });
		expect(await mounting).toMatchObject({ code: "ERR_KSQUASH_NO_RELEASE" });
		expect(existsSync(image)).toBe(false);
	});
});

describe("remove, of what is not ours", () => {
	it("refuses an image without a manifest of ours, and one that is not its manifest's", async () => {
		const { root, image, build, path } = await installed();
		const manifest = `${image}.json`;
		for (const spoil of [
			() => renameSync(manifest, `${manifest}.away`),
			() => writeFileSync(manifest, "{}"),
			() => {
				renameSync(`${manifest}.away`, manifest);
				renameSync(image, `${image}.away`);
				writeFileSync(image, "somebody's own file");
			},
			// A good image, but another one: only its manifest tells.
			() => {
				rmSync(image);
				const other = ["mksquashfs", path(`tmp/${name}/lib`), image, "-no-progress"] as const;
				execFileSync(other[0], other.slice(1), { stdio: "ignore" });
			},
		]) {
			await umount(smallRelease, { root });
			spoil();
			await expect(remove(smallRelease, { root })).rejects.toMatchObject({
				code: "ERR_KSQUASH_MANIFEST",
				hint: expect.stringContaining("the option force"),
			});
			expect([existsSync(image), existsSync(join(build, ".config"))]).toEqual([true, true]);
		}
		expect((await remove(smallRelease, { root, force: true })).removed).toEqual(
			expect.arrayContaining([build, image, manifest]),
		);
	});

	it("refuses while something else is mounted on the mount point, before anything goes", async () => {
		const { root, mountPoint, build } = await installed();
		await umount(smallRelease, { root });
		execFileSync("mount", ["-t", "tmpfs", "none", mountPoint]);
		await expect(remove(smallRelease, { root })).rejects.toMatchObject({ code: "ERR_KSQUASH_OCCUPIED" });
		expect(existsSync(join(build, ".config"))).toBe(true);
	});

	it("leaves a link with a config's name, and a file whose name is no UTF-8", async () => {
		const { root, build, path } = await installed();
		writeFileSync(path("elsewhere"), "CONFIG_X=y\n");
		symlinkSync(path("elsewhere"), join(build, "mine.config"));
		const odd = Buffer.concat([Buffer.from(`${build}/n`), Buffer.from([0xff]), Buffer.from(".txt")]);
		writeFileSync(odd, "mine");
		const { stays } = await remove(smallRelease, { root });
		expect(stays.join("\n")).toContain("mine.config");
		expect(stays.join("\n")).toContain("n\\377.txt");
		expect(readFileSync(odd, "utf8")).toBe("mine");
		expect(readlinkSync(join(build, "mine.config"))).toBe(path("elsewhere"));
		expect(readdirSync(build)).toHaveLength(2);
	});

	it("saves for root alone, below directories that others may pass", async () => {
		const { root, path } = await installed();
		const { kept } = await remove(smallRelease, { root });
		const mode = (place: string): number => statSync(place).mode & 0o777;
		expect([path("var"), path("var/lib/ksquash"), path("var/lib/ksquash/kept"), kept ?? ""].map(mode)).toEqual([
			0o755, 0o755, 0o700, 0o700,
		]);
	});
});
