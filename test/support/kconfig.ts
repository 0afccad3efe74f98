/** A Kconfig tree written by a test. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { parseConfig } from "../../src/kconfig/config.ts";
import { configValues } from "../../src/kconfig/explain/values.ts";
import type { Values } from "../../src/kconfig/language/expression.ts";
import type { KconfigTree } from "../../src/kconfig/language/model.ts";
import { readKconfig } from "../../src/kconfig/language/tree.ts";

/** Call it inside a test. `files` by name; one string is the file Kconfig. */
export function kconfigTree(files: string | Record<string, string>, arch = "x86"): KconfigTree {
	const source = mkdtempSync(join(tmpdir(), "ksquash-tree-"));
	onTestFinished(() => rmSync(source, { recursive: true, force: true }));
	for (const [name, text] of Object.entries(typeof files === "string" ? { Kconfig: files } : files)) {
		mkdirSync(dirname(join(source, name)), { recursive: true });
		writeFileSync(join(source, name), text);
	}
	return readKconfig({ source, arch });
}

export function valuesIn(tree: KconfigTree, config: string): Values {
	return configValues(tree, parseConfig(Buffer.from(config), ".config"));
}
