/**
 * What can mount: the interface that every way of mounting has, and the choice between them.
 *
 * Owns: the choice. Leaves to others: each way (direct.ts, helper.ts) and policy (operations).
 */

import { KsquashError } from "../errors.ts";
import type { FileId, MountResult, Probe } from "../system/native.ts";
import { which } from "../system/run.ts";
import { DirectMounter } from "./direct.ts";
import { HelperMounter } from "./helper.ts";

export interface Mounter {
	readonly kind: "direct" | "helper";
	/** Mounts `image` read-only on `target`, an empty directory. Twice is once. */
	mount(image: string, target: string, options?: { expect?: FileId }): Promise<MountResult>;
	/** Unmounts `target`; `expect` is the image that must be mounted there. Never forces. */
	umount(target: string, options?: { lazy?: boolean; expect?: FileId }): Promise<{ stillHeld: boolean }>;
}

/** Where the helper would be: it knows the running system's paths only. */
export interface HelperPlace {
	root: string;
	helper: string;
}

/**
 * The mounter for this process: itself, or without CAP_SYS_ADMIN the helper where that is installed.
 * Throws ERR_KSQUASH_PRIVILEGE or ERR_KSQUASH_KERNEL with what is missing.
 */
export function chooseMounter(probe: Probe, place?: HelperPlace, warn?: (message: string) => void): Mounter {
	const problem = mountProblem(probe);
	if (problem === undefined) return new DirectMounter();
	if (problem.code === "ERR_KSQUASH_PRIVILEGE" && place?.root === "/" && which(place.helper) !== undefined) {
		return new HelperMounter(place.helper, warn);
	}
	throw problem;
}

/** Why this process cannot mount here; undefined when it can. */
export function mountProblem(probe: Probe): KsquashError | undefined {
	if (!probe.capabilities.sysAdmin) {
		return new KsquashError("ERR_KSQUASH_PRIVILEGE", "mounting needs CAP_SYS_ADMIN, which this process lacks");
	}
	if (!probe.squashfs) {
		return new KsquashError("ERR_KSQUASH_KERNEL", "the running kernel has no squashfs", {
			hint: "modprobe squashfs, or build the kernel with CONFIG_SQUASHFS",
		});
	}
	if (probe.loopControl !== "ok") {
		return new KsquashError("ERR_KSQUASH_KERNEL", `no loop devices: /dev/loop-control: ${probe.loopControl}`, {
			hint: "modprobe loop, or build the kernel with CONFIG_BLK_DEV_LOOP",
		});
	}
	return undefined;
}
