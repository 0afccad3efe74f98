/** Ownership that a user's own process made up: a file system by FUSE says of its files whatever its server says. */

import { execFileSync } from "node:child_process";
import { chownSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { allowFuse, whyNoFuse } from "../../support/fuse.ts";
import {
	asUser,
	call,
	GROUP,
	type Machine,
	machine,
	makeImage,
	policyText,
	type Sandbox,
	USER,
} from "../../support/helper.ts";
import { mountsBelow } from "../../support/scratch.ts";

const missing = whyNoFuse();
const name = "linux-6.1";

/** A directory of images in which all is root's, as squashfuse, run by USER, tells it. */
function served(box: Machine): string {
	const [inner, outer, home] = ["inner", "outer.sqfs", "home"].map((part) => join(box.base, part)) as [
		string,
		string,
		string,
	];
	for (const path of [inner, home, join(inner, name)]) mkdirSync(path, { mode: 0o755 });
	makeImage(box.base, join(inner, `${name}.sqfs`), "evil");
	execFileSync("mksquashfs", [inner, outer, "-quiet", "-no-progress", "-all-root"], { stdio: "ignore" });
	chownSync(outer, USER, GROUP);
	allowFuse(home);
	execFileSync("setpriv", [
		...["--reuid", String(USER), "--regid", String(GROUP), "--clear-groups"],
		...["squashfuse", outer, home],
	]);
	onTestFinished(() => void execFileSync("umount", ["--lazy", home]));
	return home;
}

it.skipIf(missing !== undefined)("images that a user's FUSE server calls root's are not: 66", () => {
	const box = machine();
	expect(box.ksquash(["helper", "install", "--user", String(USER)]).status).toBe(0);
	const program = "/usr/libexec/ksquash/ksquash-helper";
	const home = served(box);
	mkdirSync(`/usr/src/${name}`);
	const text = policyText(home).replace(`mountpoints = ${home}`, "mountpoints = /usr/src");
	writeFileSync("/etc/ksquash/helper.conf", text);
	const { status, stderr } = call({ program } as Sandbox, ["mount", name], { as: asUser() });
	const [file = "", ...words] = [...asUser(), "stat", "-c", "%u %a", home];
	expect(execFileSync(file, words, { encoding: "utf8" })).toBe("0 755\n");
	expect([mountsBelow(`/usr/src/${name}`), status, stderr]).toEqual([[], 66, expect.stringContaining("not permitted")]);
});
