/**
 * Mounting by the capability helper, for a process without CAP_SYS_ADMIN: a program that root installed and whose policy
 * names this user (docs/privileges.md).
 *
 * Owns: its answers as results and errors. Leaves to others: whether it may (the helper), and its installation
 * (helper-program.ts, helper-policy.ts).
 */

import { basename } from "node:path";
import { type ErrorCode, Exit, KsquashError } from "../errors.ts";
import type { FileId } from "../native/verbs.ts";
import { type Identity, run } from "../process/run.ts";
import { call, type Text, text } from "../text.ts";
import type { Mounted, Mounter } from "./mounter.ts";

/** What `ksquash-helper --json` answers, as far as it is there. */
export interface HelperAnswer {
	/** Its exit status. */
	status: number;
	result?: string;
	image?: string;
	target?: string;
	device?: string;
	file?: FileId;
	mountId?: string;
	mayUmount?: boolean;
	stillHeld?: boolean;
	message?: string;
	/** Of status without a name: what is wrong with the policy; "" when nothing is. */
	policy?: string;
	/** The helper's own. */
	version?: string;
}

const LOG = "what stands in the way is in the system's log (journalctl -t ksquash-helper, /var/log/auth.log)";

const status = call("helperStatus");
const codes: Readonly<Record<number, readonly [ErrorCode, (string | Text)?]>> = {
	[Exit.data]: ["ERR_KSQUASH_IMAGE"],
	[Exit.noInput]: ["ERR_KSQUASH_PRIVILEGE", text`${status} says what is permitted; ${LOG}`],
	[Exit.unavailable]: ["ERR_KSQUASH_KERNEL"],
	[Exit.cannotCreate]: ["ERR_KSQUASH_OCCUPIED"],
	[Exit.busy]: ["ERR_KSQUASH_BUSY"],
	[Exit.noPermission]: ["ERR_KSQUASH_PRIVILEGE", text`run it as root; ${status} says why the helper cannot work`],
};

export class HelperMounter implements Mounter {
	readonly kind = "helper";
	readonly #program: string;

	/** `program` is the installed helper. */
	constructor(program: string) {
		this.#program = program;
	}

	async mount(image: string, target: string, { expect }: { expect?: FileId } = {}): Promise<Mounted> {
		const doing = `mount ${image} on ${target}`;
		await this.#assertMeans(doing, target, image);
		const { device = "", file = "", mountId = "0", result } = await this.#ask("mount", target, doing);
		if (expect !== undefined && file !== expect) {
			throw new KsquashError("ERR_KSQUASH_CHANGED", `${image} was replaced while it was being mounted`, {
				path: image,
			});
		}
		return { device, file, mountId, already: result === "already" };
	}

	async umount(
		target: string,
		{ lazy, expect }: { lazy?: boolean; expect?: FileId } = {},
	): Promise<{ stillHeld: boolean; already: boolean }> {
		const doing = `unmount ${target}`;
		if (lazy) {
			throw new KsquashError("ERR_KSQUASH_PRIVILEGE", "only root can detach a mount that is busy", { path: target });
		}
		const { file } = await this.#assertMeans(doing, target);
		if (expect !== undefined && file !== expect) {
			throw new KsquashError("ERR_KSQUASH_CHANGED", `cannot ${doing}: another image is mounted there now`);
		}
		const { stillHeld, result } = await this.#ask("umount", target, doing);
		return { stillHeld: stillHeld ?? false, already: result === "not mounted" };
	}

	/** One status is a bad image's and a bad policy's: without a name it speaks of the policy alone. */
	async #meaning({ status }: HelperAnswer): Promise<readonly [ErrorCode, (string | Text)?]> {
		const general = status === Exit.data ? await askHelper<HelperAnswer>(this.#program, ["status"]) : undefined;
		if (general?.policy) return ["ERR_KSQUASH_SETTINGS", "mend what is named here, as root: docs/privileges.md"];
		return codes[status] ?? ["ERR_KSQUASH_INTERNAL"];
	}

	/** The helper takes a name only: its policy must lead to the very paths that are meant. */
	async #assertMeans(doing: string, target: string, image?: string): Promise<HelperAnswer> {
		const answer = await this.#ask("status", target, doing);
		if (answer.target === target && (image === undefined || answer.image === image)) return answer;
		throw new KsquashError(
			"ERR_KSQUASH_PRIVILEGE",
			`cannot ${doing}: the helper's policy means ${answer.image} on ${answer.target} by this name`,
			{ path: target },
		);
	}

	async #ask(verb: "mount" | "umount" | "status", target: string, doing: string): Promise<HelperAnswer> {
		const answer = await askHelper<HelperAnswer>(this.#program, [verb, basename(target)]);
		if (answer.status === Exit.ok) return answer;
		const [code, hint] = await this.#meaning(answer);
		throw new KsquashError(code, `cannot ${doing}: the helper says: ${answer.message}`, {
			path: target,
			step: verb,
			...(hint === undefined ? {} : { hint }),
		});
	}
}

/** Would the helper mount anything at all for this user? */
export async function helperServes(program: string): Promise<boolean> {
	return (await askHelper<HelperAnswer>(program, ["status"])).status === Exit.ok;
}

/** Runs the helper with --json. Throws ERR_KSQUASH_TOOL_FAILED for an answer that is none. */
export async function askHelper<T extends { status: number }>(
	program: string,
	words: readonly string[],
	options: { as?: Identity } = {},
): Promise<T> {
	const okStatus = Object.values(Exit);
	const { stdout, status, lastLines } = await run(program, ["--json", ...words], { okStatus, ...options });
	try {
		return JSON.parse(stdout.toString("utf8")) as T;
	} catch {
		throw new KsquashError("ERR_KSQUASH_TOOL_FAILED", `${program} ended with ${status} and no answer`, {
			notes: lastLines,
		});
	}
}
