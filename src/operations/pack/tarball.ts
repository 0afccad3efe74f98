/**
 * Packing a tarball: its release is known when it has streamed through, and what is there already is compared then.
 *
 * Owns: that order. Leaves to others: each step.
 */

import { Writable } from "node:stream";
import { KsquashError } from "../../errors.ts";
import { fileSha256 } from "../../image/manifest.ts";
import { tarballKey, temporaryImage } from "../../layout.ts";
import { type Entry, scan } from "../../release/catalog.ts";
import { withLock } from "../../release/locks.ts";
import { Handover, type Plan, type Step, type Work } from "../../release/plan.ts";
import { assertSha256, type Tarball } from "../../source/tarball.ts";
import { attempt } from "../../system/failure.ts";
import { fileId, lstatIfExists, unlinkIfExists } from "../../system/files.ts";
import {
	type Done,
	type Known,
	newOutcome,
	type Outcome,
	type PackContext,
	packPlan,
	warnOfOtherWishes,
	writingOf,
} from "./context.ts";
import { pairStep } from "./left.ts";
import { assertSpace, SCRATCH_RATIO } from "./options.ts";
import { extraction, patchedSteps } from "./patched.ts";
import { planSettling } from "./settle.ts";
import type { Source } from "./source.ts";
import { streamInto, type TarTaker } from "./stream.ts";
import { tarballImageSteps, type WrittenImage, withTemporary } from "./write.ts";

type TarballSource = Extract<Source, { kind: "tarball" }>;

export async function planTarball(job: PackContext, source: TarballSource): Promise<Plan<Known, Done>> {
	const { context, options, trust } = job;
	const { tarball } = source;
	const outcome = newOutcome(options.release);
	// A manifest proves nothing: a tarball that is to go is compared with the image itself. A signature needs its bytes.
	const fresh = options.replace || source.fate === "remove" || trust.signature !== undefined;
	const known = fresh ? undefined : await packedFrom(job, tarball);
	if (known === undefined) return packPlan(context, await writeSteps(job, source, outcome), outcome);
	const { paths, release } = known;
	warnOfOtherWishes(job, known);
	Object.assign(outcome, { release, already: true });
	const within = async (work: () => Promise<void>): Promise<void> => await withLock(context, paths.name, work);
	const steps = [{ steps: [await pairStep(context, paths)], within }, ...disposeSteps(source, outcome)];
	return packPlan(context, steps, outcome, `nothing: ${paths.image} was made of ${tarball.path}`);
}

async function writeSteps(job: PackContext, source: TarballSource, outcome: Outcome): Promise<readonly Work[]> {
	const { context, resolved, options, patches } = job;
	const { tarball } = source;
	// 11: what xz makes of a kernel, whose files are of 16 KiB on average.
	const bytes = tarball.bytes * (tarball.compression === "none" ? 1 : 11);
	const patched = patches.length > 0;
	if (job.format.streamsBy(job.tools, resolved) === "extraction" || patched) {
		await assertSpace(context, bytes, resolved.ratio + SCRATCH_RATIO, Math.ceil(bytes / (16 << 10)));
	} else await assertSpace(context, bytes, resolved.ratio);
	const temporary = temporaryImage(context.layout, tarballKey(tarball.id));
	if (context.dryRun) {
		const release = await readThrough(job, tarball);
		if (!patched) outcome.release = release;
	}
	const writing = writingOf(job, temporary, outcome.release, { release: options.release });
	const image = new Handover<WrittenImage>();
	const steps = patched
		? patchedSteps(context, job, writing, extraction(context, tarball, writing), { image, outcome })
		: tarballImageSteps(context, tarball, writing, image);
	const named = options.release === undefined ? {} : { named: true as const };
	const origin = { kind: "tarball" as const, path: tarball.path, ...named };
	const settling = await planSettling(job, { image, origin, outcome, dispose: disposeSteps(source, outcome) });
	return [{ steps: [...steps, ...settling], within: async (work) => await withTemporary(temporary, work) }];
}

/** For a dry run: whether it is whole, of a kernel, and what was asked for; returns its release. */
async function readThrough({ context, resolved, options, trust }: PackContext, tarball: Tarball): Promise<string> {
	return await context.step("read", `read ${tarball.path}`, async (tick) => {
		const onProgress = (done: number): void => tick({ done, total: tarball.bytes, unit: "bytes" });
		const { frugal, nice } = resolved;
		const unpacking = { release: options.release, onProgress, frugal, nice, ...trust };
		const { content } = await streamInto(context, tarball, unpacking, nowhere);
		return content.release;
	});
}

function nowhere(): TarTaker<undefined> {
	const input = new Writable({ write: (_chunk, _encoding, done) => done() });
	return { input, finished: Promise.resolve(undefined) };
}

/** An image whose manifest says that it came from this very file, and for its own release where none is asked for. */
async function packedFrom(
	{ context, options, trust, patches }: PackContext,
	tarball: Tarball,
): Promise<Entry | undefined> {
	const { release } = options;
	const origins = (await scan(context.layout)).filter(
		({ manifest, release: name }) =>
			manifest?.origin.sha256 !== undefined && (release === undefined ? !manifest.origin.named : release === name),
	);
	if (origins.length === 0) return undefined;
	const sha256 = await context.step("check", `has ${tarball.path} been packed before?`, async () => {
		return await fileSha256(tarball.path, context.signal);
	});
	assertSha256(tarball.path, sha256, trust.sha256);
	const wanted = patches.map((patch) => patch.sha256).join();
	const entry = origins.find(({ manifest }) => {
		const { origin } = manifest ?? {};
		return origin?.sha256 === sha256 && (origin.patches ?? []).map((patch) => patch.sha256).join() === wanted;
	});
	if (entry === undefined || entry.imageProblem !== undefined) return undefined;
	// A manifest says what the image was: one that was damaged since is no reason to make none.
	const now = await context.step("check", `is ${entry.paths.image} still what was packed?`, async () => {
		return await attempt(`read ${entry.paths.image}`, fileSha256(entry.paths.image, context.signal));
	});
	return now === entry.manifest?.image.sha256 ? entry : undefined;
}

function disposeSteps({ tarball, fate }: TarballSource, outcome: Outcome): Step[] {
	if (fate === "keep") return [];
	const run = async (): Promise<void> => {
		await removeTarball(tarball);
		outcome.source = "removed";
	};
	const say = [`remove ${tarball.path}`];
	return [{ name: "remove", say, lasts: true, label: tarball.path, run }];
}

/** Only the very file that was read goes. */
async function removeTarball(tarball: Tarball): Promise<void> {
	const now = await lstatIfExists(tarball.path);
	if (now === undefined || fileId(now) !== tarball.id || now.mtimeNs !== tarball.mtimeNs) {
		throw new KsquashError("ERR_KSQUASH_CHANGED", `${tarball.path} is not the file that was read any more: it stays`);
	}
	await unlinkIfExists(tarball.path);
}
