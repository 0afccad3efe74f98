/**
 * Where this package lies and which version it is.
 *
 * Owns: finding the package's own directory from any of its files, bundled or not.
 */

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

interface Package {
	root: string;
	version: string;
}

let found: Package | undefined;

/** The directory of ksquash's own package.json, and its version. */
export function ownPackage(): Package {
	if (found !== undefined) return found;
	for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
		try {
			const { name, version } = JSON.parse(readFileSync(join(at, "package.json"), "utf8"));
			if (name === "ksquash") {
				found = { root: at, version };
				return found;
			}
		} catch {
			// No package.json here: one level up.
		}
		if (at === dirname(at)) throw new Error("ksquash's package.json is missing");
	}
}
