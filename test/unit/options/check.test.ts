/** The check of options where a value comes from elsewhere: another realm, a class, a prototype. */

import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { assertOptions } from "../../../src/options/check.ts";

const check = (options: unknown) => () => assertOptions("configure", options);

describe("values of another realm", () => {
	it("are judged by their shape", () => {
		const options = runInNewContext("({ fragments: ['a', 'b'], strict: true, onWarning() {} })");
		expect(Object.getPrototypeOf(options.fragments)).not.toBe(Array.prototype);
		expect(check(options)).not.toThrow();
		expect(check(runInNewContext("({ fragments: ['a', 1] })"))).toThrow(/fragments must be an array of strings/);
	});

	it("may be an AbortSignal of another class, as jsdom has one", () => {
		class Signal extends EventTarget {
			aborted = false;
			reason: unknown;
			throwIfAborted(): void {
				if (this.aborted) throw this.reason;
			}
		}
		expect(check({ signal: new Signal() })).not.toThrow();
		expect(check({ signal: new AbortController().signal })).not.toThrow();
		expect(check({ signal: new EventTarget() })).toThrow(/signal must be an AbortSignal/);
	});
});

describe("the names", () => {
	it("count where they are inherited, for they would be read", () => {
		expect(check(Object.create({ strict: true }))).not.toThrow();
		expect(check(Object.create({ strikt: true }))).toThrow("configure has no option strikt; did you mean strict?");
		expect(check(Object.assign(Object.create(null), { strict: true }))).not.toThrow();
	});

	it("do not count where every object has them", () => {
		Object.assign(Object.prototype, { everywhere: true });
		try {
			expect(check({ strict: true })).not.toThrow();
			expect(check({ everywhere: true })).toThrow("configure has no option everywhere");
		} finally {
			Reflect.deleteProperty(Object.prototype, "everywhere");
		}
	});

	it("of another verb are told with the verbs that have them", () => {
		expect(check({ purge: true })).toThrow("configure has no option purge; it is an option of remove");
		expect(check({ keepsource: true })).toThrow(
			"configure has no option keepsource; did you mean keepSource, an option of install, pack?",
		);
	});

	it("are all in the notes, for a name that is near to none", () => {
		expect(check({ xyzzy: 1 })).toThrow(
			expect.objectContaining({
				message: "configure has no option xyzzy",
				notes: [expect.stringMatching(/^options of configure: root, dryRun, .*\bcross\b/)],
			}),
		);
	});
});
