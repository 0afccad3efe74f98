/**
 * Mounting by squashfuse, for a process that may mount nothing by the kernel's squashfs: a process of this user serves the
 * image for as long as it lives, to this user only (root's to everybody), and slower.
 *
 * Owns: what squashfuse and fusermount are told, and that what they did is what was asked. Leaves to others: how such a
 * mount is told from others (src/native/fuse-status.ts). Two at once on one mount point are kept apart by the operations'
 * locks: there is no device to lock.
 */

import { access, constants } from "node:fs/promises";
import { KsquashError } from "../errors.ts";
import { fuseMark } from "../native/fuse-status.ts";
import { type FileId, holders, inspectImage, statTarget, type TargetStatus } from "../native/verbs.ts";
import { missingProgram, run, which } from "../process/run.ts";
import { attempt } from "../system/failure.ts";
import { isEmptyDirectory } from "../system/files.ts";
import { blank, call, option, type Text, text } from "../text.ts";
import { busy } from "./direct.ts";
import type { Mounted, Mounter } from "./mounter.ts";

/** The kernel asks it for every block: a minute without an answer is none. */
const TIMEOUT_MS = 60_000;

export class FuseMounter implements Mounter {
	readonly kind = "fuse";

	async mount(image: string, target: string, { expect }: { expect?: FileId } = {}): Promise<Mounted> {
		const doing = `mount ${image} on ${target} by FUSE`;
		const { file } = await attempt(doing, inspectImage(image), { code: "ERR_KSQUASH_IMAGE" });
		const replaced = new KsquashError("ERR_KSQUASH_CHANGED", `${image} was replaced while it was being mounted`, {
			path: image,
		});
		if (expect !== undefined && file !== expect) throw replaced;
		const before = await attempt(doing, statTarget(target, image));
		if (before.state === "mounted" && before.file === file) return { ...result(before), already: true };
		await assertFree(doing, target, before);
		await serve(doing, image, target, file);
		// squashfuse opens the path by itself: was it the file that was looked at?
		const after = await attempt(doing, statTarget(target, image));
		if (after.state === "mounted" && after.file === file) return { ...result(after), already: false };
		if (after.fuse) await this.umount(target, { lazy: true });
		throw replaced;
	}

	async umount(
		target: string,
		{ lazy = false, expect }: { lazy?: boolean; expect?: FileId } = {},
	): Promise<{ stillHeld: boolean }> {
		const doing = `unmount ${target}`;
		const { fuse, dead, file } = await attempt(doing, statTarget(target));
		if (!fuse) {
			throw new KsquashError("ERR_KSQUASH_OCCUPIED", `cannot ${doing}: no image is mounted there by FUSE`, {
				path: target,
			});
		}
		if (expect !== undefined && file !== expect) {
			throw new KsquashError("ERR_KSQUASH_CHANGED", `cannot ${doing}: another image is mounted there now`);
		}
		const program = ["fusermount3", "fusermount"].find((name) => which(name) !== undefined);
		if (program === undefined) throw missingProgram("fusermount3");
		const users = lazy && !dead ? await holders(target).catch(() => []) : [];
		const { status, lastLines } = await run(program, ["-u", ...(lazy ? ["-z"] : []), "--", target], {
			okStatus: [0, 1],
			timeoutMs: TIMEOUT_MS,
		});
		if (status === 0) return { stillHeld: users.length > 0 };
		if (lastLines.some((line) => /resource busy/.test(line))) throw await busy(target);
		throw new KsquashError("ERR_KSQUASH_PRIVILEGE", `cannot ${doing}: ${lastLines.join("; ")}`, {
			path: target,
			hint: "only root and the user who mounted it can unmount it",
		});
	}
}

/** Why this process could not mount by FUSE; undefined when it could, on a directory of its own. */
export async function fuseProblem({ noNewPrivs }: { noNewPrivs: boolean }): Promise<KsquashError | undefined> {
	if (squashfuse() === undefined) return missingProgram("squashfuse");
	const open = await access("/dev/fuse", constants.R_OK | constants.W_OK).then(
		() => true,
		() => false,
	);
	if (!open) return new KsquashError("ERR_KSQUASH_PRIVILEGE", "this user may not open /dev/fuse");
	if (process.geteuid?.() === 0) return undefined;
	if (which("fusermount3") === undefined) return missingProgram("fusermount3");
	if (noNewPrivs) return new KsquashError("ERR_KSQUASH_PRIVILEGE", "fusermount3 cannot work under no_new_privs");
	return undefined;
}

/** The one that speaks libfuse's low level is the faster. */
function squashfuse(): string | undefined {
	return ["squashfuse_ll", "squashfuse"].find((name) => which(name) !== undefined);
}

function result({ mountId = "0", file = "", device, fuse }: TargetStatus): Omit<Mounted, "already"> {
	return { mountId, file, ...(device === undefined ? {} : { device }), ...(fuse ? { fuse } : {}) };
}

async function assertFree(doing: string, target: string, { state }: TargetStatus): Promise<void> {
	if (state === "absent") {
		throw new KsquashError("ERR_KSQUASH_NO_INPUT", `cannot ${doing}: there is no ${target}`, { path: target });
	}
	const empty = state === "unmounted" && (await attempt(doing, isEmptyDirectory(target)));
	if (empty) return;
	const why = state === "unmounted" ? "the mount point is not empty" : "something else is mounted there";
	throw new KsquashError("ERR_KSQUASH_OCCUPIED", `cannot ${doing}: ${why}`, { path: target });
}

async function serve(doing: string, image: string, target: string, file: FileId): Promise<void> {
	const program = squashfuse();
	if (program === undefined) throw missingProgram("squashfuse");
	// Root's is for everybody, as the kernel's would be; a user may not say so (fuse.conf(5): user_allow_other).
	const forAll = process.geteuid?.() === 0 ? ",allow_other,default_permissions" : "";
	const options = `ro,nosuid,nodev,${fuseMark(file, image)}${forAll}`;
	const { status, lastLines } = await run(program, ["-o", options, image, target], {
		okStatus: Array.from({ length: 256 }, (_, i) => i),
		timeoutMs: TIMEOUT_MS,
	});
	if (status === 0) return;
	const said = lastLines.join("; ") || `${program} ended with exit status ${status}`;
	const [code, hint] = reasons.find(([pattern]) => pattern.test(said))?.slice(1) ?? ["ERR_KSQUASH_TOOL_FAILED"];
	throw new KsquashError(code as "ERR_KSQUASH_TOOL_FAILED", `cannot ${doing}: ${said}`, {
		path: target,
		...(hint === undefined ? {} : { hint: hint as string | Text }),
	});
}

const install = call("helperInstall", undefined, { users: [blank("USER")] });
const byHelper = text`${install}, as root, lets a user mount by the kernel`;
const reasons = [
	[
		/no write access to mountpoint|not owned by user/,
		"ERR_KSQUASH_PRIVILEGE",
		text`FUSE mounts for a user on directories of their own only (${option("root")}); ${byHelper}`,
	],
	[/compression|This doesn't look like/, "ERR_KSQUASH_IMAGE"],
	[/\/dev\/fuse|permitted|denied|username/, "ERR_KSQUASH_PRIVILEGE", byHelper],
	[/device not found|modprobe/, "ERR_KSQUASH_KERNEL", "modprobe fuse, or build the kernel with CONFIG_FUSE_FS"],
] as const;
