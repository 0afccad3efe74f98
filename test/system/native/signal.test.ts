/** AbortSignal on the verbs that wait for nothing, or for a lock file: before it begins, meanwhile, and after. */

import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import * as native from "../../../src/native/verbs.ts";
import { cleanUp, fresh, ownFds, rejection } from "./support.ts";

afterAll(cleanUp);

const reason = new Error("no longer wanted");
const file = (text: string) => {
	const path = fresh("file", false);
	writeFileSync(path, text);
	return path;
};

type Verb = (signal?: AbortSignal) => Promise<unknown>;
const looking: [string, Verb][] = [
	["resolveInRoot", (signal) => native.resolveInRoot("/", "/usr/src", { signal })],
	["flushFile", (signal) => native.flushFile(file("x"), { signal })],
	["foreignEntries", (signal) => native.foreignEntries(fresh(), 0, { signal })],
	["probe", (signal) => native.probe({ signal })],
];

describe.each(looking)("%s", (_name, verb) => {
	it("does not begin, and is not waited for, when the signal says so", async () => {
		expect(await rejection(verb(AbortSignal.abort(reason)))).toBe(reason);
		const controller = new AbortController();
		const work = verb(controller.signal);
		controller.abort(reason);
		expect(await rejection(work)).toBe(reason);
	});

	it("goes its way when the signal comes later, or never", async () => {
		const controller = new AbortController();
		expect(await verb(controller.signal)).toEqual(await verb());
		controller.abort(reason);
	});
});

describe.each([
	["exchange", native.exchange, "b"],
	["renameNew", native.renameNew, undefined],
] as const)("%s", (_name, verb, other) => {
	it("does not begin when the signal says so, and is whole once it has begun", async () => {
		const from = file("a");
		const to = other === undefined ? fresh("to", false) : file(other);
		expect(await rejection(verb(from, to, { signal: AbortSignal.abort(reason) }))).toBe(reason);
		expect(readFileSync(from, "utf8")).toBe("a");
		const controller = new AbortController();
		const work = verb(from, to, { signal: controller.signal });
		controller.abort(reason);
		await work;
		expect(readFileSync(to, "utf8")).toBe("a");
	});
});

describe("lock", () => {
	it("is not waited for when the signal says so, and not kept when it was won too late", async () => {
		const path = fresh("lock", false);
		expect(await rejection(native.lock(path, 0, { signal: AbortSignal.abort(reason) }))).toBe(reason);
		const late = new AbortController();
		const won = native.lock(path, 0, { signal: late.signal });
		late.abort(reason);
		expect(await rejection(won)).toBe(reason);
		const token = await native.lock(path);
		const fds = ownFds();
		const controller = new AbortController();
		const waiting = native.lock(path, 60_000, { signal: controller.signal });
		setTimeout(() => controller.abort(reason), 50);
		expect(await rejection(waiting)).toBe(reason);
		expect(ownFds()).toBe(fds);
		await native.unlock(token);
		await native.unlock(await native.lock(path, 0, { signal: new AbortController().signal }));
	});
});
