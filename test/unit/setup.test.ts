/** scripts/setup.sh in a directory of its own, with an apt-get and a dpkg-query that write down what they are asked. */

import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { run } from "../support/process.ts";
import { scratchRoot } from "../support/scratch.ts";

const script = join(import.meta.dirname, "../../scripts/setup.sh");

interface Place {
	setUp(...packages: string[]): Promise<{ status: number | null; stderr: string }>;
	/** What apt-get and npm were called with. */
	called(): string[];
}

function place(env: Record<string, string>, { lock = "same" } = {}): Place {
	const at = scratchRoot().root;
	for (const name of ["bin", "scripts", "node_modules"]) mkdirSync(join(at, name));
	cpSync(script, join(at, "scripts/setup.sh"));
	writeFileSync(join(at, "package-lock.json"), "same");
	writeFileSync(join(at, "node_modules/.ksquash-lock"), lock);
	const program = (name: string, text: string): void =>
		writeFileSync(join(at, "bin", name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
	for (const name of ["apt-get", "npm"]) program(name, `echo "${name} $*" >>${at}/called`);
	program("dpkg-query", 'for last; do :; done; case "$last" in absent-*) exit 1 ;; esac; printf installed');
	program("id", "echo 0");
	return {
		setUp: async (...packages) =>
			await run(["sh", join(at, "scripts/setup.sh"), ...packages], {
				env: { PATH: `${join(at, "bin")}:${process.env.PATH}`, ...env },
			}),
		called: () =>
			existsSync(join(at, "called")) ? readFileSync(join(at, "called"), "utf8").split("\n").filter(Boolean) : [],
	};
}

describe("KSQUASH_NO_INSTALL=1", () => {
	const env = { KSQUASH_NO_INSTALL: "1" };

	it("names every package that is missing, installs and builds nothing, and ends with 69", async () => {
		const at = place(env);
		const { status, stderr } = await at.setUp("absent-one", "present", "absent-two");
		expect(stderr).toContain("these packages are missing: absent-one absent-two");
		expect(stderr).not.toContain("present");
		expect(status).toBe(69);
		expect(at.called()).toEqual([]);
	});

	it("names npm's packages too", async () => {
		const at = place(env, { lock: "older" });
		const { status, stderr } = await at.setUp("absent-one");
		expect(stderr).toMatch(/absent-one[\s\S]*the npm packages of package-lock\.json are missing/);
		expect(status).toBe(69);
		expect(at.called()).toEqual([]);
	});

	it("builds where nothing is missing", async () => {
		const at = place(env);
		const { status, stderr } = await at.setUp("present");
		expect({ status, stderr }).toEqual({ status: 0, stderr: "Building\n" });
		expect(at.called()).toEqual(["npm run --silent build"]);
	});
});

it("without it, set-up installs what is missing, and then builds", async () => {
	const at = place({}, { lock: "older" });
	const { status, stderr } = await at.setUp("absent-one", "present");
	expect({ status }, stderr).toEqual({ status: 0 });
	const called = at.called();
	expect(called.some((line) => /^apt-get .*install .* absent-one ?$/.test(line))).toBe(true);
	expect(called.slice(-2)).toEqual(["npm ci --no-audit --no-fund --loglevel=error", "npm run --silent build"]);
});
