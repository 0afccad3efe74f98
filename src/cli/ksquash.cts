#!/usr/bin/env node
/**
 * The program's first file. CommonJS, for Node takes a third longer to start where it loads its loader of ES modules:
 * what scripts ask most often is answered before that.
 *
 * Owns: --version where it can be written. Leaves to others: all else (main.ts).
 */

import fs = require("node:fs");
import path = require("node:path");

function answered(argv: readonly string[]): boolean {
	if (argv.length !== 1 || (argv[0] !== "--version" && argv[0] !== "-v")) return false;
	try {
		// From dist/cli, which alone holds what this becomes.
		const { version } = JSON.parse(fs.readFileSync(path.join(__dirname, "../../package.json"), "utf8"));
		fs.writeSync(process.stdout.fd, `${version}\n`);
		return true;
	} catch {
		return false;
	}
}

if (!answered(process.argv.slice(2))) import("./main.js");
