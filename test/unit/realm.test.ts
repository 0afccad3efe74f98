/** System errors of another realm: in a vm context, as jest makes one, Error is another class than that of Node's own errors. */

import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { KsquashError } from "../../src/errors.ts";
import { failure } from "../../src/system/failure.ts";
import { hasCode } from "../../src/system/files.ts";

const script =
	"Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT', errno: -2, syscall: 'open', path: '/x' })";

it("are known by their code, and become an error of ours", () => {
	const error: unknown = runInNewContext(script);
	expect(error).not.toBeInstanceOf(Error);
	expect(hasCode(error, "ENOENT")).toBe(true);
	expect(failure(error, "read /x")).toBeInstanceOf(KsquashError);
	expect(failure(error, "read /x")).toMatchObject({ errno: -2, syscall: "open", cause: error });
});

it("are no errors of ours where they are none of the system's", () => {
	for (const other of [null, undefined, "ENOENT", 2, {}, { code: "ENOENT" }, runInNewContext("new Error('x')")]) {
		expect(failure(other, "read /x")).toBe(other);
	}
	expect(hasCode(null, "ENOENT")).toBe(false);
	expect(hasCode("ENOENT", "ENOENT")).toBe(false);
});
