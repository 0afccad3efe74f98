/**
 * user-mode-linux: another kernel as a process of this one, for images that may crash a kernel and for kernels that lack
 * a part. Its root is this machine's, read-only; it has no network, and it ends with its script or by its limit.
 */

import { execFileSync, spawn, spawnSync } from "node:child_process";
import {
	chmodSync,
	chownSync,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	realpathSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

const program = "/usr/bin/linux.uml";
/** The owner of a machine that is fed damaged images: whoever breaks out of it is nobody. */
const NOBODY = 65_534;

/** Only with older-ptrace.c does it run there; and then its programs must not use AVX: see there. */
const withAmx = /^flags.* amx_tile /m.test(readFileSync("/proc/cpuinfo", "utf8"));

/** Why there can be none here; undefined when it can. */
export function umlObstacle(): string | undefined {
	return spawnSync(program, ["--version"]).status === 0 ? undefined : "user-mode-linux is not installed";
}

/** The release of that kernel. */
export function umlRelease(): string {
	return execFileSync(program, ["--version"], { encoding: "utf8" }).trim();
}

/** A module of that kernel, on this machine and in it. */
export function umlModule(path: string): string {
	return `/usr/lib/uml/modules/${umlRelease()}/kernel/${path}.ko`;
}

export interface Uml {
	/** Seen by both sides, writable from inside; removed at the test's end. */
	share: string;
	/** Runs a shell script as its first process; all that the machine said, and whether it ended by itself. */
	run(script: string, limitMs: number): Promise<{ said: string; ended: boolean }>;
}

/** Call it inside a test. `nobody`: the machine's process is not root's, and reads only what all may read. */
export function makeUml(options: { memoryMib?: number; nobody?: boolean } = {}): Uml {
	// Not below a directory that is the invoking user's alone.
	const share = realpathSync(mkdtempSync(join(tmpdir(), "ksquash-uml-")));
	chmodSync(share, 0o755);
	onTestFinished(() => rmSync(share, { recursive: true, force: true }));
	const state = join(share, ".state");
	mkdirSync(state);
	if (withAmx) {
		const shim = join(share, "older-ptrace.so");
		execFileSync("cc", ["-shared", "-fPIC", "-O2", "-o", shim, join(import.meta.dirname, "older-ptrace.c"), "-ldl"]);
	}
	if (options.nobody === true) for (const path of [share, state]) chownSync(path, NOBODY, NOBODY);
	return { share, run: (script, limitMs) => run(share, script, limitMs, options) };
}

const setUp = `#!/bin/sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/mnt TMPDIR=/mnt
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /mnt
mount -t tmpfs tmpfs /run
dmesg -n 1
${withAmx ? "export GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX,-AVX2,-AVX512F,-AVX_Fast_Unaligned_Load,-Prefer_No_VZEROUPPER" : ""}
`;
const tearDown = "\necho o >/proc/sysrq-trigger\nsleep 60\n";

function run(
	share: string,
	script: string,
	limitMs: number,
	{ memoryMib = 256, nobody = false }: { memoryMib?: number; nobody?: boolean },
): Promise<{ said: string; ended: boolean }> {
	const init = join(share, "init");
	writeFileSync(init, `${setUp}mount -t hostfs none /run -o ${share}\n${script}${tearDown}`, { mode: 0o755 });
	const state = join(share, ".state");
	const words = [
		...(nobody ? ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--no-new-privs"] : []),
		program,
		`mem=${memoryMib}M`,
		...["rootfstype=hostfs", "rootflags=/", "ro", `init=${init}`],
		...[
			"con=null",
			"con0=null,fd:1",
			"quiet",
			"panic=-1",
			"oops=panic",
			"rcupdate.rcu_expedited=1",
			`uml_dir=${state}`,
			"umid=machine",
		],
	];
	const [file = "", ...args] = words;
	// A group of its own: the machine's processes are its children, and end with it.
	const child = spawn(file, args, {
		stdio: ["ignore", "pipe", "pipe"],
		detached: true,
		env: {
			PATH: process.env.PATH,
			HOME: state,
			TMPDIR: state,
			...(withAmx ? { LD_PRELOAD: join(share, "older-ptrace.so") } : {}),
		},
	});
	let said = "";
	for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (said += text));
	const kill = (): void => {
		try {
			if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
		} catch {
			// It has ended.
		}
	};
	return new Promise((done, fail) => {
		const timer = setTimeout(kill, limitMs);
		onTestFinished(kill);
		child.once("error", fail);
		child.once("close", (_status, signal) => {
			clearTimeout(timer);
			kill();
			done({ said: said.replaceAll("\r", ""), ended: signal !== "SIGKILL" });
		});
	});
}
