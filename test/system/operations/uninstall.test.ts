/** `ksquash uninstall --all`: what ksquash put into the system goes; releases, saved configs and people's words stay. */

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { uninstall } from "../../../src/index.ts";
import { buildHelper, type Machine, machine, makeImage } from "../../support/helper.ts";
import { scratchRoot } from "../../support/scratch.ts";

beforeAll(() => void buildHelper());

const program = "/usr/libexec/ksquash/ksquash-helper";
const policy = "/etc/ksquash/helper.conf";
const hook = "/etc/portage/env/sys-kernel/gentoo-sources";
const unit = "/etc/systemd/system/ksquash.service";
const image = "/usr/src/linux-6.1.sqfs";

/** A machine that has all of it. */
function whole(): Machine {
	const box = machine();
	makeImage(box.base, image, "6.1");
	mkdirSync("/etc/portage", { recursive: true });
	for (const words of ["helper install --user root", "boot enable --init systemd", "portage install"]) {
		expect(box.ksquash(words.split(" ")), words).toMatchObject({ status: 0 });
	}
	expect([program, policy, hook, unit].filter(existsSync)).toEqual([program, policy, hook, unit]);
	return box;
}

it("says what would go, takes it, names what stays, and has nothing to do the second time", () => {
	const box = whole();
	expect(box.ksquash(["mount", "6.1"])).toMatchObject({ status: 0 });
	const planned = JSON.parse(box.ksquash(["uninstall", "--all", "--dry-run", "--json"]).stdout);
	expect([program, policy, hook, unit].filter(existsSync)).toHaveLength(4);
	const done = JSON.parse(box.ksquash(["uninstall", "--all", "--json"]).stdout);
	expect(done.did).toEqual(planned.did);
	expect(done.did).toHaveLength(6);
	expect(done.failed).toEqual([]);
	expect([program, dirname(program), policy, dirname(policy), hook, unit].filter(existsSync)).toEqual([]);
	expect(done.stays).toContainEqual(`release 6.1: ${image}, mounted on /usr/src/linux-6.1 (ksquash remove 6.1)`);
	expect(readFileSync("/usr/src/linux-6.1/content", "utf8")).toBe("6.1");
	const again = box.ksquash(["uninstall", "--all"]);
	expect(again).toMatchObject({ status: 0 });
	expect(again.stdout).toContain("nothing to do\nstays:\n");
});

it("leaves the administrator's rule, settings, a foreign unit and a user's hook functions", () => {
	const box = whole();
	const own = "[rule mine]\nimages = /srv\nmountpoints = /srv\nuids = 7\n";
	writeFileSync(policy, `${readFileSync(policy, "utf8")}\n${own}`);
	writeFileSync("/etc/ksquash/config.toml", 'preset = "fast"\n');
	writeFileSync(hook, `pkg_postinst() { :; }\n${readFileSync(hook, "utf8")}`);
	writeFileSync(unit, "# mine\n");
	const { status, stdout } = box.ksquash(["uninstall", "--all"]);
	expect(status).toBe(0);
	expect(readFileSync(policy, "utf8")).toContain(own);
	expect(readFileSync(policy, "utf8")).not.toMatch(/\[rule (?:boot|ksquash)\]/);
	expect(readFileSync(hook, "utf8").trim()).toBe("pkg_postinst() { :; }");
	expect(readFileSync(unit, "utf8")).toBe("# mine\n");
	for (const said of ["/etc/ksquash/helper.conf: the rules of yours, 1", "/etc/ksquash/config.toml: your settings"]) {
		expect(stdout).toContain(said);
	}
});

it("completes what was half installed", () => {
	const box = whole();
	for (const path of [policy, unit]) rmSync(path);
	expect(box.ksquash(["uninstall", "--all"])).toMatchObject({ status: 0 });
	const link = "/etc/systemd/system/multi-user.target.wants/ksquash.service";
	expect([program, hook, link].filter(existsSync)).toEqual([]);
});

it("takes the other parts when one cannot go, and says which and why", () => {
	const box = whole();
	const broken = readFileSync(hook, "utf8").split("\n").slice(0, -3).join("\n");
	writeFileSync(hook, broken);
	const { status, stderr } = box.ksquash(["uninstall", "--all"]);
	expect([status, existsSync(program), existsSync(unit), readFileSync(hook, "utf8")]).toEqual([
		73,
		false,
		false,
		broken,
	]);
	expect(stderr).toContain(`${hook} has`);
	const shown = JSON.parse(box.ksquash(["uninstall", "--all", "--json"]).stdout);
	expect(shown.failed).toMatchObject([{ part: "portage", error: { code: "ERR_KSQUASH_OCCUPIED" } }]);
});

it("asks for --all, and for root", async () => {
	const box = machine();
	const { status, stderr } = box.ksquash(["uninstall"]);
	expect([status, stderr]).toEqual([64, expect.stringContaining("ksquash remove RELEASE")]);
	const { root } = scratchRoot();
	expect(await uninstall({ root })).toEqual({ did: [], failed: [], stays: [], dryRun: false });
});
