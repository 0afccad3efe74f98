/**
 * What each command says when it is done, for a person.
 *
 * Owns: these sentences and tables. Leaves to others: JSON (the results themselves, unchanged).
 */

import type { ConfigurePlan, ConfigureResult } from "../../operations/configure/index.ts";
import type { Diagnosis } from "../../operations/doctor/index.ts";
import type { InstallPlan, InstallResult } from "../../operations/install.ts";
import type { MountOutcome } from "../../operations/mount.ts";
import type { PackPlan, PackResult } from "../../operations/pack/index.ts";
import type { RemovePlan, RemoveResult } from "../../operations/remove/index.ts";
import type { SelectResult } from "../../operations/select.ts";
import type { ReleaseStatus, Status } from "../../operations/status.ts";
import type { UmountOutcome, UmountPlan } from "../../operations/umount.ts";
import type { VerifyResult } from "../../operations/verify.ts";
import { count, plural, size, table } from "./text.ts";

function planned(plan: readonly string[], unchecked: readonly string[] = []): string[] {
	const indented = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);
	const open = unchecked.length > 0 ? ["could not check:", ...indented(unchecked)] : [];
	return ["would:", ...indented(plan), ...open];
}

export function packReport(result: PackResult | PackPlan): string[] {
	if (result.state === "planned") return planned(result.plan, result.unchecked);
	const { release, image, imageBytes, bytes, entries, already, source, kept } = result;
	const share =
		bytes > 0 ? ` (${Math.round((imageBytes / bytes) * 100)} % of ${size(bytes)} in ${count(entries)} entries)` : "";
	const lines = [`${release}: ${already ? "is packed already" : "packed"}: ${image}, ${size(imageBytes)}${share}`];
	if (source === "replaced" || source === "removed")
		lines.push(`${release}: the source ${source === "replaced" ? "gave way to its image" : "was removed"}`);
	if (kept.length > 0) lines.push("these stay, for they are not in the image:", ...kept.map((path) => `  ${path}`));
	return lines;
}

export function mountReport({ release, target, device, fuse, already, plan }: MountOutcome): string[] {
	if (plan) return planned(plan);
	const by = fuse ? "FUSE: squashfuse serves it, slower than the kernel would" : device;
	return [`${release}: ${already ? "is mounted already" : "mounted"} on ${target} (${by})`];
}

export function umountReport(result: UmountOutcome | UmountPlan): string[] {
	if (result.state === "planned") return planned(result.plan, result.unchecked);
	const { release, target, already } = result;
	return [`${release}: ${already ? "was not mounted" : "unmounted"}: ${target}`];
}

export function verifyReport({ release, checked }: VerifyResult): string[] {
	return [`${release}: good`, ...checked.map((line) => `  ${line}`)];
}

export function configureReport(result: ConfigureResult | ConfigurePlan): string[] {
	if (result.state === "planned") return planned(result.plan, result.unchecked);
	const { release, buildDir, already, base, scrubbed, missed } = result;
	const lines = [`${release}: ${already ? "is configured already" : "configured"}: ${buildDir}`, `  ${base}`];
	for (const why of new Set(scrubbed.map((entry) => entry.why))) {
		const symbols = scrubbed.filter((entry) => entry.why === why).map(({ symbol }) => symbol);
		lines.push(`  left out of the base (${why}): ${symbols.join(", ")}`);
	}
	if (missed.length > 0) lines.push("  asked for, but not in the result:", ...missed.map((line) => `    ${line}`));
	return lines;
}

export function selectReport({ link, target, moved, left, plan }: SelectResult): string[] {
	if (plan) return planned(plan);
	if (left !== undefined) return [`${left}: it stays (--select, or ksquash select, moves it)`];
	return [`${link} ${moved ? "now points" : "points"} to ${target}`];
}

export function installReport(result: InstallResult | InstallPlan, command: (words: string) => string): string[] {
	if (result.state === "planned") return planned(result.plan, result.unchecked);
	const { mount, boot, fstabLine, release, configure } = result;
	const after =
		mount === undefined
			? []
			: boot !== "no"
				? [`after a boot: ${boot === "fstab" ? "/etc/fstab" : boot} mounts it`]
				: [
						`after a boot: not mounted by itself; run: ${command(`mount ${release}`)}`,
						`  or all of them by: ${command("boot enable")}`,
						`  or add to /etc/fstab: ${fstabLine}`,
					];
	return [
		...packReport(result.pack),
		...(mount === undefined ? [`${release}: nothing is mounted: the tree stays in its place`] : mountReport(mount)),
		...configureReport(configure),
		...selectReport(result.select),
		...after,
		`build it with: make -C ${configure.buildDir}`,
	];
}

export function removeReport(result: RemoveResult | RemovePlan): string[] {
	if (result.state === "planned") return planned(result.plan, result.unchecked);
	const { release, removed, kept, stays, link } = result;
	const lines = [`${release}: removed`, ...removed.map((path) => `  ${path}`)];
	if (kept !== undefined) lines.push(`its configs and keys are safe in ${kept}`);
	if (link !== undefined) lines.push(`the linux link now points to ${link}`);
	if (stays.length > 0) lines.push("stays:", ...stays.map((line) => `  ${line}`));
	return lines;
}

const columns = [
	{ title: "RELEASE" },
	{ title: "STATE" },
	{ title: "IMAGE", right: true },
	{ title: "SAVED", right: true },
	{ title: "INODES SAVED", right: true },
	{ title: "BOOT" },
	{ title: "BUILD DIRECTORY" },
];

export function statusReport(
	{ releases, leftovers, underWay, link }: Status,
	command: (words: string) => string,
	width?: number,
): string[] {
	const atWork = underWay.map((path) => `another ksquash is writing ${path}`);
	if (releases.length === 0) {
		return [
			`no images here yet: ${command("install TREE|TARBALL")} makes one`,
			...leftovers.map((path) => `left over: ${path}`),
			...atWork,
		];
	}
	const rows = releases.map(statusRow);
	if (releases.length > 1) rows.push(totals(releases));
	const problems = releases.flatMap((row) => row.problems.map((problem) => `${row.release}: ${problem}`));
	return [
		...table(columns, rows, width),
		...(link === undefined ? [] : [`* the linux link points to ${link}`]),
		...problems,
		...leftovers.map(
			(path) => `left over from interrupted work: ${path} (pack, configure, select and remove clear it away)`,
		),
		...atWork,
	];
}

function statusRow(row: ReleaseStatus): string[] {
	const builds = row.buildDirs.map(({ path, owner, configured, ours }) => {
		const notes = [
			...(owner === "root" ? [] : [owner]),
			...(configured ? [] : ["no config"]),
			...(ours ? [] : ["not ours"]),
		];
		return notes.length > 0 ? `${path} (${notes.join(", ")})` : path;
	});
	return [
		`${row.release}${row.selected ? " *" : ""}`,
		row.fuse ? `${row.state} (FUSE)` : row.state,
		size(row.imageBytes),
		row.saved ? size(row.saved.bytes) : "?",
		row.saved ? count(row.saved.inodes) : "?",
		row.boot,
		builds.join(" ") || "-",
	];
}

function totals(releases: readonly ReleaseStatus[]): string[] {
	const sum = (pick: (row: ReleaseStatus) => number | undefined): number =>
		releases.reduce((total, row) => total + (pick(row) ?? 0), 0);
	const bytes = size(sum((row) => row.saved?.bytes));
	return ["total", "", size(sum((row) => row.imageBytes)), bytes, count(sum((row) => row.saved?.inodes)), "", ""];
}

export function doctorReport({ checks, healthy, install }: Diagnosis): string[] {
	const marks = { ok: "ok", warn: "warning", fail: "MISSING" } as const;
	const rows = checks.map(({ name, result, found }) => [marks[result], name, found]);
	const fixes = checks.flatMap(({ name, fix }) => (fix === undefined ? [] : [`${name}: ${fix}`]));
	const bad = checks.filter(({ result }) => result === "fail").length;
	return [
		...table([{ title: "RESULT" }, { title: "CHECK" }, { title: "FOUND" }], rows),
		...(fixes.length > 0 ? ["", "what mends it:", ...fixes.map((line) => `  ${line}`)] : []),
		...(install === undefined ? [] : ["", "all packages at once:", `  ${install}`]),
		"",
		healthy
			? "ksquash's main job works here"
			: `ksquash's main job does not work here: ${plural(bad, "thing")} missing`,
	];
}
