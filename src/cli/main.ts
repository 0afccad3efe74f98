#!/usr/bin/env node
/**
 * Where the process begins and ends. --version is answered before anything more is loaded, where ksquash.cts could not.
 */

import { ownPackage } from "../system/package.ts";
import { guardOutput } from "./render/output.ts";

guardOutput();
const argv = process.argv.slice(2);
const [only] = argv;
if (argv.length === 1 && (only === "--version" || only === "-v")) process.stdout.write(`${ownPackage().version}\n`);
else process.exitCode = await (await import("./app.ts")).main(argv);
