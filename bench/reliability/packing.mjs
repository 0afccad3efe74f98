// A tree gives way to its image: `ksquash pack` beside mksquashfs, the deletion and the mount, one after the other.
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
	closeSync,
	copyFileSync,
	existsSync,
	mkdirSync,
	openSync,
	readFileSync,
	writeFileSync,
	writeSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { content, imageContent, missing, some } from "./contest.mjs";

const quiet = { encoding: "utf8" };
const inTurn =
	'mksquashfs "$1" "$1.sqfs" -no-progress && find "$1" -mindepth 1 -delete && mount -t squashfs -o loop,ro "$1.sqfs" "$1"';

const peer = {
	they: (_, { tree, prefix = [] }) => ({ command: [...prefix, "sh", "-c", inTurn, "sh", tree] }),
	we: ({ root }, { tree, prefix = [] }, { ksquash }) => ({
		command: [...prefix, ...ksquash, "pack", tree, "--root", root],
	}),
	makes: [/^usr\/src\/linux-[^/]*\.sqfs(\.json|\.list\.gz)?$/],
};

/** A row in which mksquashfs is this script, by a mount over it in our own namespace; $REAL is the program itself. */
function replacing(script, during) {
	const spoil = (place, { tree }) => {
		const [bin, path] = [place.path("given/bin"), execFileSync("sh", ["-c", "command -v mksquashfs"], quiet).trim()];
		mkdirSync(bin, { recursive: true });
		copyFileSync(path, join(bin, "real"));
		const names = `REAL=${bin}/real SPARE=${place.path("given/spare")} TREE=${tree}`;
		const text = `#!/bin/sh\n${names}\ncase $1 in -?*) exec "$REAL" "$@";; esac\n${script}\n`;
		writeFileSync(join(bin, "mksquashfs"), text, { mode: 0o755 });
		execFileSync("mount", ["--bind", join(bin, "mksquashfs"), path]);
		return () => execFileSync("umount", [path]);
	};
	return {
		spoil,
		they: (place, given) => ({ ...peer.they(place, given), during }),
		we: (place, given, shared) => ({ ...peer.we(place, given, shared), during }),
	};
}

/** The tree in its place, with some MiB that no compressor makes smaller. */
function placeTree({ src }, { kernel, name }, mib = 0) {
	const tree = join(src, name);
	execFileSync("cp", ["-a", kernel, tree]);
	if (mib > 0) writeFileSync(join(tree, "drivers/firmware.bin"), randomBytes(mib << 20));
	return { tree, wanted: content(tree) };
}

/** Entries that are neither in the tree's place nor in the image as they were, nor where ksquash sets them aside. */
function lookFor(place, { tree, wanted }) {
	const image = imageContent(place, `${tree}.sqfs`);
	const aside = [".rest", ".replaced"].map((end) => join(place.src, `.${tree.slice(place.src.length + 1)}${end}`));
	const places = [content(tree), image, ...aside.filter((path) => existsSync(path)).map(content)];
	const gone = missing(wanted, ...places);
	const more = [...image.keys()].filter((path) => !wanted.has(path));
	return {
		lost: gone.length > 0 ? [`${some(gone)}, of ${wanted.size} entries`] : [],
		silent: more.length > 0 ? [`the image has ${more.length} entries that the tree never had`] : [],
	};
}

const base = { ...peer, prepare: placeTree, look: lookFor };

/** Runs both under strace, which makes these calls fail, or ends the one that makes them. */
function injected(calls) {
	return (place, shared) => {
		const given = placeTree(place, shared);
		return { ...given, prefix: ["strace", "-f", "-o", place.path("given/strace"), ...calls(given)] };
	};
}

const anotherTree = (change) =>
	`cp -a "$1" "$SPARE" && ${change} && touch -r "$1/COPYING" "$SPARE/COPYING" && touch -r "$1" "$SPARE" && shift && "$REAL" "$SPARE" "$@"`;

const tools = [
	{
		...base,
		fault: "a file of the tree cannot be read (EIO)",
		prepare: injected(({ tree }) => ["-P", join(tree, "lib/checksum.c"), "-e", "inject=read,pread64:error=EIO"]),
		cause: /checksum\.c/,
	},
	{
		...base,
		...replacing(anotherTree('tr e f <"$1/COPYING" >"$SPARE/COPYING"')),
		fault: "mksquashfs says 0, and a file in the image is another",
		cause: /COPYING/,
	},
	{
		...base,
		...replacing(anotherTree('rm "$SPARE/README"')),
		fault: "mksquashfs says 0, and a file is missing in the image",
		cause: /README/,
	},
	{ ...base, ...replacing("exit 0"), fault: "mksquashfs says 0 and wrote nothing", cause: /sqfs/ },
	{
		...base,
		...replacing('"$REAL" "$@" >&2; dd if=/dev/zero of="$2" bs=96 count=1 conv=notrunc 2>&1; kill -KILL $$'),
		fault: "mksquashfs is killed; then the same command again",
		again: true,
	},
	{
		...base,
		...replacing("exec sleep 33", terminate),
		fault: "mksquashfs hangs, and the command gets SIGTERM",
	},
];

/** As soon as mksquashfs, which became sleep(1), hangs. */
async function terminate(child, names) {
	for (let i = 0; !names().includes("sleep"); i++) {
		if (i === 1000) throw new Error("mksquashfs was not started");
		await sleep(20);
	}
	process.kill(child.pid, "SIGTERM");
}

const room = [
	{
		...base,
		fault: "the disk becomes full while mksquashfs writes",
		prepare: (place, shared) => {
			execFileSync("mount", ["-t", "tmpfs", "-o", "size=10M", "tmpfs", place.src]);
			return placeTree(place, shared, 6);
		},
		cause: /no space left|MiB are missing/i,
	},
	{
		...base,
		fault: "the limit of the file size (RLIMIT_FSIZE)",
		prepare: (place, shared) => ({ ...placeTree(place, shared, 4), prefix: ["prlimit", "--fsize=1000000"] }),
		cause: /file (?:size|too large)|EFBIG|SIGXFSZ/i,
	},
	{
		...base,
		fault: "the file system is read-only",
		prepare: (place, shared) => {
			execFileSync("mount", ["-t", "tmpfs", "tmpfs", place.src]);
			const given = placeTree(place, shared);
			execFileSync("mount", ["-o", "remount,ro", place.src]);
			return given;
		},
		cause: /read-only/i,
	},
];

const others = [
	{
		...base,
		fault: "another file system is mounted in the tree",
		prepare: (place, shared) => {
			const { tree, wanted } = placeTree(place, shared);
			mkdirSync(place.path("given/home"), { recursive: true });
			writeFileSync(place.path("given/home/letter"), "precious\n");
			mkdirSync(join(tree, "lib/home"));
			execFileSync("mount", ["--bind", place.path("given/home"), join(tree, "lib/home")]);
			return { tree, wanted };
		},
		look: (place) => ({ lost: existsSync(place.path("given/home/letter")) ? [] : ["a file of that file system"] }),
		cause: /lib\/home/,
	},
	{
		...base,
		...replacing('"$REAL" "$@" && echo late >>"$TREE/README"'),
		fault: "a file changes after mksquashfs has read it",
		look: (place, given) => {
			given.wanted.delete("README");
			const { lost } = lookFor(place, given);
			const late = existsSync(join(given.tree, "README")) && readFileSync(join(given.tree, "README"), "utf8");
			return { lost: [...lost, ...(String(late).endsWith("late\n") ? [] : ["the change of README"])] };
		},
		cause: /README/,
	},
	{
		...base,
		fault: "a process has a file of the tree open for writing",
		prepare: (place, shared) => {
			const given = placeTree(place, shared);
			return { ...given, fd: openSync(join(given.tree, "lib/checksum.c"), "a") };
		},
		look: (_, { tree, fd }) => {
			writeSync(fd, "/* later */\n");
			closeSync(fd);
			const file = join(tree, "lib/checksum.c");
			const there = existsSync(file) && readFileSync(file, "utf8").endsWith("/* later */\n");
			return { lost: there ? [] : ["what it writes then"] };
		},
		cause: /checksum\.c/,
	},
	{
		...base,
		fault: "killed while the tree is deleted; then the same command again",
		prepare: injected(() => ["-e", "trace=unlinkat", "-e", "inject=unlinkat:signal=KILL:when=20"]),
		again: true,
	},
	{
		...base,
		fault: "the same tree is packed twice at once",
		oneWins: true,
		they: (_, { tree }) => ({ command: twice("sh", "-c", inTurn.replace(/ && mount.*/, ""), "sh", tree) }),
		we: ({ root }, { tree }, { ksquash }) => ({ command: twice(...ksquash, "pack", tree, "--root", root) }),
	},
];

function twice(...command) {
	return ["sh", "-c", '"$@" & first=$!; "$@"; second=$?; wait $first && exit $second', "sh", ...command];
}

export const packing = {
	title: "A tree gives way to its image",
	they: "`mksquashfs && find -delete && mount`, the order of hook scripts",
	we: "`ksquash pack`",
	rows: [...tools, ...room, ...others],
};
