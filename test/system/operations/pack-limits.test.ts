/** What packing may take: memory as far as it is free, the lowest priority where that is asked. */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { pack } from "../../../src/index.ts";
import { run } from "../../../src/process/run.ts";
import { cliPath } from "../../support/cli.ts";
import { placeTarball, scratchRoot } from "../../support/scratch.ts";

function argumentsOf(image: string): string[] {
	return (JSON.parse(readFileSync(`${image}.json`, "utf8")) as { arguments: string[] }).arguments;
}

function optionIn(args: readonly string[], option: string): string | undefined {
	return args[args.indexOf(option) + 1];
}

/** A memory cgroup of this many bytes, of either version; undefined where none can be made. */
function memoryGroup(bytes: number): string | undefined {
	const v1 = existsSync("/sys/fs/cgroup/memory/memory.limit_in_bytes");
	const group = `/sys/fs/cgroup/${v1 ? "memory/" : ""}ksquash-test-${process.pid}`;
	try {
		mkdirSync(group);
		onTestFinished(() => rmdirSync(group));
		writeFileSync(join(group, v1 ? "memory.limit_in_bytes" : "memory.max"), String(bytes));
		return group;
	} catch {
		return undefined;
	}
}

describe("memory", () => {
	it("is what the caller says", async () => {
		const scratch = scratchRoot();
		const { image } = await pack(placeTarball(scratch), { root: scratch.root, memory: 100 << 20, jobs: 1 });
		const args = argumentsOf(image);
		expect([optionIn(args, "-mem"), optionIn(args, "-processors")]).toEqual(["100M", "1"]);
	});

	it("is a share of what a cgroup leaves, and packing works there", (context) => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch);
		const group = memoryGroup(256 << 20);
		if (group === undefined) return context.skip("no memory cgroup can be made here");
		const script = 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"';
		const ksquash = [process.execPath, cliPath, "pack", tarball, "--root", scratch.root];
		execFileSync("sh", ["-c", script, "sh", group, ...ksquash], { stdio: "pipe" });
		expect(optionIn(argumentsOf(join(scratch.src, "linux-6.1.99-small.sqfs")), "-mem")).toBe("16M");
	});
});

describe("priority", () => {
	it("is the lowest with nice, for processor and disk, and untouched without", async () => {
		const niceness = async (nice: boolean): Promise<string[]> => {
			const { lines } = await run("sh", ["-c", "nice; ionice"], { nice });
			return lines;
		};
		expect(await niceness(true)).toEqual(["19", "idle"]);
		const [own, io] = await niceness(false);
		expect(own).toBe(execFileSync("nice", { encoding: "utf8" }).trim());
		expect(io).not.toBe("idle");
	});

	it("changes nothing about the image", async () => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch);
		const first = await pack(tarball, { root: scratch.root, release: "6.1.1" });
		const second = await pack(tarball, { root: scratch.root, release: "6.1.2", nice: true });
		expect(readFileSync(second.image).equals(readFileSync(first.image))).toBe(true);
	});
});
