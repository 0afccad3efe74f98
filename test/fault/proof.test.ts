/** A proof that saw nothing, or not all, proves nothing: by the lists alone, and through a sqfs2tar that lies where nothing can be mounted. */

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { KsquashError } from "../../src/errors.ts";
import { assertEqual } from "../../src/image/proof.ts";
import { ListBuilder, type ListEntry } from "../../src/system/list.ts";
import { placeTarball, scratchRoot } from "../support/scratch.ts";
import {
	content,
	expectClean,
	expectRefusal,
	has,
	imageHolds,
	ksquash,
	name,
	names,
	placeSmall,
	replacedProgram,
	same,
} from "./support.ts";

const entries: ListEntry[] = [
	{ type: "d", mode: 0o755, mtime: 5, path: "." },
	{ type: "f", mode: 0o644, mtime: 5, path: "a", size: 3, sha256: "a".repeat(64) },
	{ type: "l", mode: 0o777, mtime: 5, path: "b", target: "a" },
];

function list(rows: readonly ListEntry[]): ReturnType<ListBuilder["finish"]> {
	const builder = new ListBuilder();
	for (const row of rows) builder.add(row);
	return builder.finish();
}

const [top, file, link] = entries as [ListEntry, ListEntry, ListEntry];

describe("assertEqual", () => {
	it("is content with equal lists only", () => {
		expect(() => assertEqual(list(entries), list([...entries].reverse()), "image", "tree")).not.toThrow();
	});

	it.each<[string, ListEntry[], ListEntry[]]>([
		["nothing read from the image", entries, []],
		["nothing read from the source", [], entries],
		["nothing at all", [], []],
		["an entry missing", entries, [top, file]],
		["an entry too many", entries, [...entries, { ...file, path: "c" }]],
		["an entry twice in the image", entries, [...entries, file]],
		["an entry twice in the source", [...entries, file], entries],
		["one entry twice instead of another", entries, [top, file, file]],
		["other content", entries, [top, { ...file, sha256: "b".repeat(64) }, link]],
		["another size", entries, [top, { ...file, size: 4 }, link]],
		["another mode", entries, [top, { ...file, mode: 0o600 }, link]],
		["another time", entries, [top, { ...file, mtime: 6 }, link]],
		["another target", entries, [top, file, { ...link, target: "./a" }]],
		["another type", entries, [top, { ...file, type: "p" }, link]],
	])("refuses %s", (_, source, image) => {
		const proof = (): void => assertEqual(list(source), list(image), "image", "tree");
		expect(proof).toThrow(KsquashError);
		expect(proof).toThrow(expect.objectContaining({ code: "ERR_KSQUASH_PROOF" }));
	});

	it("is not deceived by right bytes with a wrong count", () => {
		const good = list(entries);
		expect(() => assertEqual(good, { ...good, entries: 4 }, "image", "tree")).toThrow("not equal");
		expect(() => assertEqual(good, { ...good, bytes: 4 }, "image", "tree")).toThrow("not equal");
	});
});

/** Root without CAP_SYS_ADMIN: everything but mounting. */
const unprivileged = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"];

describe.skipIf(!has("setpriv") || !has("sqfs2tar"))("where nothing can be mounted", () => {
	it("a true stream is a proof: with --replace-source the tree goes, and the image is whole", async () => {
		const scratch = scratchRoot();
		const place = placeSmall(join(scratch.src, name));
		const before = content(place);
		const kept = await ksquash(["pack", place, "--root", scratch.root], { prefix: unprivileged });
		expect(kept, kept.stderr).toMatchObject({
			status: 0,
			stderr: expect.stringContaining("--replace-source removes it"),
		});
		expect(same(place, before)).toBe(true);
		const ran = await ksquash(["pack", place, "--root", scratch.root, "--replace-source"], { prefix: unprivileged });
		expect(ran, ran.stderr).toMatchObject({ status: 0 });
		expect(names(place)).toEqual([]);
		expect(JSON.parse(readFileSync(`${place}.sqfs.json`, "utf8"))).toMatchObject({ proof: "stream" });
		expect(imageHolds(`${place}.sqfs`, before)).toBe(true);
		expectClean(scratch, [name, `${name}.sqfs`, `${name}.sqfs.json`, `${name}.sqfs.list.gz`]);
	});

	const change = '"$REAL" "$@" >"$REAL.tar" || exit\ncd "$REAL.d" 2>/dev/null || { mkdir "$REAL.d"; cd "$REAL.d"; }\n';
	// tar --delete makes of it no good archive.
	const without =
		"import sys,tarfile; b=open(sys.argv[1],'rb').read(); m=tarfile.open(sys.argv[1]).getmember(sys.argv[2]); " +
		"sys.stdout.buffer.write(b[:m.offset]+b[m.offset_data+-(-m.size//512)*512:])";
	const lies: [string, string][] = [
		["nothing", "exit 0"],
		["an archive without entries", "head -c 10240 /dev/zero"],
		["half of it", '"$REAL" "$@" | head -c 20000'],
		["all but its end", `${change}size=$(stat -c %s "$REAL.tar")\nhead -c $((size - 1024)) "$REAL.tar"`],
		["an entry less", `${change}python3 -c "${without}" "$REAL.tar" ./README`],
		["an entry more", `${change}echo x >more && tar -rf "$REAL.tar" ./more && cat "$REAL.tar"`],
		["an entry twice", `${change}tar -xf "$REAL.tar" ./README && tar -rf "$REAL.tar" ./README && cat "$REAL.tar"`],
		["another byte", `${change}LC_ALL=C sed 's/checksum(/checkmum(/' "$REAL.tar"`],
		["all of it, and that it failed", `${change}cat "$REAL.tar"; exit 1`],
	];
	it.each(lies)("a sqfs2tar that gives %s: refused, and the tree stays", async (_, script) => {
		const scratch = scratchRoot();
		const place = placeSmall(join(scratch.src, name));
		const before = content(place);
		const prefix = [...replacedProgram(scratch, "sqfs2tar", script), ...unprivileged];
		const ran = await ksquash(["pack", place, "--root", scratch.root, "--replace-source"], { prefix });
		expect([65, 70]).toContain(ran.status);
		expectRefusal(ran, ran.status ?? 0);
		expect(same(place, before)).toBe(true);
		expectClean(scratch, [name]);
	});

	it.each(lies)("a sqfs2tar that gives %s: refused, and the tarball stays", async (_, script) => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch);
		const bytes = readFileSync(tarball);
		const prefix = [...replacedProgram(scratch, "sqfs2tar", script), ...unprivileged];
		const ran = await ksquash(["pack", tarball, "--root", scratch.root, "--replace-source"], { prefix });
		expect([65, 70]).toContain(ran.status);
		expectRefusal(ran, ran.status ?? 0);
		expect(readFileSync(tarball).equals(bytes)).toBe(true);
		expectClean(scratch, []);
	});

	it("the script is really what runs: a true one passes", async () => {
		const scratch = scratchRoot();
		const tarball = placeTarball(scratch);
		const prefix = [...replacedProgram(scratch, "sqfs2tar", `${change}cat "$REAL.tar"`), ...unprivileged];
		const ran = await ksquash(["pack", tarball, "--root", scratch.root, "--replace-source"], { prefix });
		expect(ran, ran.stderr).toMatchObject({ status: 0 });
		expect(existsSync(tarball)).toBe(false);
		expect(execFileSync("tar", ["-tf", scratch.path("real-sqfs2tar.tar")], { encoding: "utf8" })).toContain("./README");
	});
});
