/** What the documents say of codes and files is what there is. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { errorCodes, KsquashError } from "../../src/errors.ts";

const top = join(import.meta.dirname, "../..");

describe("docs/errors.md", () => {
	const text = readFileSync(join(top, "docs/errors.md"), "utf8");
	const rows = [...text.matchAll(/^\| `(ERR_KSQUASH_\w+)` \| (\d+) \|/gm)].map(([, code, status]) => [
		code,
		Number(status),
	]);

	it("has every code once, with its exit status, and no other", () => {
		const codes = errorCodes.map((code) => [code, new KsquashError(code, "").exitStatus]);
		expect(rows.toSorted()).toEqual(codes.toSorted());
	});
});

describe("links between the documents", () => {
	const documents = [
		"README.md",
		"CONTRIBUTING.md",
		"SECURITY.md",
		...readdirSync(join(top, "docs")).map((name) => `docs/${name}`),
	];

	it.each(documents.filter((name) => name.endsWith(".md")))("of %s lead somewhere", (name) => {
		const text = readFileSync(join(top, name), "utf8");
		const targets = [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, target]) => target as string);
		const missing = targets.filter((target) => !existsSync(resolve(top, dirname(name), target)));
		expect(missing).toEqual([]);
	});
});

describe("SECURITY.md", () => {
	it("has a row of tests for every sentence of what counts as a hole, and each test is there", () => {
		const text = readFileSync(join(top, "SECURITY.md"), "utf8");
		const [, holes = ""] = /## What counts as a hole\n(.*?)\n## /s.exec(text) ?? [];
		const rows = holes.split("\n").filter((line) => line.includes("`test/"));
		expect(rows).toHaveLength(holes.match(/^- /gm)?.length ?? 0);
		const named = [...holes.matchAll(/`(test\/[^`]+)`/g)].map(([, path]) => path as string);
		expect(named.filter((path) => !existsSync(join(top, path)))).toEqual([]);
	});
});
