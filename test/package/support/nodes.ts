/**
 * The Nodes and npms that ksquash is installed with, from the npm registry.
 *
 * Owns: fetching them once, into .cache/. They are 185 MB each; nothing of them is run at their installation.
 */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const top = join(import.meta.dirname, "../../..");

/** A package of the registry, e.g. "npm@12"; its directory. */
export function fetched(spec: string): string {
	const at = spec.lastIndexOf("@");
	const place = join(top, ".cache/package", spec);
	if (!existsSync(place)) {
		const half = `${place}.part`;
		rmSync(half, { recursive: true, force: true });
		mkdirSync(half, { recursive: true });
		writeFileSync(join(half, "package.json"), "{}\n");
		// --force: the package may be of another architecture.
		const flags = ["--force", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
		execFileSync("npm", ["install", ...flags, spec], { cwd: half, stdio: ["ignore", "ignore", "inherit"] });
		renameSync(half, place);
	}
	return join(place, "node_modules", spec.slice(0, at));
}

export interface Toolchain {
	name: string;
	node: string;
	npm: string;
}

/** The npm that came with the Node which runs the tests. */
function ownNpm(): string {
	const found = execFileSync("sh", ["-c", 'readlink -f "$(command -v npm)"'], { encoding: "utf8" }).trim();
	return found.endsWith("npm-cli.js") ? found : join(dirname(found), "npm-cli.js");
}

/** npm 12 needs Node 22.22, 24.15 or 26. */
export function toolchain(node: number, npm: number): Toolchain {
	const own = Number(process.versions.node.split(".")[0]) === node;
	return {
		name: `Node ${node}, npm ${npm}`,
		node: own ? process.execPath : join(fetched(`node-linux-${process.arch}@${node}`), "bin/node"),
		npm: npm === 12 ? join(fetched("npm@12"), "bin/npm-cli.js") : ownNpm(),
	};
}
