/**
 * What Kbuild makes before a kernel is built: make goes by times, and after a power cut a file with the right time can be
 * empty.
 *
 * Owns: that it and the .config are on the disk before a configure or a modules_prepare counts as done, and that what was
 * made by one that was not done is made again. Leaves to others: running make (kbuild.ts), and what else lies there.
 */

import { asOwner } from "./files.ts";
import type { Owner } from "./ownership.ts";
import { STAMP } from "./stamp.ts";

/** sync(1) of each. One name at least: without any it would write all file systems of the machine. */
const KEEP = `set -e
set -- .
for f in .config scripts/basic scripts/basic/* scripts/basic/.*.cmd scripts/kconfig scripts/kconfig/* scripts/kconfig/.*.cmd; do
	[ -L "$f" ] || ! [ -f "$f" -o -d "$f" ] || set -- "$@" "$f"
done
sync "$@"`;

/** What conf and fixdep are made of and into, by kernels since 2.6; make makes all of it again. */
const FORGET = `set -e
cd scripts || exit 0
rm -f basic/fixdep basic/.*.cmd kconfig/conf kconfig/*.o kconfig/.*.cmd kconfig/lexer.lex.c kconfig/parser.tab.[ch] kconfig/zconf.*.c`;

/** fsync(2) of the .config and of what configured it, as the owner. */
export async function keepMade(build: string, owner: Owner): Promise<void> {
	await asOwner(owner, build, KEEP, [], undefined, `write what make left in ${build} to the disk`);
}

/** Before the first make in a directory whose last configure did not end. */
export async function forgetMade(build: string, owner: Owner): Promise<void> {
	await asOwner(owner, build, FORGET, [], undefined, `remove what an interrupted make left in ${build}`);
}

/** Whatever Kbuild has made since the stamp by a command that it remembers, and the directories that are its own. */
const FORGET_PREPARED = `set -e
find . -name '.?*.cmd' -type f -newer ${STAMP} -exec sh -c '
	for f; do name="\${f##*/.}"; rm -f "\${f%/*}/\${name%.cmd}" "$f"; done' sh {} +
rm -rf include/config include/generated arch/*/include/generated tools/objtool tools/bpf/resolve_btfids`;

/** syncfs(2) of the file system that it lies on: modules_prepare leaves thousands of files. */
export async function keepPrepared(build: string, owner: Owner): Promise<void> {
	await asOwner(owner, build, "sync -f .", [], undefined, `write what make left in ${build} to the disk`);
}

/** Before a modules_prepare where the one before did not end. */
export async function forgetPrepared(build: string, owner: Owner): Promise<void> {
	await asOwner(owner, build, FORGET_PREPARED, [], undefined, `remove what an interrupted make left in ${build}`);
}
