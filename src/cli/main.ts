#!/usr/bin/env node
/**
 * argv → exit status. The only place that ends the process.
 *
 * Owns: signals, "--", usage errors. Leaves to others: the commands (src/cli/commands.ts).
 */

import { buildApplication, ExitCode, run, type StricliDynamicCommandContext, text_en } from "@stricli/core";
import { Exit } from "../errors.ts";
import { ownPackage } from "../system/package.ts";
import { routes } from "./commands.ts";
import { type CliContext, statusOf } from "./context.ts";
import { errorLines } from "./text.ts";

/** Every other failure of a command is printed by the command itself (src/cli/context.ts). */
const text = {
	...text_en,
	exceptionWhileRunningCommand: (error: unknown) => errorLines(error).join("\n"),
	exceptionWhileLoadingCommandFunction: (error: unknown) => errorLines(error).join("\n"),
};

async function main(argv: readonly string[]): Promise<number> {
	const dashes = argv.indexOf("--");
	const own = dashes === -1 ? argv : argv.slice(0, dashes);
	const passThrough = dashes === -1 ? [] : argv.slice(dashes + 1);
	// A reader that went away (| head) is no reason to leave work half done.
	for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
	const interrupt = new AbortController();
	let signalled = 0;
	for (const [name, status] of [
		["SIGINT", 130],
		["SIGTERM", 143],
		["SIGHUP", 129],
	] as const) {
		process.on(name, () => {
			signalled = status;
			interrupt.abort(new DOMException(`interrupted by ${name}`, "AbortError"));
		});
	}
	const app = buildApplication(routes, {
		name: "ksquash",
		versionInfo: { currentVersion: ownPackage().version },
		scanner: { caseStyle: "allow-kebab-for-camel" },
		documentation: { caseStyle: "convert-camel-to-kebab", onlyRequiredInUsageLine: true },
		localization: { text },
		determineExitCode: statusOf,
	});
	if (dashes !== -1 && own[0] !== "pack" && own[0] !== "install") {
		process.stderr.write("ksquash: only pack and install take mksquashfs options behind --\n");
		return Exit.usage;
	}
	const context: CliContext = { process, signal: interrupt.signal, passThrough, status: 0 };
	// Its type of process.exitCode lacks undefined, which Node's has (exactOptionalPropertyTypes).
	await run(app, isBare(own) ? ["status", ...own] : own, context as StricliDynamicCommandContext<CliContext>);
	if (signalled !== 0) return signalled;
	const code = Number(process.exitCode ?? 0);
	if (code === ExitCode.InvalidArgument || code === ExitCode.UnknownCommand) return Exit.usage;
	if (code < 0 || code > 255) return Exit.software;
	return code === 0 ? context.status : code;
}

/** Without a command it is status; its flags may stand alone. */
function isBare(argv: readonly string[]): boolean {
	const [first] = argv;
	return first === undefined || (first.startsWith("-") && !["--help", "-h", "--version", "-v"].includes(first));
}

process.exitCode = await main(process.argv.slice(2));
