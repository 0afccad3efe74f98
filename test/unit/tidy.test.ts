/** scripts/tidy-file.sh with a clang-tidy that counts how often it is asked: what it remembers, and what makes it forget. */

import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { run } from "../support/process.ts";
import { scratchRoot } from "../support/scratch.ts";

const script = join(import.meta.dirname, "../../scripts/tidy-file.sh");

it("looks again when the file, a header, the settings or the tool is another, and after a complaint", async () => {
	const at = scratchRoot().root;
	mkdirSync(join(at, "bin"));
	cpSync(script, join(at, "tidy-file.sh"));
	const put = (name: string, text: string): void => writeFileSync(join(at, name), text, { mode: 0o755 });
	const tool = (version: number, answer: string): void =>
		put("bin/clang-tidy", `#!/bin/sh\n[ "$1" != --version ] || exec echo ${version}\necho x >>called\n${answer}\n`);
	put(".clang-tidy", "Checks: '*'\n");
	put("a.h", "int a();\n");
	put("a.cpp", '#include "a.h"\nint main() { return a(); }\n');
	const calls = async (): Promise<[number | null, number]> => {
		const env = { PATH: `${join(at, "bin")}:${process.env.PATH}` };
		const { status } = await run(["sh", "tidy-file.sh", "a.cpp"], { cwd: at, env });
		const called = join(at, "called");
		return [status, existsSync(called) ? readFileSync(called, "utf8").length / 2 : 0];
	};

	tool(14, "echo 'a.cpp:1: error'; exit 1");
	expect([await calls(), await calls()]).toEqual([
		[1, 1],
		[1, 2],
	]);
	tool(14, "");
	expect([await calls(), await calls()]).toEqual([
		[0, 3],
		[0, 3],
	]);
	// A comment counts, too: it may be one to clang-tidy.
	put("a.h", "int a(); // NOLINT\n");
	expect([await calls(), await calls()]).toEqual([
		[0, 4],
		[0, 4],
	]);
	put("a.cpp", '#include "a.h"\nint main() { return a() + 1; }\n');
	expect(await calls()).toEqual([0, 5]);
	put(".clang-tidy", "Checks: '-*'\n");
	expect(await calls()).toEqual([0, 6]);
	tool(15, "");
	expect(await calls()).toEqual([0, 7]);
	expect(await calls()).toEqual([0, 7]);
});
