import { execFileSync } from "node:child_process";
import {
	chmodSync,
	closeSync,
	mkdirSync,
	openSync,
	renameSync,
	rmSync,
	symlinkSync,
	truncateSync,
	utimesSync,
	writeFileSync,
	writeSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { compareTree, listTree, umount } from "../../../src/native/verbs.ts";
import { setXattr } from "../../support/xattr.ts";
import { makeTree, time } from "./compare-support.ts";
import { cleanUp, fresh, ownFds, ownLoops, pack, rejection } from "./support.ts";

afterAll(cleanUp);

const original = makeTree();
const image = pack(original);

/** A copy with the same metadata, changed by `edit`; every time is set back but those that `edit` means to change. */
function copyWith(edit: (at: (name: string) => string) => void, keepTimes = true): string {
	const copy = fresh("copy", false);
	execFileSync("cp", ["-a", original, copy]);
	edit((name) => join(copy, name));
	if (keepTimes) execFileSync("find", [copy, "-exec", "touch", "-h", "-d", `@${time}`, "{}", "+"]);
	return copy;
}

async function differences(tree: string, subset = false): Promise<string[]> {
	const result = await compareTree({ tree, image, subset });
	expect(result.differenceCount).toBe(result.differences.length);
	for (const { kind, what } of result.differences) {
		expect([what, kinds.find(([text]) => text.test(what))?.[1]]).toEqual([what, kind]);
		seenKinds.add(kind);
	}
	return result.differences.map(({ path, what }) => `${path}: ${what}`);
}

/** What a program goes by, beside the words for a person. */
const kinds: [RegExp, string | undefined][] = [
	[/^only in the tree$/, "missing-in-image"],
	[/^only in the image$/, "missing-in-source"],
	[/^type \w/, "type"],
	[/^mode \d/, "mode"],
	[/^size \d/, "size"],
	[/^time \d/, "time"],
	[/^device \d/, "device"],
	[/^link target \w/, "link-target"],
	[/^content$/, "content"],
	[/^xattr user/, "xattr"],
	[/^on another file system$/, "other-file-system"],
];
const seenKinds = new Set<string | undefined>();

describe("compareTree", () => {
	it("finds no difference in what was packed, and counts it all", async () => {
		let progress = { entries: 0, bytes: 0 };
		const result = await compareTree({ tree: original, image, onProgress: (p) => (progress = p) });
		expect(result.differences).toEqual([]);
		expect(result.entries).toBe(
			Number(execFileSync("sh", ["-c", 'find "$0" -printf x | wc -c', original], { encoding: "utf8" })),
		);
		expect(progress).toEqual({ entries: result.entries, bytes: result.bytes });
		expect(ownLoops()).toEqual([]);
	});

	it.each<[string, (at: (name: string) => string) => void, string[]]>([
		["mode", (at) => chmodSync(at("empty"), 0o600), ["empty: mode 0600 / 0644"]],
		["setgid", (at) => chmodSync(at("dir"), 0o775), ["dir: mode 0775 / 2775"]],
		["mode of the top", (at) => chmodSync(at("."), 0o700), [".: mode 0700 / 0755"]],
		["size", (at) => truncateSync(at("script"), 3), ["hard: size 3 / 10", "script: size 3 / 10"]],
		["same size", (at) => writeFileSync(at("dir/deep/file"), "deeP\n"), ["dir/deep/file: content"]],
		[
			"last byte of a large file",
			(at) => {
				const big = openSync(at("big"), "r+");
				writeSync(big, Buffer.alloc(4), 0, 4, 5242876);
				closeSync(big);
			},
			["big: content"],
		],
		[
			"link target",
			(at) => {
				rmSync(at("link"));
				symlinkSync("dir/deer", at("link"));
			},
			["link: link target dir/deer / dir/deep"],
		],
		[
			"type",
			(at) => {
				rmSync(at("empty"));
				mkdirSync(at("empty"));
			},
			["empty: type directory / file"],
		],
		[
			"type, the other way",
			(at) => {
				rmSync(at("dir"), { recursive: true });
				writeFileSync(at("dir"), "");
			},
			["dir: type file / directory"],
		],
		[
			"device",
			(at) => {
				rmSync(at("null"));
				execFileSync("mknod", [at("null"), "c", "1", "5"]);
			},
			["null: device 1:5 / 1:3"],
		],
		["xattr value", (at) => setXattr(at("script"), "user.a", "other"), ["hard: xattr user.a", "script: xattr user.a"]],
		["xattr gone", (at) => setXattr(at("dir"), "user.d"), ["dir: xattr user.d"]],
		["xattr more", (at) => setXattr(at("empty"), "user.b", ""), ["empty: xattr user.b"]],
		["extra file", (at) => writeFileSync(at("dir/extra"), ""), ["dir/extra: only in the tree"]],
		["extra directory", (at) => mkdirSync(at("more/and/more"), { recursive: true }), ["more: only in the tree"]],
		["missing file", (at) => rmSync(at("new\nline")), ["new\\012line: only in the image"]],
		["missing directory", (at) => rmSync(at("dir"), { recursive: true }), ["dir: only in the image"]],
	])("finds: %s", async (_name, edit, found) => {
		expect(await differences(copyWith(edit))).toEqual(found);
	});

	it("finds another time, of a file, a directory and a link", async () => {
		const copy = copyWith((at) => {
			utimesSync(at("empty"), time + 1, time + 1);
			utimesSync(at("dir/deep"), time + 1, time + 1);
			execFileSync("touch", ["-h", "-d", `@${time + 1}`, at("link")]);
		}, false);
		const what = `time ${time + 1} / ${time}`;
		expect(await differences(copy)).toEqual([`dir/deep: ${what}`, `empty: ${what}`, `link: ${what}`]);
	});

	it("finds a rename to bytes that are not UTF-8", async () => {
		const copy = copyWith((at) =>
			renameSync(Buffer.from(at("é"), "utf8"), Buffer.concat([Buffer.from(`${at(".")}/`), Buffer.from([0xfe])])),
		);
		expect(await differences(copy)).toEqual(["é: only in the image", "\\376: only in the tree"]);
	});

	it("lets a subset lack entries, but not differ or have more", async () => {
		const copy = copyWith((at) => rmSync(at("dir/deep"), { recursive: true }), false);
		expect(await differences(copy, true)).toEqual([]);
		writeFileSync(join(copy, "dir/new"), "");
		chmodSync(join(copy, "empty"), 0o600);
		expect(await differences(copy, true)).toEqual(["dir/new: only in the tree", "empty: mode 0600 / 0644"]);
	});

	it("leaves out the excluded names of the top only", async () => {
		const copy = copyWith((at) => {
			mkdirSync(at(".git/objects"), { recursive: true });
			mkdirSync(at("dir/.git"));
		});
		const result = await compareTree({ tree: copy, image, exclude: [".git"] });
		expect(result.differences).toEqual([{ path: "dir/.git", what: "only in the tree", kind: "missing-in-image" }]);
	});

	it("does not cross into another file system, and refuses a link as top", async () => {
		const copy = copyWith((at) => rmSync(at("dir/deep/er"), { recursive: true }));
		mkdirSync(join(copy, "dir/deep/er"));
		execFileSync("mount", ["-t", "tmpfs", "none", join(copy, "dir/deep/er")]);
		expect((await differences(copy)).filter((line) => !line.includes("time"))).toEqual([
			"dir/deep/er: on another file system",
		]);
		expect(await rejection(listTree({ tree: copy }))).toMatchObject({ code: "EXDEV", path: join(copy, "dir/deep/er") });
		await umount(join(copy, "dir/deep/er"));
		const link = fresh("link", false);
		symlinkSync(copy, link);
		expect((await rejection(compareTree({ tree: link, image }))).code).toMatch(/ENOTDIR|ELOOP/);
	});

	it("finds an owner in the image that is not root", async () => {
		const owned = fresh("owned.sqfs", false);
		execFileSync(
			"mksquashfs",
			[original, owned, "-noappend", "-quiet", "-no-progress", "-force-uid", "7", "-force-gid", "8"],
			{ stdio: "ignore" },
		);
		const result = await compareTree({ tree: original, image: owned });
		expect(result.differences[0]).toEqual({ path: ".", what: "owner 7:8 in the image", kind: "owner" });
		expect(result.differenceCount).toBe(result.entries);
	});

	it("has said each kind", () => {
		expect([...seenKinds].toSorted()).toEqual(kinds.map(([, kind]) => kind).toSorted());
	});

	it("stops at a signal with its reason, and leaves nothing", async () => {
		const before = ownFds();
		const reason = new Error("enough");
		expect(await rejection(compareTree({ tree: original, image, signal: AbortSignal.abort(reason) }))).toBe(reason);
		const controller = new AbortController();
		const work = compareTree({ tree: original, image, signal: controller.signal });
		controller.abort(reason);
		expect(await rejection(work)).toBe(reason);
		expect(ownFds()).toBe(before);
		expect(ownLoops()).toEqual([]);
	});
});
