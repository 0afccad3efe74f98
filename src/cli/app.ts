/**
 * argv → exit status.
 *
 * Owns: signals, "--", usage errors. Leaves to others: the commands (src/cli/commands.ts), and ending (main.ts).
 */

import {
	AliasNotFoundError,
	buildApplication,
	ExitCode,
	FlagNotFoundError,
	run,
	type StricliDynamicCommandContext,
	text_en,
} from "@stricli/core";
import { Exit, KsquashError } from "../errors.ts";
import { ownPackage } from "../system/package.ts";
import { routes } from "./commands.ts";
import { ASK, propose } from "./completion.ts";
import { type CliContext, statusOf } from "./context.ts";
import { unknownFlag } from "./flags.ts";
import { asText, errorJson, errorLines } from "./render/text.ts";

/** What was typed before the first flag, as far as it names a command: for "see ksquash … --help". */
let command: readonly string[] = [];

function refusal(): string {
	const hint = `see ${["ksquash", ...command, "--help"].join(" ")}`;
	const lines = complaint.split("\n").map((line) => `ksquash: ${line}`);
	return asText([...lines, `  → ${hint}`]).trimEnd();
}

/** Every other failure of a command is printed by the command itself (src/cli/context.ts). */
let complaint = "";
const text = {
	...text_en,
	/** What is wrong with the arguments is said on stderr, and kept for --json. */
	exceptionWhileParsingArguments: (...given: Parameters<typeof text_en.exceptionWhileParsingArguments>) => {
		const [error] = given;
		if (error instanceof FlagNotFoundError) complaint = unknownFlag(command.join(" "), error.input);
		else if (error instanceof AliasNotFoundError) complaint = `unknown option -${error.input}`;
		else complaint = text_en.exceptionWhileParsingArguments(...given);
		return refusal();
	},
	noCommandRegisteredForInput: (given: Parameters<typeof text_en.noCommandRegisteredForInput>[0]) => {
		complaint = text_en.noCommandRegisteredForInput(given);
		return refusal();
	},
	exceptionWhileRunningCommand: (error: unknown) => errorLines(error).join("\n"),
	exceptionWhileLoadingCommandFunction: (error: unknown) => errorLines(error).join("\n"),
};

export async function main(argv: readonly string[]): Promise<number> {
	const dashes = argv.indexOf("--");
	const own = commandFirst(dashes === -1 ? argv : argv.slice(0, dashes));
	command = namedCommand(own);
	const passThrough = dashes === -1 ? [] : argv.slice(dashes + 1);
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
	const context: CliContext = { process, signal: interrupt.signal, passThrough, status: 0 };
	if (argv[0] === ASK) {
		await propose(app, argv.slice(1), context);
		return 0;
	}
	if (dashes !== -1 && own[0] !== "pack" && own[0] !== "install") {
		return refuse(own, "only pack and install take mksquashfs options behind --");
	}
	// Its type of process.exitCode lacks undefined, which Node's has (exactOptionalPropertyTypes).
	await run(app, own, context as StricliDynamicCommandContext<CliContext>);
	if (signalled !== 0) return signalled;
	const code = Number(process.exitCode ?? 0);
	if (code === ExitCode.InvalidArgument || code === ExitCode.UnknownCommand) {
		if (own.includes("--json")) printUsageError(complaint);
		return Exit.usage;
	}
	if (code < 0 || code > 255) return Exit.software;
	return code === 0 ? context.status : code;
}

function refuse(argv: readonly string[], why: string): number {
	process.stderr.write(`ksquash: ${why}\n  → leave the -- out; a file whose name begins with - is ./-name\n`);
	if (argv.includes("--json")) printUsageError(why);
	return Exit.usage;
}

function printUsageError(why: string): void {
	process.stdout.write(
		`${JSON.stringify({ error: errorJson(new KsquashError("ERR_KSQUASH_USAGE", why)), warnings: [] })}\n`,
	);
}

function namedCommand([first = "", second = ""]: readonly string[]): string[] {
	const target = routes.getRoutingTargetForInput(first);
	if (target === undefined) return [];
	const inner = "getRoutingTargetForInput" in target ? target.getRoutingTargetForInput(second) : undefined;
	return inner === undefined ? [first] : [first, second];
}

/** Flags may stand before the command, as in `ksquash --root DIR mount 6.1`; without a command it is status. */
function commandFirst(argv: readonly string[]): readonly string[] {
	const [first] = argv;
	if (first === "help") return [...argv.slice(1), "--help"];
	if (first !== undefined && (!first.startsWith("-") || ["--help", "-h", "--version", "-v"].includes(first)))
		return argv;
	let at = 0;
	while (argv[at]?.startsWith("-")) at += argv[at] === "--root" ? 2 : 1;
	const command = argv.slice(at);
	return [...(command.length === 0 ? ["status"] : command), ...argv.slice(0, at)];
}
