/** `ksquash doctor` about the package itself: who else could change what root runs. */

import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, chownSync, cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { scratchRoot } from "../support/scratch.ts";

const top = join(import.meta.dirname, "../..");

it("names the package's files and the directories above them that another user can write", () => {
	const { root, path } = scratchRoot();
	const home = path("home/package");
	mkdirSync(home, { recursive: true });
	for (const name of ["package.json", "dist", "build/Release/ksquash.node", "share"]) {
		cpSync(join(top, name), join(home, name), { recursive: true });
	}
	execFileSync("chown", ["-R", "0:0", root]);
	execFileSync("chmod", ["-R", "go-w", root]);
	const ownFiles = (): { result: string; found: string }[] => {
		const args = [join(home, "dist/cli/main.js"), "doctor", "--json", "--root", root];
		const { checks } = JSON.parse(spawnSync(process.execPath, args, { encoding: "utf8" }).stdout);
		return checks.filter(({ name }: { name: string }) => name === "ksquash's own files");
	};
	expect(ownFiles()).toMatchObject([{ result: "ok" }]);
	const [above, program] = [path("home"), join(home, "dist/cli/main.js")];
	chmodSync(above, 0o777);
	chownSync(program, 64_201, 0);
	expect(ownFiles()).toMatchObject([
		{ result: "warn", found: `${above} can be written by others` },
		{ result: "warn", found: `${program} belongs to the user 64201` },
	]);
	// Where nobody can put another file in the place of ours, as in /tmp.
	chmodSync(above, 0o1777);
	chownSync(program, 0, 0);
	expect(ownFiles()).toMatchObject([{ result: "ok" }]);
});
