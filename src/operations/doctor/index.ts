/**
 * doctor: what this machine lacks for ksquash, and the line that mends it. Changes nothing.
 *
 * Owns: the list of checks. Leaves to others: how it looks (src/cli).
 */

import { readFile, statfs } from "node:fs/promises";
import type { KsquashError } from "../../errors.ts";
import { compressors as known } from "../../image/format.ts";
import { enabledInits, oldFiles, startProblem } from "../../mount/boot.ts";
import { fuseProblem } from "../../mount/fuse.ts";
import { askHelper } from "../../mount/helper.ts";
import { installedHelper } from "../../mount/helper-program.ts";
import { mountProblems } from "../../mount/mounter.ts";
import { inspectHooks } from "../../portage/hooks.ts";
import { installLine, which } from "../../process/run.ts";
import { type CommonOptions, type Context, openContext } from "../../release/context.ts";
import { configSymbol, kernelDecompressors } from "../../release/decompressors.ts";
import { blank, call, text } from "../../text.ts";
import { foreignPackageFiles } from "../../trust/package-files.ts";
import { building, type Check, erofsTools, packing } from "./tools.ts";

export type { Check };

export interface Diagnosis {
	checks: Check[];
	/** No check failed. */
	healthy: boolean;
	/** One command that installs all that is missing; absent where nothing is. */
	install?: string;
}

export async function doctor(options: CommonOptions = {}): Promise<Diagnosis> {
	const context = await openContext("doctor", options);
	const groups = await Promise.all([
		kernel(context),
		packing(context),
		erofsTools(context),
		building(),
		space(context),
		portage(context),
		boot(context),
		ownFiles(),
	]);
	const first =
		context.missingAddon === undefined
			? await privileges(context, await helper(context))
			: [addon(context, context.missingAddon)];
	const checks = [...first, ...groups.flat()];
	const missing = checks.filter(({ result }) => result !== "ok").map(({ name }) => name);
	const install = installLine(missing);
	return { checks, healthy: checks.every(({ result }) => result !== "fail"), ...(install === "" ? {} : { install }) };
}

/** Where it does not load: what it would have found out about mounting is not known then. */
function addon({ layout, words }: Context, error: KsquashError): Check {
	const { message, hint } = error.inWords(words);
	const rest =
		layout.root === "/" && which(layout.helper) !== undefined ? "; the installed helper mounts without it" : "";
	return { name: "native add-on", result: "fail", found: `${message}${rest}`, fix: hint };
}

/** Only where it is installed: it is off by default. */
async function helper({ layout, probe, say }: Context): Promise<Check | undefined> {
	const installed = layout.root === "/" ? await installedHelper(layout.helper) : undefined;
	if (installed === undefined) return undefined;
	const name = "helper";
	if (!installed.current) {
		const found = `${layout.helper} is not this package's (sha256 ${installed.sha256.slice(0, 16)}…)`;
		return { name, result: "warn", found, fix: say(text`${call("helperInstall")}, or ${call("bootEnable")}`) };
	}
	if (probe.capabilities.sysAdmin) {
		const found = installed.capable ? "installed" : "installed without capabilities: for boot only";
		return { name, result: "ok", found };
	}
	const { status, privilege, policy } = await askHelper<{ status: number; privilege: string; policy: string }>(
		layout.helper,
		["status"],
	);
	if (status === 0) return { name, result: "ok", found: "it mounts for this user" };
	const why = privilege || policy || "its policy does not name this user";
	const install = call("helperInstall", undefined, { users: [blank("USER")] });
	return { name, result: "warn", found: why, fix: say(text`${install}, as root`) };
}

async function privileges({ probe, words }: Context, own: Check | undefined): Promise<Check[]> {
	const capability = probe.capabilities.sysAdmin && !probe.inUserNamespace;
	const byHelper = !capability && own?.result === "ok";
	const problems = (byHelper ? [] : mountProblems(probe)).map((error) => error.inWords(words));
	const [problem] = problems;
	const byFuse = problem !== undefined && (await fuseProblem(probe)) === undefined;
	const checks: Check[] = [];
	const add = (name: string, result: Check["result"], found: string, fix?: string): void =>
		void checks.push({ name, result, found, ...(fix === undefined ? {} : { fix }) });
	if (capability) add("privilege", "ok", "CAP_SYS_ADMIN");
	else if (byHelper) add("privilege", "ok", "no CAP_SYS_ADMIN, but the helper");
	else if (byFuse) add("privilege", "warn", "no CAP_SYS_ADMIN: images are mounted by FUSE", problem.hint);
	else add("privilege", "fail", "no CAP_SYS_ADMIN: nothing can be mounted", "run it as root");
	if (own) checks.push(own);
	if (problem === undefined) add("mounting", "ok", "possible here");
	else if (byFuse) add("mounting", "warn", "by FUSE only (squashfuse), on directories of this user's own");
	else for (const { message, hint } of problems) add("mounting", "fail", message, hint);
	if (!probe.initialMountNamespace) {
		const found = "this is not the mount namespace of PID 1: mounts made here are not seen elsewhere";
		checks.push({ name: "mount namespace", result: "warn", found });
	}
	return checks;
}

async function kernel({ probe }: Context): Promise<Check[]> {
	const checks: Check[] = [{ name: "kernel", result: "ok", found: probe.kernel }];
	const interfaces = [
		["fsopen and move_mount", probe.mountApi, "5.2: mount(2) is used instead"],
		["LOOP_CONFIGURE", probe.loopConfigure, "5.8: LOOP_SET_FD is used instead"],
		["openat2", probe.openat2, "5.6: paths below another root are walked step by step"],
		["statmount", probe.statmount, "6.8: mountinfo is read instead"],
	] as const;
	for (const [name, there, without] of interfaces) {
		checks.push({ name, result: "ok", found: there ? "there" : `not there (needs ${without})` });
	}
	return [...checks, ...(await decompressors())];
}

async function decompressors(): Promise<Check[]> {
	const kernel = await kernelDecompressors();
	if (kernel === undefined) {
		const found = "unknown: neither /proc/config.gz nor /boot has the running kernel's config";
		return [{ name: "decompressors", result: "warn", found, fix: "modprobe configs" }];
	}
	return known.map((name) => {
		const there = kernel.has.includes(name);
		const check = { name: `squashfs ${name}`, found: there ? "there" : "the kernel cannot mount such images" };
		if (there) return { ...check, result: "ok" };
		// The presets use xz and zstd.
		const result = name === "xz" || name === "zstd" ? "warn" : "ok";
		return { ...check, result, fix: `build the kernel with ${configSymbol(name)}` };
	});
}

/** Only where there is a hook of ksquash's, or one that it takes the place of. */
async function portage({ layout, say }: Context): Promise<Check[]> {
	const { hooks, problems } = await inspectHooks(layout);
	const name = "portage hook";
	if (problems.length > 0) return problems.map((found) => ({ name, result: "warn", found: say(found) }));
	return hooks.length === 0 ? [] : [{ name, result: "ok", found: hooks.map((hook) => hook.package).join(", ") }];
}

/** Only where something of it is there. */
async function boot({ layout: { root }, say }: Context): Promise<Check[]> {
	const enabled = await enabledInits(root);
	const start = enabled.length === 0 ? undefined : await startProblem(root, enabled);
	const old = await oldFiles(root);
	const name = "boot";
	const checks: Check[] = old.map((found) => ({
		name,
		result: "warn",
		found,
		fix: say(text`${call("bootEnable", undefined, { root })}`),
	}));
	if (start !== undefined) checks.push({ name, result: "warn", found: start });
	if (checks.length > 0 || enabled.length === 0) return checks;
	return [{ name, result: "ok", found: `all images are mounted by ${enabled.join(", ")}` }];
}

/** Whoever can write these files can run code as everybody who runs ksquash. */
async function ownFiles(): Promise<Check[]> {
	const found = await foreignPackageFiles();
	const name = "ksquash's own files";
	if (found.length === 0) return [{ name, result: "ok", found: "nobody else can change them" }];
	const fix = "install it as root (npm install -g), or: chown -R root, chmod -R go-w";
	return found.map((line) => ({ name, result: "warn", found: line, fix }));
}

async function space({ layout }: Context): Promise<Check[]> {
	const { bavail, bsize, ffree } = await statfs(layout.sourceDir).catch(async () => await statfs(layout.root));
	const free = bavail * bsize;
	const found = `${Math.floor(free / (1 << 20))} MiB and ${ffree} inodes free in ${layout.sourceDir}`;
	const check: Check = { name: "space", result: free > 300 << 20 ? "ok" : "warn", found };
	const loops = (await readFile("/sys/module/loop/parameters/max_loop", "latin1").catch(() => "")).trim();
	return loops === ""
		? [check]
		: [check, { name: "loop devices", result: "ok", found: `max_loop=${loops} (no limit)` }];
}
