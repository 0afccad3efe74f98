/**
 * What stands before a program on its command line: the user, the death signal, the priority, the umask.
 *
 * Owns: setpriv, nice, ionice and the umask. Each becomes the program, so the pid stays the same.
 * Leaves to others: starting it (src/process/run.ts).
 */

import { spawnSync } from "node:child_process";
import { KsquashError } from "../errors.ts";
import { missingProgram, which } from "./programs.ts";

/** Whom a child runs as. Without `groups` the user's own groups are looked up. */
export interface Identity {
	uid: number;
	gid: number;
	/** false: the uid has no entry in the user database, so there are no groups to look up. */
	known: boolean;
}

export interface Launch {
	as?: Identity | undefined;
	nice?: boolean | undefined;
	/** Nobody but the owner may write what it makes, whatever the caller's umask is. */
	ownWrites?: boolean | undefined;
}

/** Only taken away from: what the caller's umask closes stays closed. */
const OWN_WRITES = ["-c", 'umask go-w; exec "$0" "$@"'];

/** The user and the death signal are set by setpriv, which then becomes the program: the pid stays the same. */
export function wrap(command: readonly string[], { as, nice, ownWrites }: Launch): [string, string[]] {
	const [program = ""] = command;
	const flags: string[] = [];
	const same = as === undefined || (as.uid === process.geteuid?.() && as.uid !== 0);
	if (!same && as.uid !== 0) {
		if (process.geteuid?.() !== 0) {
			throw new KsquashError("ERR_KSQUASH_PRIVILEGE", `only root can run ${program} as the user ${as.uid}`);
		}
		flags.push("--reuid", String(as.uid), "--regid", String(as.gid));
		flags.push(as.known ? "--init-groups" : "--clear-groups", "--inh-caps=-all");
	}
	if (hasDeathSignal()) flags.push("--pdeathsig", "TERM");
	const argv = [...(nice ? lowered() : []), ...(ownWrites ? shell() : []), ...command];
	if (flags.length > 0) {
		const setpriv = which("setpriv");
		if (setpriv === undefined) throw missingProgram("setpriv");
		argv.unshift(setpriv, ...flags, "--");
	}
	const [file = "", ...rest] = argv;
	return [file, rest];
}

/** Each program becomes the next one. Where one is missing its part is left out; -t: no idle class is no failure. */
function lowered(): string[] {
	const [nice, ionice] = [which("nice"), which("ionice")];
	return [...(nice ? [nice, "-n", "19"] : []), ...(ionice ? [ionice, "-t", "-c", "3"] : [])];
}

function shell(): string[] {
	const sh = which("sh");
	if (sh === undefined) throw missingProgram("sh");
	return [sh, ...OWN_WRITES];
}

let deathSignal: boolean | undefined;

/** util-linux has it since 2.33, busybox not: without it a child outlives our SIGKILL until its next write. */
function hasDeathSignal(): boolean {
	if (deathSignal === undefined) {
		const [setpriv, probe] = [which("setpriv"), which("true")];
		const args = ["--pdeathsig", "TERM", "--", probe ?? ""];
		deathSignal = setpriv !== undefined && probe !== undefined && spawnSync(setpriv, args, quiet).status === 0;
	}
	return deathSignal;
}

const quiet = { stdio: "ignore", env: {}, timeout: 10_000 } as const;
