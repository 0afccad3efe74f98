/**
 * Is a stream what somebody signed? gpgv reads it while it passes.
 *
 * Owns: what gpgv is told and which of its answers counts as good.
 * Leaves to others: which stream it is (tarball.ts), and where a keyring lies (operations).
 */

import { Transform, type TransformCallback } from "node:stream";
import { KsquashError } from "../errors.ts";
import { type Started, start } from "../process/run.ts";
import { option, text } from "../text.ts";

export interface SignatureFiles {
	/** A detached signature, armoured or not. */
	signature: string;
	/** The keys that are trusted: a keyring or keybox file. Absolute: gpgv looks elsewhere for other names. */
	keyring: string;
}

export interface Signed {
	/** What was signed: the tarball as it lies there, or the tar in it, as kernel.org does it. */
	of: "file" | "tar";
	/** Fingerprint of the key, hex. */
	key: string;
	/** The key's first user id. */
	signer: string;
}

/** Passes a stream on and gives it to gpgv. */
export class SignatureCheck extends Transform {
	readonly of: Signed["of"];
	readonly #gpgv: Started;

	/** Throws ERR_KSQUASH_TOOL_MISSING. */
	constructor(of: Signed["of"], { signature, keyring }: SignatureFiles, signal: AbortSignal | undefined) {
		super();
		this.of = of;
		// 1: a bad signature; 2: no key, or no signature.
		this.#gpgv = start("gpgv", ["--status-fd", "1", "--keyring", keyring, signature, "-"], {
			stdin: "pipe",
			stdout: "collect",
			okStatus: [0, 1, 2],
			signal,
		});
	}

	override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
		// Called also when gpgv has ended: then its answer is there already.
		this.#gpgv.stdin.write(chunk, () => done(null, chunk));
	}

	override _flush(done: TransformCallback): void {
		this.#gpgv.stdin.end();
		done();
	}

	/** Ends gpgv where the stream broke off. */
	override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
		this.#gpgv.stdin.end();
		done(error);
	}

	/** The signature, or why there is none, in gpgv's words. To be called when the stream is through. */
	async answer(): Promise<Signed | string[]> {
		const { status, lines } = await this.#gpgv.finished;
		const said = (word: string): string | undefined => {
			const prefix = `[GNUPG:] ${word} `;
			return lines.find((line) => line.startsWith(prefix))?.slice(prefix.length);
		};
		const [good, valid] = [said("GOODSIG"), said("VALIDSIG")];
		if (status === 0 && good !== undefined && valid !== undefined) {
			return { of: this.of, key: valid.split(" ")[0] ?? "", signer: good.slice(good.indexOf(" ") + 1) };
		}
		const words = lines.filter((line) => !line.startsWith("[GNUPG:]"));
		return words.map((line) => `the ${this.of === "file" ? "tarball itself" : "tar in it"}: ${line}`);
	}
}

/** One good answer is enough: kernel.org signs the tar, others the file. Throws ERR_KSQUASH_SIGNATURE. */
export async function assertSigned(
	checks: readonly SignatureCheck[],
	from: string,
	{ signature, keyring }: SignatureFiles,
): Promise<Signed> {
	const answers = await Promise.all(checks.map(async (check) => await check.answer()));
	const signed = answers.find((answer): answer is Signed => !Array.isArray(answer));
	if (signed !== undefined) return signed;
	const notes = [...new Set(answers.flat().filter((line) => typeof line === "string"))];
	const unknown = notes.some((line) => line.includes("No public key"));
	const key = unknown ? `the key is not in ${keyring}: fetch it from where you trust it, and name its keyring` : "";
	throw new KsquashError("ERR_KSQUASH_SIGNATURE", `${signature} is no good signature of ${from}`, {
		path: from,
		notes,
		...(unknown ? { hint: text`${key} with ${option("keyring")}` } : {}),
	});
}
