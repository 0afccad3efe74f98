/**
 * What Node alone can find out where the add-on does not load: enough to work on configs, to say what is wrong, and to let
 * the helper mount.
 *
 * Owns: these few answers. Leaves to others: when they are asked for (verbs.ts, mount.ts).
 */

import { access, readFile, readlink } from "node:fs/promises";
import { release } from "node:os";
import { isAbsolute } from "node:path";
import { nativeError } from "./error.ts";
import type { Probe } from "./mount-types.ts";

const CAP_CHOWN = 0;
const CAP_DAC_OVERRIDE = 1;
const CAP_DAC_READ_SEARCH = 2;
/** As many as the kernel follows. path_resolution(7). */
const MOST_LINKS = 40;

/** As resolveInRoot, for the root "/" only: there is nothing to stay inside of. */
export async function resolveFromTop(inside: string): Promise<string> {
	const parts = (path: string): string[] => path.split("/").filter((name) => name !== "" && name !== ".");
	const rest = parts(inside);
	let done = "";
	for (let links = 0; rest.length > 0; ) {
		const name = rest.shift() ?? "";
		if (name === "..") {
			done = done.slice(0, Math.max(0, done.lastIndexOf("/")));
			continue;
		}
		const at = `${done}/${name}`;
		const target = rest.length === 0 ? undefined : await readlink(at).catch(() => undefined);
		if (target !== undefined && ++links > MOST_LINKS)
			throw nativeError({ errno: -40, syscall: "readlink", path: inside });
		if (target === undefined) done = at;
		else {
			if (isAbsolute(target)) done = "";
			rest.unshift(...parts(target));
		}
	}
	return done || "/";
}

/** Nothing is said to be possible that needs the add-on: this process cannot mount by itself. proc_pid_status(5). */
export async function probeWithoutAddon(): Promise<Probe> {
	const read = async (path: string): Promise<string> => await readFile(path, "latin1").catch(() => "");
	const status = await read("/proc/self/status");
	const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? "0"}`);
	const has = (capability: number): boolean => (effective & (1n << BigInt(capability))) !== 0n;
	const systems = new Set((await read("/proc/filesystems")).split(/\s+/));
	return {
		kernel: release(),
		loopControl: await access("/dev/loop-control").then(
			() => "ok",
			(error) => error.code,
		),
		squashfs: systems.has("squashfs"),
		erofs: systems.has("erofs"),
		...{ openat2: false, loopConfigure: false, mountApi: false, statmount: false, renameExchange: false },
		capabilities: {
			sysAdmin: false,
			dacReadSearch: has(CAP_DAC_READ_SEARCH),
			dacOverride: has(CAP_DAC_OVERRIDE),
			chown: has(CAP_CHOWN),
		},
		noNewPrivs: /^NoNewPrivs:\s*1/m.test(status),
		initialMountNamespace: true,
		inUserNamespace: !/^\s*0\s+0\s+4294967295$/m.test(await read("/proc/self/uid_map")),
	};
}
