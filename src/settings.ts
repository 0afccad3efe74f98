/**
 * /etc/ksquash/config.toml: what a machine's administrator wants by default.
 *
 * Owns: its keys and their checks. Leaves to others: what the settings mean (operations).
 */

import { parse, TomlError } from "smol-toml";
import { KsquashError } from "./errors.ts";
import { attempt } from "./system/failure.ts";
import { readIfExists } from "./system/files.ts";

export interface Settings {
	/** The preset that pack uses when none is named. */
	preset?: "smallest" | "balanced" | "fast";
	/** Processors for packing. */
	jobs?: number;
	/** User name or id that owns new build directories. */
	owner?: string;
	/** Mounting by squashfuse: where nothing else can (auto, the default), never, or always. */
	fuse?: "auto" | "never" | "always";
	/** What Portage's hook does where no image can be made: install the plain files, or fail the build. */
	portage_on_failure?: "plain" | "fail";
	/** Does the hook link /usr/src/linux to the build directory: with USE=symlink (use, the default), always or never? */
	portage_symlink?: "use" | "always" | "never";
	/** What becomes of the build directory when Portage unmerges the sources; its .config is kept either way. */
	portage_build_directory?: "remove" | "keep";
	/** Config fragments that every configure merges, absolute paths. */
	fragments?: string[];
}

const checks: Readonly<Record<keyof Settings, readonly [(value: unknown) => boolean, string]>> = {
	preset: [(value) => ["smallest", "balanced", "fast"].includes(value as string), "smallest, balanced or fast"],
	jobs: [(value) => Number.isInteger(value) && (value as number) > 0, "a whole number above 0"],
	owner: [(value) => typeof value === "string" && value !== "", "a user's name or id, as a string"],
	fuse: [(value) => ["auto", "never", "always"].includes(value as string), "auto, never or always"],
	portage_on_failure: [(value) => ["plain", "fail"].includes(value as string), "plain or fail"],
	portage_symlink: [(value) => ["use", "always", "never"].includes(value as string), "use, always or never"],
	portage_build_directory: [(value) => ["remove", "keep"].includes(value as string), "remove or keep"],
	fragments: [
		(value) => Array.isArray(value) && value.every((path) => typeof path === "string" && path.startsWith("/")),
		"a list of absolute paths",
	],
};

/** Reads the settings; none when the file is absent. Throws ERR_KSQUASH_SETTINGS with file and line. */
export async function readSettings(path: string): Promise<Settings> {
	const bytes = await attempt(`read ${path}`, readIfExists(path));
	if (bytes === undefined) return {};
	let table: Record<string, unknown>;
	try {
		table = parse(bytes.toString("utf8"));
	} catch (error) {
		const at = error instanceof TomlError ? `:${error.line}:${error.column}` : "";
		const why = (error as Error).message.split("\n")[0];
		throw new KsquashError("ERR_KSQUASH_SETTINGS", `${path}${at}: ${why}`, { path, cause: error });
	}
	for (const [key, value] of Object.entries(table)) {
		const check = Object.hasOwn(checks, key) ? checks[key as keyof Settings] : undefined;
		if (check === undefined) {
			const known = Object.keys(checks).join(", ");
			throw new KsquashError("ERR_KSQUASH_SETTINGS", `${path}: unknown key ${key} (known: ${known})`, { path });
		}
		if (!check[0](value)) {
			throw new KsquashError("ERR_KSQUASH_SETTINGS", `${path}: ${key} must be ${check[1]}`, { path });
		}
	}
	return table as Settings;
}
