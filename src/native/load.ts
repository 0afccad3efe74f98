/**
 * Loading the add-on, and the ways to call it.
 *
 * Owns: finding the add-on at first use, the check of paths, joining AbortSignal and progress to a call, and making
 * errors of Node's SystemError shape. Leaves to others: the verbs (verbs.ts, mount.ts, watch.ts).
 */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isNativeError } from "node:util/types";
import { KsquashError } from "../errors.ts";
import { shellWord } from "../system/command-line.ts";
import type { Addon, Control } from "./binding.ts";
import { nativeError, type RawError } from "./error.ts";
import type { LongWork, NativePath } from "./types.ts";

let loaded: Addon | undefined;
let problem: KsquashError | undefined;

/** The directory of ksquash's package.json: compiled, this module may stand at any depth below it. */
function packageRoot(): string {
	for (let dir = dirname(fileURLToPath(import.meta.url)); dir !== dirname(dir); dir = dirname(dir)) {
		const file = join(dir, "package.json");
		if (existsSync(file) && JSON.parse(readFileSync(file, "utf8")).name === "ksquash") return dir;
	}
	throw new KsquashError("ERR_KSQUASH_NATIVE", "cannot find ksquash's own package.json above its code");
}

/** Our own build first, then the prebuilt ones; the reason of each that does not load is kept. */
export function addon(): Addon {
	if (loaded !== undefined) return loaded;
	const root = packageRoot();
	const prebuilds = join(root, "prebuilds", `linux-${process.arch}`);
	const names = existsSync(prebuilds) ? readdirSync(prebuilds).filter((name) => name.endsWith(".node")) : [];
	const candidates = [join(root, "build/Release/ksquash.node"), ...names.sort().map((name) => join(prebuilds, name))];
	const load = createRequire(import.meta.url);
	const notes: string[] = [];
	for (const path of candidates) {
		try {
			loaded = load(path) as Addon;
			return loaded;
		} catch (error) {
			notes.push(existsSync(path) ? `${path}: ${error instanceof Error ? error.message : error}` : `${path}: absent`);
		}
	}
	const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
	const libc =
		report.header?.glibcVersionRuntime === undefined ? "musl or unknown" : `glibc ${report.header.glibcVersionRuntime}`;
	const machine = `${process.platform}-${process.arch}, libc ${libc}, Node ${process.version}`;
	throw new KsquashError("ERR_KSQUASH_NATIVE", `cannot load the native add-on (${machine}): ${notes.join("; ")}`, {
		notes,
		hint: `where no prebuilt one fits, build it: ${buildLines(root).join(" && ")}`,
	});
}

/** Why the add-on does not load here; undefined where it does. */
export function addonProblem(): KsquashError | undefined {
	if (loaded !== undefined || problem !== undefined) return problem;
	try {
		addon();
	} catch (error) {
		if (!(error instanceof KsquashError)) throw error;
		problem = error;
	}
	return problem;
}

/** What builds the add-on where it is looked for: a C++20 compiler, cmake, and the headers beside this node. */
function buildLines(root: string): string[] {
	const at = '"$HOME/ksquash-build"';
	const headers = shellWord(join(dirname(dirname(process.execPath)), "include/node"));
	const place = shellWord(root);
	return [
		`npm install --prefix ${at} node-addon-api@8.9.2`,
		`NODE_PATH=${at}/node_modules cmake -S ${place} -B ${at}/out -DCMAKE_JS_INC=${headers}`,
		`cmake --build ${at}/out --parallel --target ksquash`,
		`install -D ${at}/out/ksquash.node ${place}/build/Release/ksquash.node`,
	];
}

/** A path for the add-on. A NUL would end it early: refused like Node's fs does. */
export function path(value: NativePath): NativePath {
	const bad =
		typeof value === "string" ? value === "" || value.includes("\0") : value.length === 0 || value.includes(0);
	if (bad) throw new TypeError(`a path must not be empty or hold a NUL byte: ${JSON.stringify(String(value))}`);
	return value;
}

async function settle<T>(verb: Promise<T>): Promise<T> {
	try {
		return await verb;
	} catch (error) {
		// In a vm context Error is another class.
		throw error instanceof Error || isNativeError(error) ? error : nativeError(error as RawError);
	}
}

/** Runs a verb; what the add-on rejects with becomes an Error. */
export async function call<T>(verb: (addon: Addon) => Promise<T>): Promise<T> {
	return await settle(verb(addon()));
}

/** Runs a verb that is quick and whole: the signal counts until it has begun. */
export async function callWhole<T>(signal: AbortSignal | undefined, verb: (addon: Addon) => Promise<T>): Promise<T> {
	signal?.throwIfAborted();
	return await settle(verb(addon()));
}

/** The work's outcome, or at once the signal's reason when that comes first and `mayLeave` says so. */
async function orAborted<T>(signal: AbortSignal, work: Promise<T>, mayLeave: () => boolean): Promise<T> {
	let stop = () => {};
	const aborted = new Promise<never>((_, reject) => {
		stop = () => {
			if (mayLeave()) reject(signal.reason);
		};
		signal.addEventListener("abort", stop, { once: true });
	});
	try {
		return await Promise.race([work, aborted]);
	} catch (error) {
		if (signal.aborted && (error as { code?: string }).code === "ECANCELED") throw signal.reason;
		throw error;
	} finally {
		signal.removeEventListener("abort", stop);
	}
}

/** Runs a verb that only looks: who has asked for an end need not wait for it. */
export async function callReading<T>(signal: AbortSignal | undefined, verb: (addon: Addon) => Promise<T>): Promise<T> {
	if (signal === undefined) return await settle(verb(addon()));
	signal.throwIfAborted();
	return await orAborted(signal, call(verb), () => true);
}

/** Of all transactions that nobody will stop. */
const unstopped: Control = new BigInt64Array(3);

/**
 * Runs a verb that changes something, whole or not at all. The signal ends its wait: for its turn at once, for the lock
 * within a moment, and nothing after that.
 */
export async function callTransaction<T>(
	signal: AbortSignal | undefined,
	verb: (addon: Addon, control: Control) => Promise<T>,
): Promise<T> {
	if (signal === undefined) return await settle(verb(addon(), unstopped));
	signal.throwIfAborted();
	const control = new BigInt64Array(3);
	const cancel = () => {
		Atomics.store(control, 0, 1n);
		return Atomics.load(control, 1) === 0n; // not begun: it never will (native/core/base/control.h)
	};
	return await orAborted(
		signal,
		call((native) => verb(native, control)),
		cancel,
	);
}

/** Runs long work: it can be ended at any time, and says when it has; progress is looked at ten times a second. */
export async function callLong<T>(work: LongWork, verb: (addon: Addon, control: Control) => Promise<T>): Promise<T> {
	const { signal, onProgress } = work;
	signal?.throwIfAborted();
	const control = new BigInt64Array(3);
	const cancel = () => {
		Atomics.store(control, 0, 1n);
		return false;
	};
	const report = () => onProgress?.({ entries: Number(control[1]), bytes: Number(control[2]) });
	const timer = onProgress === undefined ? undefined : setInterval(report, 100);
	try {
		const running = call((native) => verb(native, control));
		const result = await (signal === undefined ? running : orAborted(signal, running, cancel));
		report();
		// Who has asked for an end gets it, also when the work was quicker.
		signal?.throwIfAborted();
		return result;
	} finally {
		clearInterval(timer);
	}
}
