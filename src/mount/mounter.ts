/**
 * What can mount: the interface that every way of mounting has, and the choice between them.
 *
 * Owns: the choice. Leaves to others: each way (direct.ts, helper.ts, fuse.ts) and policy (operations).
 */

import { KsquashError } from "../errors.ts";
import type { FileId, MountResult, Probe } from "../native/verbs.ts";
import { which } from "../process/run.ts";
import { blank, call, type Text, text } from "../text.ts";
import { DirectMounter } from "./direct.ts";
import { FuseMounter, fuseProblem } from "./fuse.ts";
import { HelperMounter, helperServes } from "./helper.ts";
import { otherHelper } from "./helper-program.ts";

/** By FUSE there is no device. */
export interface Mounted extends Omit<MountResult, "device"> {
	device?: string;
	/** A process serves it, not the kernel. */
	fuse?: boolean;
}

export interface Mounter {
	readonly kind: "direct" | "helper" | "fuse";
	/** Mounts `image` read-only on `target`, an empty directory. Twice is once. */
	mount(image: string, target: string, options?: { expect?: FileId }): Promise<Mounted>;
	/** Unmounts `target`; `expect` is the image that must be mounted there. Never forces. */
	umount(target: string, options?: { lazy?: boolean; expect?: FileId }): Promise<{ stillHeld: boolean }>;
}

/** auto: where nothing else can mount · never · always: also where the kernel could. */
export type FuseUse = "auto" | "never" | "always";

export interface Choice {
	/** Where the helper would be: it knows the running system's paths only. Without a place it is not looked for. */
	place?: { root: string; helper: string };
	/** "never" when absent. */
	fuse?: FuseUse;
	warn?: ((message: string | Text) => void) | undefined;
}

/**
 * The mounter for this process: itself, or without CAP_SYS_ADMIN the helper where that is installed and permits something,
 * or squashfuse.
 * Throws ERR_KSQUASH_PRIVILEGE or ERR_KSQUASH_KERNEL with what is missing.
 */
export async function chooseMounter(probe: Probe, { place, fuse = "never", warn }: Choice = {}): Promise<Mounter> {
	if (fuse === "always") return new FuseMounter();
	const problem = mountProblem(probe);
	const other = place && (await otherHelper(place));
	if (other !== undefined) warn?.(other);
	if (problem === undefined) return new DirectMounter();
	const noFuse = fuse === "auto" ? await fuseProblem(probe) : problem;
	if (problem.code === "ERR_KSQUASH_PRIVILEGE" && place?.root === "/" && which(place.helper) !== undefined) {
		// Its own words are the better ones where nothing serves.
		if (noFuse !== undefined || (await helperServes(place.helper))) return new HelperMounter(place.helper);
	}
	if (noFuse === undefined) return new FuseMounter();
	throw problem;
}

const install = call("helperInstall", undefined, { users: [blank("USER")] });
const WAYS = text`run it as root; or, as root: ${install}; or install squashfuse, for directories of your own`;

/** Why this process cannot mount here by the kernel; undefined when it can. */
export function mountProblem(probe: Probe, format: "squashfs" | "erofs" = "squashfs"): KsquashError | undefined {
	return mountProblems(probe, format)[0];
}

/** All that keeps this process from mounting here by the kernel, in the order in which it is met. */
export function mountProblems(probe: Probe, format: "squashfs" | "erofs" = "squashfs"): KsquashError[] {
	const problems: KsquashError[] = [];
	const add = (code: "ERR_KSQUASH_PRIVILEGE" | "ERR_KSQUASH_KERNEL", message: string, hint: string | Text): void =>
		void problems.push(new KsquashError(code, message, { hint }));
	if (!probe.capabilities.sysAdmin) {
		add("ERR_KSQUASH_PRIVILEGE", "mounting needs CAP_SYS_ADMIN, which this process lacks", WAYS);
	} else if (probe.inUserNamespace) {
		const why = "this process is in a user namespace, where the kernel mounts no squashfs";
		add("ERR_KSQUASH_PRIVILEGE", why, WAYS);
	}
	if (!probe[format]) {
		const symbol = format === "erofs" ? "CONFIG_EROFS_FS" : "CONFIG_SQUASHFS";
		const hint = `modprobe ${format}, or build the kernel with ${symbol}`;
		add("ERR_KSQUASH_KERNEL", `the running kernel has no ${format}`, hint);
	}
	if (probe.loopControl !== "ok") {
		const hint = "modprobe loop, or build the kernel with CONFIG_BLK_DEV_LOOP";
		add("ERR_KSQUASH_KERNEL", `no loop devices: /dev/loop-control: ${probe.loopControl}`, hint);
	}
	return problems;
}
