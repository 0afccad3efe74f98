/** verify: what is wrong is named, down to the file. */

import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { pack, remove, verify } from "../../../src/index.ts";
import { placeTarball, type Scratch, scratchRoot, smallRelease } from "../../support/scratch.ts";

/** Bodies as they are: a byte changed in the image is a byte changed in a file. */
async function packed(scratch: Scratch): Promise<string> {
	const options = { root: scratch.root, toolOptions: ["-noD", "-noF"] };
	return (await pack(placeTarball(scratch), options)).image;
}

function damage(image: string, text: string): void {
	const bytes = readFileSync(image);
	const at = bytes.indexOf(text);
	expect(at).toBeGreaterThan(0);
	bytes[at] = (bytes[at] as number) ^ 0x20;
	writeFileSync(image, bytes);
}

const options = (scratch: Scratch) => ({ root: scratch.root, depth: "deep" }) as const;

describe("verify --deep", () => {
	it("finds a good image good, its list being the canonical one and small", async () => {
		const scratch = scratchRoot();
		const image = await packed(scratch);
		const { checked } = await verify(smallRelease, options(scratch));
		expect(checked.join()).toMatch(/all \d+ entries/);
		const list = gunzipSync(readFileSync(`${image}.list.gz`)).toString();
		expect(list).toMatch(/^d 0755 0 0 - \.\n/);
		expect(list).toMatch(/^f 0644 \d+ \d+ [0-9a-f]{64} lib\/checksum\.c$/m);
		expect(list.trimEnd().split("\n")).toHaveLength(JSON.parse(readFileSync(`${image}.json`, "utf8")).content.entries);
	});

	it("names the file in which a byte is another", async () => {
		const scratch = scratchRoot();
		const image = await packed(scratch);
		damage(image, "checksum(");
		const found = { code: "ERR_KSQUASH_IMAGE", notes: expect.arrayContaining(["lib/checksum.c: content"]) };
		await expect(verify(smallRelease, options(scratch))).rejects.toMatchObject(found);
		await expect(verify(smallRelease, { root: scratch.root })).rejects.toMatchObject({ message: /sha256/ });
		expect((await verify(smallRelease, { root: scratch.root, depth: "quick" })).checked).toHaveLength(2);
	});

	it("says how: size, mode, link, missing and new", async () => {
		const scratch = scratchRoot();
		const image = await packed(scratch);
		const tree = scratch.path("tree");
		execFileSync("cp", ["-a", scratch.path("tmp", `linux-${smallRelease}`), tree]);
		const before = statSync(join(tree, "README"));
		writeFileSync(join(tree, "README"), "short");
		utimesSync(join(tree, "README"), before.atime, before.mtime);
		execFileSync("chmod", ["600", join(tree, "COPYING")]);
		rmSync(join(tree, "Documentation/building.rst"));
		writeFileSync(join(tree, "lib/new.c"), "");
		const other = await pack(tree, { root: scratch.root, release: "6.2" });
		// Another image in the place of the one that the manifest is of: size and superblock are made to fit it.
		const manifest = JSON.parse(readFileSync(`${image}.json`, "utf8"));
		manifest.image = JSON.parse(readFileSync(`${other.image}.json`, "utf8")).image;
		writeFileSync(`${image}.json`, JSON.stringify(manifest));
		execFileSync("cp", [other.image, image]);
		const error = await verify(smallRelease, options(scratch)).catch((reason: unknown) => reason);
		const { notes } = error as { notes: string[] };
		expect(notes).toContain("Documentation/building.rst: only in the list");
		expect(notes).toContain("lib/new.c: only in the image");
		expect(notes.find((note) => note.startsWith("README: "))).toMatch(/size \d+ \/ 5, content/);
		expect(notes.find((note) => note.startsWith("COPYING: "))).toContain("mode 0644 / 0600");
	});

	it("a change outside of every file: said so", async () => {
		const scratch = scratchRoot();
		const image = await packed(scratch);
		const bytes = readFileSync(image);
		bytes[bytes.length - 1] = 1;
		writeFileSync(image, bytes);
		const found = {
			message: /sha256/,
			notes: expect.arrayContaining([expect.stringContaining("lies in none of them")]),
		};
		await expect(verify(smallRelease, options(scratch))).rejects.toMatchObject(found);
	});

	it.each([
		["absent", (path: string) => rmSync(path)],
		["damaged", (path: string) => writeFileSync(path, "no gzip")],
		["of another image", (path: string) => execFileSync("sh", ["-c", 'echo x | gzip >"$1"', "sh", path])],
	])("with a list that is %s: a good image is good, a bad one is bad without names", async (why, spoil) => {
		const scratch = scratchRoot();
		const image = await packed(scratch);
		spoil(`${image}.list.gz`);
		expect((await verify(smallRelease, options(scratch))).checked.length).toBeGreaterThan(2);
		damage(image, "checksum(");
		const notes = expect.arrayContaining([expect.stringContaining(`.list.gz is ${why}`)]);
		await expect(verify(smallRelease, options(scratch))).rejects.toMatchObject({ notes });
	});

	it("the list goes with its release, and is another after --replace", async () => {
		const scratch = scratchRoot();
		const image = await packed(scratch);
		writeFileSync(scratch.path("tmp", `linux-${smallRelease}`, "README"), "other\n");
		execFileSync("tar", ["-cf", scratch.path("other.tar"), "-C", scratch.path("tmp"), `linux-${smallRelease}`]);
		await pack(scratch.path("other.tar"), { root: scratch.root, replace: true });
		expect(gunzipSync(readFileSync(`${image}.list.gz`)).toString()).toMatch(/^f 0644 6 .* README$/m);
		expect((await verify(smallRelease, options(scratch))).checked.length).toBeGreaterThan(2);
		const { removed } = await remove(smallRelease, { root: scratch.root });
		expect(removed).toContain(`${image}.list.gz`);
	});
});
