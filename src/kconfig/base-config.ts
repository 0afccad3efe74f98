/**
 * Where the base of a configure comes from: the first of a fixed order that is there and fits.
 *
 * Owns: the order, and the sentence that says which one it was and why.
 * Leaves to others: reading and checking a file (read.ts), paths of build directories and trees (the caller).
 */

import { KsquashError } from "../errors.ts";
import { blank, option, text as said } from "../text.ts";
import { configArch, kernelArch } from "./arch.ts";
import { parseConfig } from "./config.ts";
import { isThere, runningPlaces, type Sources, systemSources } from "./config-locations.ts";
import { readConfigFile } from "./read.ts";

/** A config that the caller has read: it knows whose directory it is. */
export interface GivenConfig {
	path: string;
	text: Uint8Array;
}

export type ExplicitBase =
	| { kind: "file"; path: string }
	| { kind: "running" }
	| ({ kind: "build"; release: string } & GivenConfig)
	/** "defconfig" or "NAME_defconfig". */
	| { kind: "defconfig"; target: string };

export type OriginKind =
	| "file"
	| "build"
	| "tree"
	| "build-directory"
	| "proc"
	| "modules"
	| "modules-build"
	| "boot"
	| "image"
	| "other-build"
	| "defconfig";

export interface OriginRequest {
	explicit?: ExplicitBase | undefined;
	/** The .config of a tree that was built in. */
	tree?: GivenConfig | undefined;
	/** The .config that the build directory has already. */
	existing?: GivenConfig | undefined;
	/** Configs of other build directories, the newest first: better than a defconfig. */
	others?: readonly GivenConfig[] | undefined;
	/** As given to ARCH=; the machine's own when absent. */
	arch?: string | undefined;
	/** The build directory's owner: configs of his are trusted, too. */
	owner?: number | undefined;
	sources?: Partial<Sources> | undefined;
	signal?: AbortSignal | undefined;
}

export interface Origin {
	kind: OriginKind;
	/** undefined: `target` is to be made instead. */
	text: Uint8Array | undefined;
	path?: string;
	/** The make target of a defconfig. */
	target?: string;
	/** One sentence. */
	why: string;
	/** One sentence for each candidate that was there and was not taken. */
	passedOver: string[];
}

/** Throws ERR_KSQUASH_KCONFIG, ERR_KSQUASH_CONFIG_FILE, ERR_KSQUASH_NO_INPUT. A damaged file is an error, a foreign or untrusted one is passed over. */
export async function findBase(request: OriginRequest): Promise<Origin> {
	const sources = { ...systemSources(), ...request.sources };
	const target = kernelArch(request.arch ?? sources.machine);
	const { explicit } = request;
	if (explicit !== undefined) return await explicitBase(explicit, request, sources, target);
	for (const kind of ["tree", "existing"] as const) {
		const given = request[kind];
		if (given !== undefined) return ownBase(kind, given, target);
	}
	const passedOver: string[] = [];
	const found = await runningBase(request, sources, target, passedOver);
	if (found !== undefined) return found;
	for (const { path, text } of request.others ?? []) {
		if (otherArch(text, path, target) !== undefined) continue;
		const why = `${path} is the base: no config of the running kernel was found, and it is the newest of the build directories`;
		return { kind: "other-build", text, path, why, passedOver };
	}
	const why = `the tree's defconfig is the base: ${passedOver.length === 0 ? "no config of the running kernel was found" : "no other config fits"}`;
	return { kind: "defconfig", text: undefined, target: "defconfig", why, passedOver };
}

async function explicitBase(
	explicit: ExplicitBase,
	request: OriginRequest,
	sources: Sources,
	target: string,
): Promise<Origin> {
	if (explicit.kind === "defconfig") {
		const why = `the tree's ${explicit.target} is the base, as asked for`;
		return { kind: "defconfig", text: undefined, target: explicit.target, why, passedOver: [] };
	}
	if (explicit.kind === "running") {
		const passedOver: string[] = [];
		const found = await runningBase(request, sources, target, passedOver);
		if (found !== undefined) return { ...found, why: `${found.why}, as asked for` };
		throw new KsquashError("ERR_KSQUASH_NO_INPUT", `no config of the running kernel ${sources.release} was found`, {
			notes: passedOver,
			hint: said`name a file with ${option("base", blank("FILE"))}, or take ${option("base", "defconfig")}`,
		});
	}
	const { path } = explicit;
	const text = explicit.kind === "build" ? explicit.text : await readConfigFile(path, { signal: request.signal });
	const arch = otherArch(text, path, target);
	const whose = explicit.kind === "build" ? `${path}, of the build directory of ${explicit.release},` : path;
	const but = arch === undefined ? "" : `; note that it is a config for ${arch}, while this build is for ${target}`;
	return { kind: explicit.kind, text, path, why: `${whose} is the base, as asked for${but}`, passedOver: [] };
}

/** The user's own config of this very build: taken, or refused aloud; never passed over and then overwritten. */
function ownBase(kind: "tree" | "existing", { path, text }: GivenConfig, target: string): Origin {
	const arch = otherArch(text, path, target);
	if (arch !== undefined) {
		const own = said`${option("arch", arch)} builds for it (${option("cross")} names the compiler)`;
		const variant = option("variant", blank("NAME"));
		const other = said`give the other architecture a build directory of its own with ${variant}`;
		throw new KsquashError("ERR_KSQUASH_KCONFIG", `${path} is a config for ${arch}, and this build is for ${target}`, {
			path,
			hint: said`${kind === "tree" ? own : other}, or name a base with ${option("base")}`,
		});
	}
	const what = kind === "tree" ? "it is what the tree was built with" : "it is what this build directory has";
	const why = `${path} is the base: ${what}`;
	return { kind: kind === "tree" ? "tree" : "build-directory", text, path, why, passedOver: [] };
}

/** The running kernel's config, from the first place that has one that fits. */
async function runningBase(
	request: OriginRequest,
	sources: Sources,
	target: string,
	passedOver: string[],
): Promise<Origin | undefined> {
	if (kernelArch(sources.machine) !== target) {
		passedOver.push(
			`the running kernel's config is for ${kernelArch(sources.machine)}, and this build is for ${target}`,
		);
		return undefined;
	}
	const trusted = [process.geteuid?.() ?? 0, ...(request.owner === undefined ? [] : [request.owner])];
	for (const { kind, path, reason } of runningPlaces(sources)) {
		if (kind === "proc" && !(await isThere(path))) await sources.loadConfigs?.();
		if (!(await isThere(path))) continue;
		try {
			const text = await readConfigFile(path, { signal: request.signal, trusted });
			const arch = otherArch(text, path, target);
			if (arch === undefined) return { kind, text, path, why: `${path} is the base: ${reason}`, passedOver };
			passedOver.push(`${path} is a config for ${arch}, and this build is for ${target}`);
		} catch (error) {
			// A damaged file is an error: going on without it would lose what it says without a word.
			if (!(error instanceof KsquashError)) throw error;
			const { code, kind: why } = error;
			// The file is whole, but not to be used.
			const unused = why === "untrusted" || why === "without-config" || code === "ERR_KSQUASH_PRIVILEGE";
			if (!unused && !(kind === "image" && code === "ERR_KSQUASH_TOOL_MISSING")) throw error;
			passedOver.push(error.message);
		}
	}
	return undefined;
}

function otherArch(text: Uint8Array, path: string, target: string): string | undefined {
	const arch = configArch(parseConfig(text, path));
	return arch === undefined || arch === target ? undefined : arch;
}
