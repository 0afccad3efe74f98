/**
 * The command `ksquash uninstall --all`: its place in the table, what it calls, and what it says.
 */

import { buildCommand } from "@stricli/core";
import { KsquashError } from "../errors.ts";
import type { UninstallResult } from "../operations/uninstall.ts";
import type { Flags } from "../options/types.ts";
import { type CliContext, one, statusOf } from "./context.ts";
import { flagsOf } from "./flags.ts";
import { change } from "./privileges.ts";
import { errorJson, errorLines } from "./render/text.ts";

/** As JSON has it. */
type Shown = Omit<UninstallResult, "failed"> & { failed: { part: string; error: object }[] };

export const uninstall = buildCommand<Flags<"uninstall">, [], CliContext>({
	async func(flags) {
		const errors: unknown[] = [];
		const work = async (options: object): Promise<Shown> => {
			if (!flags.all) throw missingAll();
			const result = await (await import("../index.ts")).uninstall(options);
			errors.push(...result.failed.map(({ error }) => error));
			return { ...result, failed: result.failed.map(({ part, error }) => ({ part, error: errorJson(error) })) };
		};
		await one(this, flags, work, (result) => lines(result));
		if (errors.length === 0) return;
		if (!flags.json) this.process.stderr.write(`${errors.flatMap(errorLines).join("\n")}\n`);
		this.status = statusOf(errors[0]);
	},
	parameters: flagsOf("uninstall"),
	docs: {
		brief: "Take everything of ksquash's off this system but releases and saved configs; says what stays",
		customUsage: [
			"--all [flags]",
			{ input: "--all --dry-run", brief: "Only say what would go, and what would stay" },
			{ input: "--all", brief: "Before npm uninstall -g ksquash" },
		],
	},
});

function missingAll(): KsquashError {
	return new KsquashError("ERR_KSQUASH_USAGE", "say --all to take the hook, the boot files and the helper away", {
		hint: "ksquash remove RELEASE removes one release; portage, boot and helper each have an undoing of their own",
	});
}

function lines(result: Shown): string[] {
	const stays = result.stays.length > 0 ? ["stays:", ...result.stays.map((line) => `  ${line}`)] : [];
	const last =
		result.failed.length > 0 || result.dryRun ? [] : ["the package itself goes with: npm uninstall -g ksquash"];
	return [...change(result), ...stays, ...last];
}
