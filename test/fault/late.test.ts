/** What is written into a tree after its proof and before its removal stays, is named, and is not in the image. */

import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { mountsBelow, scratchRoot } from "../support/scratch.ts";
import { content, has, imageHolds, ksquash, name, names, placeSmall, strace } from "./support.ts";

/** Stops ksquash around the exchange (the third renameat2), lets `work` happen, and lets it go on. */
async function stoppedAtExchange(
	root: string,
	place: string,
	log: string,
	work: () => void,
): ReturnType<typeof ksquash> {
	let late: unknown;
	const ran = await ksquash(["pack", place, "--root", root], {
		prefix: strace(log, "trace=renameat2", "inject=renameat2:signal=STOP:when=3"),
		onStart: async () => {
			const stopped = (): string => (existsSync(log) ? readFileSync(log, "utf8") : "");
			while (!stopped().includes("--- stopped by SIGSTOP ---")) await sleep(20);
			try {
				work();
			} catch (error) {
				late = error;
			}
			process.kill(Number(/^(\d+) .*stopped by SIGSTOP/m.exec(stopped())?.[1]), "SIGCONT");
		},
	});
	if (late !== undefined) throw late;
	return ran;
}

describe.skipIf(!has("strace"))("late changes", () => {
	it("stay and are named; all else goes, and the image is what was proved", async () => {
		const scratch = scratchRoot();
		const place = placeSmall(join(scratch.src, name));
		const aside = join(scratch.src, `.${name}.rest`);
		const before = content(place);
		const ran = await stoppedAtExchange(scratch.root, place, scratch.path("log"), () => {
			const places = [join(scratch.src, `.${name}.replaced`), aside, place];
			const tree = places.find((path) => existsSync(join(path, "Makefile"))) ?? place;
			writeFileSync(join(tree, "late.c"), "int late;\n");
			appendFileSync(join(tree, "README"), "late words\n");
			// The same size and time as before: only its change time tells.
			const file = join(tree, "lib/checksum.c");
			const times = scratch.path("times");
			execFileSync("touch", ["-r", file, times]);
			writeFileSync(file, readFileSync(file, "utf8").replace(/[a-z]/, "Z"));
			execFileSync("touch", ["-r", times, file]);
			// To the nanosecond, which Node's own utimes cannot.
			expect(statSync(file, { bigint: true }).mtimeNs).toBe(statSync(times, { bigint: true }).mtimeNs);
			// Another file under an old name.
			writeFileSync(join(tree, "new"), readFileSync(join(tree, "COPYING")));
			renameSync(join(tree, "new"), join(tree, "COPYING"));
		});
		expect(ran, ran.stderr).toMatchObject({ status: 0 });
		expect(mountsBelow(scratch.root)).toEqual([place]);
		expect(imageHolds(`${place}.sqfs`, before)).toBe(true);
		expect(names(aside)).toEqual(["COPYING", "README", "late.c", "lib"]);
		expect(names(join(aside, "lib"))).toEqual(["checksum.c"]);
		expect(readFileSync(join(aside, "README"), "utf8")).toContain("late words");
		const said = ran.stdout + ran.stderr;
		for (const file of ["COPYING", "README", "late.c", "lib/checksum.c"]) expect(said).toContain(file);
		expect(said).toContain(aside);

		const again = await ksquash(["pack", place, "--root", scratch.root]);
		expect(again, again.stderr).toMatchObject({ status: 0 });
		expect(names(aside)).toEqual(["COPYING", "README", "late.c", "lib"]);
		for (const file of ["README", "late.c", "lib/checksum.c"]) expect(again.stdout + again.stderr).toContain(file);
	});
});
