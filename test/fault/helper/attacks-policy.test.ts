/** Row 46 of the faults: what root may have left wrong or unsafe in the policy. All as a real other user. */

import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { buildHelper, call, policyText, type Sandbox, sandbox, sharedSandbox, USER } from "../../support/helper.ts";
import { loopsBelow, mountsBelow } from "../../support/scratch.ts";

beforeAll(() => void buildHelper());

const name = "linux-6.1";

async function placed(): Promise<Sandbox> {
	const box = await sandbox();
	box.place(name);
	return box;
}

function expectNothing(box: Sandbox): void {
	expect(mountsBelow(box.images)).toEqual([]);
	expect(loopsBelow(box.base)).toEqual([]);
}

describe("46: a policy that is wrong or unsafe refuses everything", () => {
	const shared = sharedSandbox();
	beforeAll(() => void shared().place(name));
	const good = policyText("/srv", `uids = ${USER}`);
	it.each<readonly [string, string]>([
		["empty", ""],
		["no version", good.replace("version = 1\n", "")],
		["version 2", good.replace("version = 1", "version = 2")],
		["version twice", `version = 1\n${good}`],
		["an unknown key", `${good}options = suid\n`],
		["a duplicate key", `${good}uids = ${USER}\n`],
		["a duplicate rule", `${good}${good.replace("version = 1\n", "")}`],
		["NUL", `${good}#\0\n`],
		["CRLF", good.replaceAll("\n", "\r\n")],
		["BOM", `\ufeff${good}`],
		["64 KiB + 1", good + "#".repeat(64 * 1024 + 1 - good.length)],
		["a negative number", good.replace(`${USER}`, "-1")],
		["a number that overflows", good.replace(`${USER}`, `${2n ** 64n + BigInt(USER)}`)],
		["the number of nobody", good.replace(`${USER}`, "4294967295")],
		["a leading zero", good.replace(`${USER}`, `0${USER}`)],
		["a user's name", good.replace(`${USER}`, "root")],
		["no number", good.replace(`${USER}`, "")],
		["an overflowing size", `${good}max_size = 99999999999G\n`],
		["a size of no unit", `${good}max_size = 8X\n`],
		["umount maybe", `${good}umount = true\n`],
		["a relative path", good.replace("images = /srv", "images = srv")],
		["a path with ..", good.replace("images = /srv", "images = /srv/../etc")],
		["a path with //", good.replace("images = /srv", "images = //srv")],
		["a path with a final slash", good.replace("images = /srv", "images = /srv/")],
		["a suffix with a slash", good.replace("suffix = .sqfs", "suffix = ./x")],
		["an empty suffix", good.replace("suffix = .sqfs", "suffix =")],
		["no suffix", good.replace("suffix = .sqfs\n", "")],
		["no mount points", good.replace("mountpoints = /srv\n", "")],
		["a bad section", good.replace("[rule test]", "[Rule test]")],
		["a rule with a bad name", good.replace("[rule test]", "[rule ../x]")],
		["a line that is none", `${good}hello\n`],
		[
			"too many rules",
			`version = 1\n${Array.from({ length: 17 }, (_, i) => good.slice(12).replace("test", `r${i}`)).join("")}`,
		],
		["too many users", good.replace(`${USER}`, Array.from({ length: 65 }, (_, i) => i + 1).join(" "))],
		...[
			"/",
			"/etc",
			"/usr",
			"/bin",
			"/sbin",
			"/lib",
			"/lib64",
			"/libx32",
			"/dev",
			"/dev/shm",
			"/proc",
			"/proc/1",
			"/sys",
			"/run",
		].map((path) => [`mountpoints=${path}`, good.replace("mountpoints = /srv", `mountpoints = ${path}`)] as const),
		...["/boot", "/root", "/home", "/var"].map(
			(path) => [`mountpoints=${path}`, good.replace("mountpoints = /srv", `mountpoints = ${path}`)] as const,
		),
	])("%s: 65", (_, text) => {
		const box = shared();
		box.policy(text);
		const { status, stderr } = call(box, ["mount", name]);
		expect([status, stderr]).toEqual([65, expect.stringMatching(/^ksquash-helper: .*helper\.conf/)]);
		expectNothing(box);
	});

	it("64 KiB, comments, blank lines and no final newline are good", async () => {
		const box = await placed();
		const text =
			`# a comment\n\n${policyText(box.images, `uids = 1 2\t${USER}   # the third\n\tumount = no`)}`.trimEnd();
		box.policy(`${text}\n${"#".repeat(64 * 1024 - text.length - 1)}`);
		expect(call(box, ["mount", name]).status).toBe(0);
		expect(call(box, ["umount", name]).status).toBe(66);
	});

	it("absent (66), a link, writable by others, another user's, below an unsafe directory", async () => {
		const box = await placed();
		const text = readFileSync(box.policyFile);
		const refused = (status: number): void => {
			expect(call(box, ["mount", name]).status).toBe(status);
			rmSync(box.policyFile, { recursive: true, force: true });
			writeFileSync(box.policyFile, text, { mode: 0o644 });
		};
		rmSync(box.policyFile);
		refused(66);
		renameSync(box.policyFile, `${box.policyFile}.real`);
		symlinkSync("helper.conf.real", box.policyFile);
		refused(65);
		for (const mode of [0o666, 0o664, 0o646]) {
			chmodSync(box.policyFile, mode);
			refused(65);
		}
		chownSync(box.policyFile, USER, 0);
		refused(65);
		rmSync(box.policyFile);
		mkdirSync(box.policyFile);
		refused(65);
		execFileSync("mkfifo", [`${box.policyFile}.fifo`]);
		renameSync(`${box.policyFile}.fifo`, box.policyFile);
		refused(65);
		chmodSync(dirname(box.policyFile), 0o777);
		refused(65);
		chmodSync(dirname(box.policyFile), 0o755);
		expect(call(box, ["mount", name]).status).toBe(0);
	});
});
