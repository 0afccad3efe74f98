/**
 * The helper on a file system of its own: a tmpfs whose every parent is root's, a policy that stands in /etc/ksquash
 * in this mount namespace only, and a real other user who calls it.
 */

import { execFileSync, spawnSync } from "node:child_process";
import {
	chmodSync,
	copyFileSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readlinkSync,
	rmdirSync,
	rmSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import { setFileCapabilities } from "../../src/native/verbs.ts";
import { type Ran, run } from "./process.ts";
import { mountsBelow } from "./scratch.ts";

const top = join(import.meta.dirname, "../..");
const built = join(top, "build/helper");
/** CAP_DAC_READ_SEARCH and CAP_SYS_ADMIN. */
export const CAPABILITIES: number = 2 ** 2 + 2 ** 21;
/** A user that no file of the machine belongs to. */
export const USER = 64_201;
export const GROUP = 64_202;

export type { Ran } from "./process.ts";

export interface Sandbox {
	/** The tmpfs; root's, 0755. */
	base: string;
	images: string;
	program: string;
	policyFile: string;
	path(...parts: string[]): string;
	policy(text: string): void;
	/** Puts an image (root's, 0644) and its mount point there; returns the image. */
	place(name: string, content?: string): string;
}

export interface Caller {
	/** The words before the program: setpriv by default, as USER without groups. */
	as?: readonly string[];
	env?: Record<string, string>;
	program?: string;
}

/** Words that make what follows run as a user. setpriv itself keeps its capabilities until it starts a program: env. */
export function asUser(uid: number = USER, groups: readonly number[] = [], ...flags: string[]): string[] {
	const other = groups.length === 0 ? ["--clear-groups"] : ["--groups", groups.join(",")];
	return ["setpriv", "--reuid", String(uid), "--regid", String(GROUP), ...other, ...flags, "--", "env"];
}

/** The policy that most tests use: USER may mount and unmount everything in `images`. */
export function policyText(images: string, more = `uids = ${USER}\numount = yes`): string {
	return `version = 1\n[rule test]\nimages = ${images}\nsuffix = .sqfs\nmountpoints = ${images}\n${more}\n`;
}

/** Only in a mount namespace of its own, as far as that can be seen: its mounts are not for the machine. */
function assertOwnNamespace(): void {
	const [own, first] = ["self", "1"].map((pid) => {
		try {
			return readlinkSync(`/proc/${pid}/ns/mnt`);
		} catch {
			return undefined; // a container may hide what its PID 1 is
		}
	});
	if (own === first)
		throw new Error("run this in a mount namespace of its own: unshare --mount --propagation private …");
}

const ready = new Set<string>();

type Variant = "ksquash-helper" | "ksquash-helper-glibc" | "check-by-name" | "sanitized";
/** KSQUASH_SANITIZED=1: the tests run the build under ASan and UBSan, as far as that is the same program. */
const usual: Variant = process.env.KSQUASH_SANITIZED === "1" ? "sanitized" : "ksquash-helper";

/** Builds it once, where it is not up to date; its path. */
export function buildHelper(variant: Variant = usual): string {
	const flags = {
		"ksquash-helper": [],
		"ksquash-helper-glibc": ["--glibc"],
		"check-by-name": ["--check-by-name"],
		sanitized: ["--sanitize"],
	}[variant];
	if (!ready.has(variant)) {
		execFileSync(process.execPath, [join(top, "scripts/build-helper.mjs"), ...flags], { stdio: "inherit" });
	}
	ready.add(variant);
	return join(built, variant);
}

/** One for all tests of a describe(). */
export function sharedSandbox(): () => Sandbox {
	let shared: Sandbox | undefined;
	let undo = (): void => undefined;
	beforeAll(async () => {
		shared = await sandbox((work) => {
			undo = work;
		});
	});
	afterAll(() => undo());
	return () => shared as Sandbox;
}

/** Call it inside a test. */
export async function sandbox(later: (undo: () => void) => void = onTestFinished): Promise<Sandbox> {
	assertOwnNamespace();
	const base = mkdtempSync("/run/ksquash-helper-");
	const madeEtc = !existsSync("/etc/ksquash");
	mkdirSync("/etc/ksquash", { recursive: true });
	execFileSync("mount", ["-t", "tmpfs", "-o", "mode=0755", "none", base]);
	later(() => {
		execFileSync("umount", ["/etc/ksquash"]);
		if (madeEtc) rmdirSync("/etc/ksquash");
		for (const target of mountsBelow(base)) execFileSync("umount", ["--lazy", target]);
		rmdirSync(base);
	});
	mkdirSync(join(base, "etc"), { mode: 0o755 });
	execFileSync("mount", ["--bind", join(base, "etc"), "/etc/ksquash"]);
	const images = join(base, "src");
	mkdirSync(images, { mode: 0o755 });
	const program = join(base, "ksquash-helper");
	await placeProgram(buildHelper(), program);
	const policyFile = "/etc/ksquash/helper.conf";
	const policy = (text: string): void => {
		rmSync(policyFile, { force: true, recursive: true });
		writeFileSync(policyFile, text, { mode: 0o644 });
	};
	policy(policyText(images));
	const place = (name: string, content = name): string => {
		const image = join(images, `${name}.sqfs`);
		makeImage(base, image, content);
		mkdirSync(join(images, name), { recursive: true, mode: 0o755 });
		return image;
	};
	return { base, images, program, policyFile, path: (...parts) => join(base, ...parts), policy, place };
}

/** Copies the executable and gives it its capabilities. */
export async function placeProgram(from: string, to: string): Promise<void> {
	copyFileSync(from, to);
	chmodSync(to, 0o755);
	await setFileCapabilities(to, CAPABILITIES);
}

/** An image of one file; root's, 0644. */
export function makeImage(base: string, image: string, content: string): void {
	const tree = mkdtempSync(join(base, "tree-"));
	chmodSync(tree, 0o755);
	writeFileSync(join(tree, "content"), content);
	const flags = ["-noappend", "-no-progress", "-quiet", "-all-root", "-comp", "gzip"];
	execFileSync("mksquashfs", [tree, image, ...flags], { stdio: ["ignore", "ignore", "inherit"] });
	rmSync(tree, { recursive: true });
	chmodSync(image, 0o644);
}

/** Runs the helper to its end. */
export function call({ program: own }: Sandbox, args: readonly (string | Buffer)[], options: Caller = {}): Ran {
	const { as = asUser(), env = {}, program = own } = options;
	const words = [...as, program, ...args].map(String);
	const [file = "", ...rest] = words;
	const { status, signal, stdout, stderr, error } = spawnSync(file, rest, {
		encoding: "utf8",
		cwd: "/",
		env: { PATH: process.env.PATH, ...env },
		timeout: 60_000,
	});
	if (error !== undefined) throw error;
	return { status, signal, stdout, stderr };
}

/** Many at the same time. */
export async function callMany(sandbox: Sandbox, args: readonly string[], count: number): Promise<Ran[]> {
	const one = async (): Promise<Ran> => await run([...asUser(), sandbox.program, ...args], { env: process.env });
	return await Promise.all(Array.from({ length: count }, one));
}

export function inode(path: string): string {
	const { dev, ino } = statSync(path, { bigint: true });
	return `${dev}:${ino}`;
}

export interface Machine {
	base: string;
	/** Runs the CLI as root, or behind these words. */
	ksquash(args: readonly string[], as?: readonly string[]): Ran;
}

/**
 * The machine as it is, but what is written to /etc and /usr/libexec is seen here only, /usr/src is empty, and a user
 * can start node and ksquash, whatever directories of root's they lie in. For tests of what works without --root.
 */
export function machine(): Machine {
	assertOwnNamespace();
	const base = mkdtempSync("/run/ksquash-machine-");
	const mounted: string[] = [];
	const mount = (at: string, ...args: string[]): void => {
		execFileSync("mount", [...args, at]);
		mounted.push(at);
	};
	onTestFinished(() => {
		for (const target of mountsBelow("/usr/src").filter((path) => path !== "/usr/src"))
			execFileSync("umount", [target]);
		for (const at of mounted.reverse()) execFileSync("umount", ["--lazy", at]);
		rmdirSync(base);
	});
	mount(base, "-t", "tmpfs", "-o", "mode=0755", "none");
	for (const name of ["etc", "etc.work", "libexec", "libexec.work", "node", "ksquash"]) mkdirSync(join(base, name));
	const over = (path: string, name: string): void =>
		mount(
			path,
			"-t",
			"overlay",
			"-o",
			`lowerdir=${path},upperdir=${base}/${name},workdir=${base}/${name}.work`,
			"none",
		);
	over("/etc", "etc");
	over("/usr/libexec", "libexec");
	mount("/usr/src", "-t", "tmpfs", "-o", "mode=0755", "none");
	mount(join(base, "node"), "--bind", dirname(process.execPath));
	mount(join(base, "ksquash"), "--bind", top);
	const words = [join(base, "node/node"), join(base, "ksquash/dist/cli/main.js")];
	const ksquash = (args: readonly string[], as: readonly string[] = ["env"]): Ran => {
		const [file = "", ...rest] = [...as, ...words, ...args];
		const { status, signal, stdout, stderr } = spawnSync(file, rest, { encoding: "utf8", cwd: "/", timeout: 100_000 });
		return { status, signal, stdout, stderr };
	};
	return { base, ksquash };
}
