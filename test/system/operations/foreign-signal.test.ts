/** An AbortSignal of another class, as jsdom has one, stops a tarball's stream in the middle and not at the next step. */

import { readdirSync } from "node:fs";
import { expect, it } from "vitest";
import { type ProgressEvent, pack } from "../../../src/index.ts";
import { placeTarball, scratchRoot } from "../../support/scratch.ts";

class Signal extends EventTarget {
	aborted = false;
	reason: unknown;
	onabort = null;

	throwIfAborted(): void {
		if (this.aborted) throw this.reason;
	}

	abort(reason: unknown): void {
		this.aborted = true;
		this.reason = reason;
		this.dispatchEvent(new Event("abort"));
	}
}

it("stops the step that it comes in, and leaves nothing", async () => {
	const scratch = scratchRoot();
	const tarball = placeTarball(scratch);
	const before = readdirSync(scratch.src);
	const signal = new Signal();
	const reason = new Error("enough");
	const seen: string[] = [];
	const onProgress = ({ step, state }: ProgressEvent): void => {
		if (state !== "running") seen.push(`${step} ${state}`);
		if (step === "pack" && state === "start") setImmediate(() => signal.abort(reason));
	};
	const work = pack(tarball, { root: scratch.root, signal: signal as AbortSignal, onProgress });
	await expect(work).rejects.toBe(reason);
	expect(seen).toEqual(["pack start", "pack failed"]);
	expect(readdirSync(scratch.src)).toEqual(before);
	await pack(tarball, { root: scratch.root, signal: new Signal() as AbortSignal });
	expect(readdirSync(scratch.src).length).toBeGreaterThan(before.length);
});
