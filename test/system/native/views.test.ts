/** An image is read through several mounts of it at once, one for each thread: the same findings, and nothing is left. */
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { copyFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { pack as makeTar } from "tar-stream";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";
import { compareTree, listTree } from "../../../src/native/verbs.ts";
import { cleanUp, fresh, ownFds, ownLoops, pack } from "./support.ts";

afterAll(cleanUp);

const directories = 300;
const files = 12;
const content = (directory: number, file: number) => `file ${file} of directory ${directory}\n`.repeat(file * 40);
const name = (directory: number, file: number) => `d${String(directory).padStart(3, "0")}/f${file}`;

/** More files than a stretch has, in more directories, and a large one. */
function makeTree(): string {
	const tree = fresh("tree");
	for (let directory = 0; directory < directories; directory++) {
		mkdirSync(join(tree, name(directory, 0), ".."));
		for (let file = 0; file < files; file++) writeFileSync(join(tree, name(directory, file)), content(directory, file));
	}
	writeFileSync(join(tree, "d150/large"), Buffer.alloc(9 << 20, "large"));
	return tree;
}

const tree = makeTree();
const image = pack(tree, "-b", "256K");
const every = [1, 2, 3, 8];

describe("several mounts of an image", () => {
	it("list it as one does", async () => {
		const plain = await listTree({ tree });
		const before = ownFds();
		for (const jobs of every) {
			const listed = await listTree({ image, jobs });
			expect(listed.entries).toBe(plain.entries);
			expect(Buffer.compare(listed.list, plain.list), `${jobs} jobs`).toBe(0);
		}
		expect(ownLoops()).toEqual([]);
		expect(ownFds()).toBe(before);
	});

	it("read files whose path is too long for a system call", async () => {
		const tar = makeTar();
		const parents = Array.from({ length: 25 }, (_, depth) =>
			Array(depth + 1)
				.fill("n".repeat(200))
				.join("/"),
		);
		for (const path of parents) tar.entry({ name: path, type: "directory" });
		// More than a stretch: each thread has some of them.
		for (let file = 0; file < 4000; file++) tar.entry({ name: `${parents.at(-1)}/${file}` }, `${file}\n`);
		tar.finalize();
		const deep = fresh("deep.sqfs", false);
		const quiet = ["-noappend", "-no-progress", "-quiet"];
		const made = spawn("mksquashfs", ["-", deep, "-tar", ...quiet], { stdio: ["pipe", "ignore", "inherit"] });
		await pipeline(tar as unknown as NodeJS.ReadableStream, made.stdin);
		await once(made, "close");
		const one = await listTree({ image: deep, jobs: 1 });
		expect(one.entries).toBe(1 + parents.length + 4000);
		expect(Buffer.compare((await listTree({ image: deep, jobs: 4 })).list, one.list)).toBe(0);
	});

	it("find each file that differs, wherever it lies", async () => {
		const copy = fresh("copy", false);
		execFileSync("cp", ["-a", tree, copy]);
		const changed: string[] = [];
		for (let directory = 0; directory < directories; directory += 7) {
			const path = name(directory, 1 + (directory % (files - 1)));
			const bytes = readFileSync(join(copy, path));
			bytes[bytes.length >> 1] = 0;
			writeFileSync(join(copy, path), bytes);
			execFileSync("touch", ["-r", join(tree, path), join(copy, path)]);
			changed.push(`${path}: content`);
		}
		for (const jobs of every) {
			const { differences } = await compareTree({ tree: copy, image, jobs });
			expect(
				differences.map(({ path, what }) => `${path}: ${what}`),
				`${jobs} jobs`,
			).toEqual(changed);
		}
		expect(ownLoops()).toEqual([]);
	});

	it.each([
		{ jobs: 1, content: true, mounts: 1 },
		{ jobs: 2, content: true, mounts: 2 },
		{ jobs: 8, content: true, mounts: 4 },
		{ jobs: 8, content: false, mounts: 1 },
	])("are $mounts for $jobs threads, with content $content", async ({ jobs, content, mounts }) => {
		const { calls } = await listTraced(image, { jobs, content }, []);
		expect(calls).toBe(mounts);
	});

	it("need not be had: the first is enough", async () => {
		const { list } = await listTree({ image, jobs: 1 });
		const { said, calls } = await listTraced(image, { jobs: 8 }, ["-e", "inject=fsopen:error=EPERM:when=2+"]);
		expect(calls).toBe(2);
		expect(said).toBe(sha256(list));
		expect(ownLoops()).toEqual([]);
	});

	it("are of one file: another that takes its name meanwhile is not read", async () => {
		const moving = fresh("moving.sqfs", false);
		copyFileSync(image, moving);
		const other = fresh("other");
		writeFileSync(join(other, "no file of the first"), "other\n");
		const late = pack(other);
		const { list } = await listTree({ image, jobs: 1 });
		const delay = ["-e", "inject=fsopen:delay_enter=1500000:when=1"];
		const running = listTraced(moving, { jobs: 8 }, delay);
		while (ownLoops().length === 0) await sleep(5);
		renameSync(late, moving);
		const { said, calls } = await running;
		expect(said).toBe(sha256(list));
		// It was mounted, found to be another, and let go.
		expect(calls).toBe(2);
		expect(ownLoops()).toEqual([]);
	});
});

function sha256(bytes: Uint8Array): string {
	return createHash("sha256").update(bytes).digest("hex");
}

const addon = new URL("../../../build/Release/ksquash.node", import.meta.url).pathname;
const program = `
const made = { exports: {} };
process.dlopen(made, ${JSON.stringify(addon)});
const [image, request] = process.argv.slice(1);
made.exports.listTree({ tree: "", image, ...JSON.parse(request) }, new BigInt64Array(3)).then(({ list }) => {
	console.log(require("node:crypto").createHash("sha256").update(list).digest("hex"));
});
`;

/** In a process under strace: the sha256 of its list, and how many file systems it wanted to make. */
async function listTraced(
	path: string,
	request: { jobs: number; content?: boolean },
	inject: readonly string[],
): Promise<{ said: string; calls: number }> {
	const trace = fresh("trace", false);
	const traced = ["-f", "-o", trace, "-e", "trace=fsopen", ...inject];
	const child = spawn("strace", [...traced, process.execPath, "-e", program, path, JSON.stringify(request)], {
		stdio: ["ignore", "pipe", "inherit"],
	});
	onTestFinished(() => void child.kill("SIGKILL"));
	let said = "";
	child.stdout.setEncoding("utf8").on("data", (text: string) => {
		said += text;
	});
	await new Promise((done) => child.once("close", done));
	const calls = readFileSync(trace, "utf8").match(/fsopen\("squashfs"/g) ?? [];
	return { said: said.trim(), calls: calls.length };
}
