/**
 * What a tarball must be before it counts: a sha256, a signature by a key of this keyring.
 *
 * Owns: the checks before any work, and where a keyring lies when none is named.
 * Leaves to others: checking the stream (src/source/tarball.ts).
 */

import { access, constants } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { KsquashError } from "../../errors.ts";
import type { Options } from "../../options/types.ts";
import { missingProgram, which } from "../../process/run.ts";
import type { SignatureFiles } from "../../source/signature.ts";
import { attempt } from "../../system/failure.ts";
import { lstatIfExists } from "../../system/files.ts";
import { option, text } from "../../text.ts";

export type TrustOptions = Pick<Options<"pack">, "sha256" | "signature" | "keyring">;

export interface Trust {
	sha256?: string;
	signature?: SignatureFiles;
}

const FETCH = "gpg --locate-keys torvalds@kernel.org gregkh@kernel.org";

/** gpgv's own names first: a keyring of its own means that somebody chose these keys to trust. */
const KEYRINGS = ["trustedkeys.kbx", "trustedkeys.gpg", "pubring.kbx", "pubring.gpg"] as const;

/** Throws ERR_KSQUASH_USAGE, ERR_KSQUASH_NO_INPUT, ERR_KSQUASH_TOOL_MISSING. */
export async function resolveTrust(kind: "tree" | "tarball", options: TrustOptions): Promise<Trust> {
	const { sha256, signature, keyring } = options;
	if (kind === "tree" && (sha256 ?? signature) !== undefined) {
		const asked = sha256 === undefined ? "signature" : "sha256";
		throw new KsquashError("ERR_KSQUASH_USAGE", text`${option(asked)} is of a tarball; this source is a tree`);
	}
	if (sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(sha256)) {
		throw new KsquashError("ERR_KSQUASH_USAGE", `${sha256} is no sha256: that has 64 hexadecimal digits`);
	}
	if (keyring !== undefined && signature === undefined) {
		throw new KsquashError(
			"ERR_KSQUASH_USAGE",
			text`${option("keyring")} without ${option("signature")}: there is nothing to check`,
		);
	}
	const trust: Trust = sha256 === undefined ? {} : { sha256: sha256.toLowerCase() };
	if (signature === undefined) return trust;
	if (which("gpgv") === undefined) throw missingProgram("gpgv");
	const files = { signature: resolve(signature), keyring: keyring ? resolve(keyring) : await ownKeyring() };
	for (const path of Object.values(files)) await attempt(`read ${path}`, access(path, constants.R_OK));
	return { ...trust, signature: files };
}

async function ownKeyring(): Promise<string> {
	const directory = join(homedir(), ".gnupg");
	for (const name of KEYRINGS) {
		const path = join(directory, name);
		if ((await lstatIfExists(path)) !== undefined) return path;
	}
	throw new KsquashError(
		"ERR_KSQUASH_NO_INPUT",
		`there is no keyring: none of ${KEYRINGS.join(", ")} in ${directory}`,
		{
			hint: text`name one with ${option("keyring")}, or fetch the key: ${FETCH}`,
		},
	);
}
