/** `ksquash doctor` about the package itself: who else could change what root runs. */

import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { scratchRoot } from "../../support/scratch.ts";

const text = { encoding: "utf8" } as const;
const top = join(import.meta.dirname, "../../..");

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

it("names one command for all packages that are missing, of the system that it runs on", () => {
	const { root, path } = scratchRoot();
	// The machine as it is, but without these.
	const gone = ["mksquashfs", "flex", "bc"].map((name) =>
		execFileSync("sh", ["-c", `command -v ${name}`], text).trim(),
	);
	const empty = path("empty");
	writeFileSync(empty, "");
	const hide = gone.map((program) => `mount --bind '${empty}' "$(readlink -f ${program})"`).join(" && ");
	const command = `${hide} && exec "$0" "$1" doctor --json --root "$2"`;
	const inside = [
		"--mount",
		"--propagation",
		"private",
		"sh",
		"-ec",
		command,
		process.execPath,
		join(top, "dist/cli/main.js"),
		root,
	];
	const { status, stdout } = spawnSync("unshare", inside, text);
	const { checks, install } = JSON.parse(stdout) as { checks: { name: string; result: string }[]; install: string };
	expect(status).toBe(69);
	const missing = checks.filter(({ result }) => result !== "ok").map(({ name }) => name);
	expect(missing).toEqual(expect.arrayContaining(["mksquashfs", "flex", "bc"]));
	expect(install.split(/[ ·]+/)).toEqual(expect.arrayContaining(["squashfs-tools", "flex", "bc"]));
	if (existsSync("/usr/bin/apt-get")) expect(install).toMatch(/^apt install /);
});
