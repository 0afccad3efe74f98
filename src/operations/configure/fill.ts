/**
 * From a prepared build directory to its config: base → fragments → one make → stamp, and when none of it is needed.
 *
 * Leaves to others: the directory (place.ts, src/build/directory.ts), and one config's text (merge.ts).
 */

import { availableParallelism } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { openConfigBackup, withConfigBackup } from "../../build/config-backup.ts";
import type { BuildDirectory } from "../../build/directory.ts";
import { removeTemporaries } from "../../build/files.ts";
import { runTarget, toolchainLine } from "../../build/kbuild.ts";
import { inputsHash, type Stamp, sha256, writeStamp } from "../../build/stamp.ts";
import { forgetPrepared, keepMade, keepPrepared } from "../../build/tools.ts";
import { findBase, type Origin } from "../../kconfig/base-config.ts";
import { parseConfig, symbolValue } from "../../kconfig/config.ts";
import type { Fragment } from "../../kconfig/merge.ts";
import { buildConfigs, namedBase } from "../../release/config-inputs.ts";
import type { Context } from "../../release/context.ts";
import { merge, type Request, warnIfUnmountable } from "./merge.ts";
import type { ConfigureOptions, ConfigureResult } from "./options.ts";

/** The config of a prepared directory. No make is run where nothing has changed. */
export async function fill(
	context: Context,
	directory: BuildDirectory,
	fragments: readonly Fragment[],
	options: ConfigureOptions,
): Promise<ConfigureResult> {
	const { path, source, release, owner } = directory;
	const stamp = await settlePrepared(directory);
	const { arch, cross, makeArgs } = options;
	const make = { owner, arch, cross, makeArgs };
	await removeTemporaries(path, owner);
	const memory = await openConfigBackup(path, owner, stamp.config !== undefined);
	const existing = memory.config;
	const toolchain = await toolchainLine(make);
	const inputs = inputsHash({ ...make, release, toolchain, base: "", fragments });
	const result = { release, buildDir: path, scrubbed: [], missed: [] };
	const own = join(path, ".config");
	const origin = await findBase({
		explicit: await namedBase(context, options.base),
		existing: existing && { path: own, text: existing },
		others: (await buildConfigs(context.layout)).filter((other) => other.path !== own),
		arch,
		owner: owner.uid,
		signal: context.signal,
	});
	const request = { ...make, source, build: path, signal: context.signal, jobs: availableParallelism() };
	const untouched = existing !== undefined && stamp.config === sha256(existing);
	const sameBase = options.base === undefined || isDeepStrictEqual(stamp.base, record(origin, []).base);
	if (!memory.interrupted && untouched && sameBase && stamp.inputs === inputs) {
		if (options.modulesPrepare) await prepareModules(context, request, stamp, existing);
		return { ...result, already: true, base: `${own} is as the last configure left it` };
	}
	if (stamp.toolchain !== undefined && stamp.toolchain !== toolchain) {
		context.warn(`${path} was configured for "${stamp.toolchain}"; the compiler is now "${toolchain}"`);
	}
	for (const other of origin.passedOver) context.warn(other);
	const next: Stamp = { ...stamp, ...record(origin, fragments), inputs, toolchain, make: toldTo(options) };
	// The directory's own .config as the base is no new origin: the first one stays what is remembered.
	if (origin.kind === "build-directory" && stamp.base !== undefined) next.base = stamp.base;
	const made = await context.step("configure", origin.why, async () => {
		return await withConfigBackup(path, owner, memory, async () => {
			const merged = await merge(context, request, origin, fragments);
			// The stamp says that it is done: from here on nothing of it may be lost.
			await keepMade(path, owner);
			Object.assign(next, { asked: merged.asked, config: sha256(merged.config) });
			await writeStamp(path, next, owner);
			return merged;
		});
	});
	if (options.modulesPrepare) await prepareModules(context, request, next, made.config);
	await warnIfUnmountable(context, made.config, release);
	return { ...result, already: false, base: origin.why, scrubbed: made.scrubbed, missed: made.missed };
}

/** The mark is the stamp's own time: what make has made since a modules_prepare began that did not end goes first of all. */
async function settlePrepared({ path, owner, stamp }: BuildDirectory): Promise<Stamp> {
	if (!stamp.preparing) return stamp;
	await forgetPrepared(path, owner);
	const settled = { ...stamp, preparing: undefined };
	await writeStamp(path, settled, owner);
	return settled;
}

/** Once for each .config: make looks at thousands of files to find out that nothing is to be done. */
async function prepareModules(context: Context, request: Request, stamp: Stamp, config: Buffer): Promise<void> {
	if (stamp.prepared !== undefined && stamp.prepared === stamp.config) return;
	if (symbolValue(parseConfig(config, ".config"), "MODULES") === "n") {
		context.warn("modules_prepare would do nothing: CONFIG_MODULES is not set, so this kernel takes no modules");
		return;
	}
	await context.step("modules_prepare", `make modules_prepare in ${request.build}`, async () => {
		const { build, owner } = request;
		await writeStamp(build, { ...stamp, prepared: undefined, preparing: true }, owner);
		await runTarget(request, ["modules_prepare"]);
		await keepPrepared(build, owner);
		await writeStamp(build, { ...stamp, prepared: stamp.config }, owner);
	});
}

function toldTo({ arch, cross, makeArgs }: ConfigureOptions): NonNullable<Stamp["make"]> {
	return {
		...(arch === undefined ? {} : { arch }),
		...(cross === undefined ? {} : { cross }),
		...(makeArgs === undefined ? {} : { makeArgs: [...makeArgs] }),
	};
}

/** What the stamp says of the inputs. */
function record(origin: Origin, fragments: readonly Fragment[]): Pick<Stamp, "base" | "fragments"> {
	return {
		base: {
			kind: origin.kind,
			...(origin.path === undefined ? {} : { path: origin.path }),
			...(origin.target === undefined ? {} : { target: origin.target }),
			...(origin.text === undefined ? {} : { sha256: sha256(origin.text) }),
		},
		fragments: fragments.map(({ name, text }) => ({ name, sha256: sha256(text) })),
	};
}
