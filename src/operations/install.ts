/**
 * install: the whole chain: pack → mount → configure → select. The only operation made of others.
 */

import { escapePath } from "../system/list.ts";
import { type ConfigureOptions, type ConfigureResult, configure } from "./configure.ts";
import { type MountOutcome, mount } from "./mount.ts";
import { type PackOptions, type PackResult, pack } from "./pack/index.ts";
import { type SelectResult, select } from "./select.ts";
import { type ReleaseStatus, status } from "./status.ts";

export interface InstallOptions extends PackOptions, Omit<ConfigureOptions, "variant"> {
	/** Move /usr/src/linux also where it points to what is not ksquash's. */
	select?: boolean | undefined;
}

export interface InstallResult {
	release: string;
	pack: PackResult;
	mount: MountOutcome;
	configure: ConfigureResult;
	select: SelectResult;
	/** What mounts it after a boot. */
	boot: ReleaseStatus["boot"];
	/** The fstab line that would. */
	fstabLine: string;
	plan?: string[];
}

/** From a kernel tree or tarball to a build directory in which `make` works. Done twice is done once. */
export async function install(source: string, options: InstallOptions = {}): Promise<InstallResult> {
	const packed = await pack(source, { ...options, mounts: true });
	if (options.dryRun) return planned(packed);
	const { release } = packed;
	const mounted = await mount(release, options);
	const configured = await configure(release, options);
	const selected = await select(release, { ...options, onlyOwn: !options.select });
	const row = (await status({ root: options.root })).releases.find((entry) => entry.release === release);
	return {
		release,
		pack: packed,
		mount: mounted,
		configure: configured,
		select: selected,
		boot: row?.boot ?? "no",
		fstabLine: fstabLine(packed),
	};
}

/** fstab(5) has the octal escapes of mountinfo. */
function fstabLine({ image, mountPoint }: PackResult): string {
	return `${escapePath(image)} ${escapePath(mountPoint)} squashfs ro,loop,nosuid,nodev 0 0`;
}

function planned(packed: PackResult): InstallResult {
	const { release, mountPoint, image } = packed;
	const name = release || "the release that the tarball says";
	const plan = [
		...(packed.plan ?? []),
		`mount it on ${mountPoint || "linux-REL beside it"}`,
		`make a build directory for ${name} with a merged .config`,
		"point the linux link to it where it is absent, dangling or ksquash's (anyhow with --select)",
	];
	return {
		release,
		pack: packed,
		mount: { release, image, target: mountPoint, already: false },
		configure: { release, buildDir: "", already: false, base: "", scrubbed: [], missed: [] },
		select: { release, link: "", target: "", moved: false },
		boot: "no",
		fstabLine: "",
		plan,
	};
}
