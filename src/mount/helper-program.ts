/**
 * The helper's executable: from the package to its place, with or without its capabilities, and off again.
 *
 * Owns: what is installed, and that it is the package's. Leaves to others: policy and who may use it.
 */

import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { KsquashError } from "../errors.ts";
import { fileCapabilities, setFileCapabilities } from "../native/verbs.ts";
import { shellWord } from "../system/command-line.ts";
import {
	lstatIfExists,
	makeDirectory,
	readIfExists,
	removeEmptyDirectory,
	unlinkIfExists,
	writeFileAtomic,
} from "../system/files.ts";
import { ownPackage } from "../system/package.ts";
import { call, type Text, text } from "../text.ts";

/** CAP_DAC_READ_SEARCH opens loop devices, CAP_SYS_ADMIN mounts. capabilities(7). */
const CAPABILITIES = 2 ** 2 + 2 ** 21;

export interface InstalledHelper {
	path: string;
	sha256: string;
	/** It is the very file that this package brings. */
	current: boolean;
	/** It carries exactly cap_sys_admin,cap_dac_read_search=p. */
	capable: boolean;
}

/** Undefined where none is installed. */
export async function installedHelper(path: string): Promise<InstalledHelper | undefined> {
	const bytes = await readIfExists(path);
	if (bytes === undefined) return undefined;
	const capabilities = await fileCapabilities(path);
	const sum = sha256(bytes);
	const own = await readIfExists((await packagedPaths())[0] ?? "/nonexistent");
	return {
		path,
		sha256: sum,
		current: own !== undefined && sha256(own) === sum,
		capable:
			capabilities?.permitted === CAPABILITIES && capabilities.inheritable === 0 && capabilities.effective === false,
	};
}

/** A warning for who runs with privilege: another helper than this package's is on this system. Undefined: none. */
export async function otherHelper(place: { root: string; helper: string }): Promise<Text | undefined> {
	const path = place.helper;
	const installed = place.root === "/" ? await readIfExists(path) : undefined;
	const [source] = installed === undefined ? [] : await packagedPaths();
	const own = source === undefined ? undefined : await readIfExists(source);
	if (installed === undefined || own === undefined || installed.equals(own)) return undefined;
	const sum = sha256(installed).slice(0, 16);
	const [helper, boot] = [call("helperInstall"), call("bootEnable")];
	return text`${path} is not this package's (sha256 ${sum}…): run ${helper} or ${boot} again`;
}

/** Puts the package's executable there. Throws ERR_KSQUASH_NATIVE where the package has none. */
export async function placeHelper(path: string): Promise<InstalledHelper> {
	const [source] = await packagedPaths();
	const bytes = source === undefined ? undefined : await readIfExists(source);
	if (bytes === undefined) {
		throw new KsquashError("ERR_KSQUASH_NATIVE", "the package has no ksquash-helper for this machine", {
			hint: `build it (a C++20 compiler, static libraries): node ${shellWord(join(ownPackage().root, "scripts/build-helper.mjs"))}`,
		});
	}
	const before = await installedHelper(path);
	if (before?.current !== true) {
		await makeDirectory(dirname(path));
		await writeFileAtomic(path, bytes, { mode: 0o755, uid: 0, gid: 0 });
		// A new file has none: one that was installed with its capabilities keeps them through an upgrade.
		if (before?.capable) await setFileCapabilities(path, CAPABILITIES);
	}
	return (await installedHelper(path)) as InstalledHelper;
}

/** Throws ERR_KSQUASH_PRIVILEGE when the file system did not keep them. */
export async function grantCapabilities(path: string): Promise<void> {
	await setFileCapabilities(path, CAPABILITIES);
	if ((await installedHelper(path))?.capable) return;
	throw new KsquashError("ERR_KSQUASH_PRIVILEGE", `${path} did not keep its capabilities`, {
		path,
		hint: "its file system has no extended attributes (security.capability)",
	});
}

export async function revokeCapabilities(path: string): Promise<void> {
	await setFileCapabilities(path, 0);
}

/** True when there was one. Its directory goes, too, when it is empty. */
export async function removeHelper(path: string): Promise<boolean> {
	const removed = await unlinkIfExists(path);
	await removeEmptyDirectory(dirname(path));
	return removed;
}

function sha256(bytes: Uint8Array): string {
	return createHash("sha256").update(bytes).digest("hex");
}

/** Our own build first, then the prebuilt one. */
async function packagedPaths(): Promise<string[]> {
	const { root } = ownPackage();
	const paths = [
		join(root, "build/helper/ksquash-helper"),
		join(root, "prebuilds", `linux-${process.arch}`, "ksquash-helper"),
	];
	const found = await Promise.all(paths.map(async (path) => await lstatIfExists(path)));
	return paths.filter((_, i) => found[i]?.isFile());
}
