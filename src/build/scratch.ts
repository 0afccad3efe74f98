/**
 * A build directory for one question: `conf` finishes a config in it, and it is gone.
 *
 * Owns: that it belongs to the owner of the real one, and that nothing of it stays.
 * Leaves to others: what is asked.
 */

import { chown, mkdtemp, realpath } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cleanEnvironment, run } from "../process/run.ts";
import { attempt } from "../system/failure.ts";
import { lstatIfExists } from "../system/files.ts";
import { configure } from "./configure.ts";
import type { MakeRequest } from "./kbuild.ts";
import { assertCanActAs } from "./ownership.ts";

export interface TrialRequest extends Omit<MakeRequest, "build"> {
	/** The config to finish. */
	text: Uint8Array;
	/** A build directory of the same source and owner: its `conf` need not be compiled again. */
	like: string;
}

/** What olddefconfig makes of the text. Throws what runTarget throws. */
export async function tryConfig({ text, like, ...request }: TrialRequest): Promise<Buffer> {
	const { owner } = request;
	assertCanActAs(owner);
	const parent = await attempt("make a scratch directory", realpath(tmpdir()));
	const build = await attempt("make a scratch directory", mkdtemp(join(parent, "ksquash-try-")));
	const asOwner = { as: owner, cwd: "/", env: cleanEnvironment(owner.home) };
	try {
		await attempt(`give ${build} to ${owner.name}`, chown(build, owner.uid, owner.gid));
		if ((await lstatIfExists(join(like, "scripts/kconfig/conf"))) !== undefined) {
			// make compares times: they are kept. A copy that fails costs only the time of a compilation.
			await run("cp", ["-a", "--", join(like, "scripts"), `${build}/`], asOwner).catch(() => undefined);
		}
		return (await configure({ ...request, build, text })).config;
	} finally {
		// As the owner: whatever he puts in its place, nothing of root's goes.
		await run("rm", ["-rf", "--one-file-system", "--", build], asOwner).catch(() => undefined);
	}
}
