/** What can go wrong while an image is written: unreadable files, a full disk, a mksquashfs that dies or hangs. */

import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { type Scratch, scratchRoot } from "../support/scratch.ts";
import {
	content,
	expectClean,
	expectRefusal,
	has,
	ksquash,
	name,
	placeSmall,
	replacedProgram,
	same,
	strace,
} from "./support.ts";

async function pack(root: string, place: string, prefix: readonly string[] = []): ReturnType<typeof ksquash> {
	return await ksquash(["pack", place, "--root", root], { prefix });
}

/** The tree in its place, and a check that it is whole and alone. */
function tree(scratch: Scratch): { place: string; expectUntouched: () => void } {
	const place = placeSmall(join(scratch.src, name));
	const before = content(place);
	const expectUntouched = (): void => {
		expect(same(place, before)).toBe(true);
		expectClean(scratch, [name]);
	};
	return { place, expectUntouched };
}

describe.skipIf(!has("strace"))("a file that cannot be read", () => {
	it("by mksquashfs: no image, and the source stays", async () => {
		const scratch = scratchRoot();
		const { place, expectUntouched } = tree(scratch);
		const file = join(place, "lib/checksum.c");
		// mksquashfs reads by read(2), ksquash by pread(2).
		const prefix = ["strace", "-f", "-o", scratch.path("log"), "-P", file, "-e", "inject=read:error=EIO"];
		const ran = await pack(scratch.root, place, prefix);
		expect(readFileSync(scratch.path("log"), "utf8")).toMatch(/EIO.*INJECTED/);
		expectRefusal(ran, 73, "checksum.c", /Input\/output error/i);
		expectUntouched();
	});

	it("by the proof: no image, and the source stays", async () => {
		const scratch = scratchRoot();
		const { place, expectUntouched } = tree(scratch);
		const file = join(place, "lib/checksum.c");
		const prefix = ["strace", "-f", "-o", scratch.path("log"), "-P", file, "-e", "inject=pread64:error=EIO"];
		const ran = await pack(scratch.root, place, prefix);
		expect(readFileSync(scratch.path("log"), "utf8")).toMatch(/EIO.*INJECTED/);
		expectRefusal(ran, 73, "checksum.c", "EIO");
		expectUntouched();
	});

	it("EIO on fsync of the image: no image, and the source stays", async () => {
		const scratch = scratchRoot();
		const { place, expectUntouched } = tree(scratch);
		const ran = await pack(scratch.root, place, strace(scratch.path("log"), "inject=fsync:error=EIO:when=1"));
		expectRefusal(ran, 73, `.${name}.sqfs.tmp`, "EIO");
		expectUntouched();
	});

	it("EIO when the image gets its name: the manifest goes again, too", async () => {
		const scratch = scratchRoot();
		const { place, expectUntouched } = tree(scratch);
		// The first is a probe.
		const ran = await pack(scratch.root, place, strace(scratch.path("log"), "inject=renameat2:error=EIO:when=2"));
		expectRefusal(ran, 73, `${name}.sqfs`, "EIO");
		expectUntouched();
	});

	it("a mount that fails after the exchange: the tree comes back", async () => {
		const scratch = scratchRoot();
		const place = placeSmall(join(scratch.src, name));
		const before = content(place);
		const ran = await pack(scratch.root, place, strace(scratch.path("log"), "inject=move_mount:error=ENOMEM"));
		expectRefusal(ran, 73, name, "ENOMEM");
		expect(same(place, before)).toBe(true);
		expectClean(scratch, [name, `${name}.sqfs`, `${name}.sqfs.json`, `${name}.sqfs.list.gz`]);
	});
});

/** A file system of its own under usr/src, this large. */
function smallDisk(scratch: Scratch, mib: number, type: "tmpfs" | "ext4"): void {
	if (type === "tmpfs") {
		execFileSync("mount", ["-t", "tmpfs", "-o", `size=${mib}M`, "tmpfs", scratch.src]);
		return;
	}
	const image = scratch.path("disk");
	execFileSync("truncate", ["-s", `${mib}M`, image]);
	execFileSync("mkfs.ext4", ["-q", "-m0", "-O", "^has_journal", image]);
	execFileSync("mount", ["-o", "loop", image, scratch.src]);
	rmSync(join(scratch.src, "lost+found"), { recursive: true });
}

/** The small kernel with some MiB that no compressor makes smaller. */
function bulky(scratch: Scratch, mib: number): { tarball: string; hash: string } {
	const kernel = placeSmall(scratch.path(name));
	writeFileSync(join(kernel, "drivers/firmware.bin"), randomBytes(mib << 20));
	execFileSync("tar", ["-cf", scratch.path("k.tar"), "-C", scratch.root, name]);
	rmSync(kernel, { recursive: true });
	return { tarball: scratch.path("k.tar"), hash: sum(scratch.path("k.tar")) };
}

function sum(path: string): string {
	return execFileSync("sha256sum", [path], { encoding: "utf8" }).split(" ")[0] ?? "";
}

describe("a full disk", () => {
	it("is refused before any work, saying how much is missing", async () => {
		const scratch = scratchRoot();
		const { tarball, hash } = bulky(scratch, 24);
		smallDisk(scratch, 2, "tmpfs");
		const ran = await ksquash(["pack", tarball, "--root", scratch.root]);
		expectRefusal(ran, 73, scratch.src, /2 MiB free; the image needs about \d+ MiB: \d+ MiB are missing/);
		expect(readdirSync(scratch.src)).toEqual([]);
		expect(sum(tarball)).toBe(hash);
	});

	// What does not compress needs six times the estimate: the check passes, and the disk is full while mksquashfs writes.
	it.each(["tmpfs", "ext4"] as const)("%s: full at any point of the writing", { timeout: 60_000 }, async (type) => {
		for (const free of [6, 9, 13]) {
			const scratch = scratchRoot();
			const { tarball, hash } = bulky(scratch, 16);
			smallDisk(scratch, free, type);
			const ran = await ksquash(["pack", tarball, "--root", scratch.root, "--replace-source"]);
			expectRefusal(ran, 73, ".sqfs.tmp", /No space left on device/);
			expect(readdirSync(scratch.src)).toEqual([]);
			expect(sum(tarball)).toBe(hash);
			execFileSync("umount", [scratch.src]);
		}
	});

	it.each([
		["list", 1, `${name}.sqfs.list.gz`],
		["manifest", 2, `${name}.sqfs.json`],
	])("full when the %s is written: no image, no manifest, no list", async (_, when, file) => {
		const scratch = scratchRoot();
		const { place, expectUntouched } = tree(scratch);
		// A write into a file that only ksquash writes.
		const script = `exec strace -f -o ${scratch.path("log")} -e inject=fchmod:error=ENOSPC:when=${when} "$@"`;
		const ran = await pack(scratch.root, place, ["sh", "-c", script, "sh"]);
		expectRefusal(ran, 73, file, "ENOSPC");
		expectUntouched();
	});

	it("a limit of the file size: no image", async () => {
		const scratch = scratchRoot();
		const { tarball, hash } = bulky(scratch, 4);
		const ran = await ksquash(["pack", tarball, "--root", scratch.root], { prefix: ["prlimit", "--fsize=1000000"] });
		expectRefusal(ran, 73, ".sqfs.tmp");
		expect(readdirSync(scratch.src)).toEqual([]);
		expect(sum(tarball)).toBe(hash);
	});

	it("an immutable directory is refused before any work", async () => {
		const scratch = scratchRoot();
		const { place } = tree(scratch);
		const before = content(place);
		execFileSync("mount", ["-t", "tmpfs", "tmpfs", scratch.path("usr")]);
		mkdirSync(scratch.src);
		const again = placeSmall(join(scratch.src, name));
		execFileSync("mount", ["-o", "remount,ro", scratch.path("usr")]);
		const ran = await pack(scratch.root, again);
		expectRefusal(ran, 73, scratch.src, /read-only|EROFS/);
		expect(ran.stderr).not.toContain("pack: pack");
		expect(same(again, before)).toBe(true);
	});
});

/** Waits until a child of this process runs `program`; its pid. */
async function childOf(pid: number, program: string): Promise<number> {
	for (let i = 0; i < 500; i++) {
		for (const child of descendants(pid)) {
			try {
				if (readFileSync(`/proc/${child}/cmdline`, "utf8").split("\0").slice(0, 2).join(" ").includes(program))
					return child;
			} catch {}
		}
		await sleep(10);
	}
	throw new Error(`${program} was not started`);
}

function descendants(pid: number): number[] {
	try {
		const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
		const own = text.split(" ").filter(Boolean).map(Number);
		return [...own, ...own.flatMap(descendants)];
	} catch {
		return [];
	}
}

describe("a mksquashfs that does not end by itself", () => {
	const slow = (scratch: Scratch): string[] =>
		replacedProgram(
			scratch,
			"mksquashfs",
			'case $1 in -?*) exec "$REAL" "$@";; esac\n"$REAL" "$@"\necho $$ >"$REAL.pid"\nexec sleep 60',
		);

	it.each(["SIGKILL", "SIGTERM"] as const)("killed by %s: clean, and the source stays", async (signal) => {
		const scratch = scratchRoot();
		const { place, expectUntouched } = tree(scratch);
		const prefix = slow(scratch);
		const running = ksquash(["pack", place, "--root", scratch.root], {
			prefix,
			onStart: async ({ pid }) => {
				const sleeping = await childOf(pid ?? 0, "sleep 60");
				process.kill(sleeping, signal);
			},
		});
		expectRefusal(await running, 70, `mksquashfs was ended by ${signal}`);
		expectUntouched();
	});

	it.each([
		["SIGINT", 130],
		["SIGTERM", 143],
		["SIGHUP", 129],
	] as const)("%s to ksquash: %i, the child is gone, nothing is left", async (signal, status) => {
		const scratch = scratchRoot();
		const { place, expectUntouched } = tree(scratch);
		let child = 0;
		const ran = await ksquash(["pack", place, "--root", scratch.root], {
			prefix: slow(scratch),
			onStart: async ({ pid }) => {
				child = await childOf(pid ?? 0, "sleep 60");
				process.kill(pid ?? 0, signal);
			},
		});
		expect({ status: ran.status, stderr: ran.stderr }).toMatchObject({ status });
		expect(ran.stderr).not.toMatch(/^ {4}at /m);
		expect(existsSync(`/proc/${child}`)).toBe(false);
		expectUntouched();
	});
});
