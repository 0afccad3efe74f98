/** A tree with every kind of entry, for the comparison and the list. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setXattr } from "../../support/xattr.ts";
import { fresh } from "./support.ts";

export const time: number = 1_600_000_000;
export const oddNames: readonly string[] = [
	"a b",
	"new\nline",
	"tab\t",
	"back\\slash",
	"n".repeat(255),
	"é",
	"!",
	"-x",
];

/** Every kind of entry, with fixed times. */
export function makeTree(): string {
	const tree = fresh("tree");
	const at = (name: string) => join(tree, name);
	for (const name of oddNames) writeFileSync(at(name), name);
	writeFileSync(Buffer.concat([Buffer.from(`${tree}/`), Buffer.from([0xff])]), "not UTF-8");
	mkdirSync(at("dir/deep/er"), { recursive: true });
	writeFileSync(at("dir/deep/file"), "deep\n");
	writeFileSync(at("empty"), "");
	writeFileSync(at("big"), randomBytes(5 << 20));
	writeFileSync(at("script"), "#!/bin/sh\n", { mode: 0o755 });
	symlinkSync("dir/deep", at("link"));
	symlinkSync("nowhere at all", at("dangling"));
	execFileSync("mkfifo", [at("fifo")]);
	execFileSync("mknod", [at("null"), "c", "1", "3"]);
	execFileSync("ln", [at("script"), at("hard")]);
	chmodSync(at("dir"), 0o2775);
	setXattr(at("script"), "user.a", "value");
	setXattr(at("dir"), "user.d", "dir");
	execFileSync("find", [tree, "-exec", "touch", "-h", "-d", `@${time}`, "{}", "+"]);
	return tree;
}
