#!/usr/bin/env node
/**
 * Where the process begins and ends. What is asked most often, and by scripts, is answered before anything is loaded.
 */

import { ownPackage } from "../system/package.ts";
import { guardOutput } from "./output.ts";

guardOutput();
const argv = process.argv.slice(2);
const [only] = argv;
if (argv.length === 1 && (only === "--version" || only === "-v")) process.stdout.write(`${ownPackage().version}\n`);
else process.exitCode = await (await import("./app.ts")).main(argv);
