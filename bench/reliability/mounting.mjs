// An image is mounted and unmounted: `ksquash mount` beside mount(8) with a loop device. This kernel is given damaged
// images only where it refuses them by their superblock; a damaged body is nothing for it.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mountsBelow, mountType } from "./contest.mjs";

const mountIt = ["mount", "-t", "squashfs", "-o", "loop,ro"];

const peer = {
	they: (_, { image, point, prefix = [] }) => ({ command: [...prefix, ...mountIt, image, point] }),
	we: ({ root }, { prefix = [] }, { ksquash, release }) => ({
		command: [...prefix, ...ksquash, "mount", release, "--root", root],
	}),
};

/** As `ksquash pack` leaves a release: image, manifest and list, and where it is to be mounted. */
function placeRelease({ src }, { packed, name }) {
	for (const file of readdirSync(packed)) copyFileSync(join(packed, file), join(src, file));
	const point = join(src, name);
	mkdirSync(point);
	return { image: `${point}.sqfs`, point };
}

/** Exit status 0 is right only where the image is what is mounted there. */
function lookAtMount(_, { point }, { status }) {
	const there = mountType(point) === "squashfs";
	return { silent: status === 0 && !there ? ["nothing is mounted"] : [] };
}

const base = { ...peer, prepare: placeRelease, look: lookAtMount };

function spoiled(fault, cause, spoil) {
	const prepare = (place, shared) => {
		const given = placeRelease(place, shared);
		spoil(given.image);
		return given;
	};
	return { ...base, fault, cause, prepare };
}

/** Another number in the superblock. */
function number(offset, value) {
	return (image) => {
		const bytes = readFileSync(image);
		bytes.writeUInt16LE(value, offset);
		writeFileSync(image, bytes);
	};
}

const images = [
	spoiled("the image is empty", /empty|0 bytes/i, (image) => truncateSync(image, 0)),
	spoiled("half of the image is missing", /truncated|shorter|cut|bytes/i, (image) =>
		truncateSync(image, readFileSync(image).length >> 1),
	),
	spoiled("the image is a gzip file", /gzip/i, (image) =>
		execFileSync("sh", ["-c", 'head -c 500 /dev/urandom | gzip >"$1"', "sh", image]),
	),
	spoiled("the image's magic number is wrong", /magic|no squashfs|not a squashfs/i, number(0, 0x1234)),
	spoiled("the image is of squashfs version 3", /version/i, number(28, 3)),
	spoiled("the image's compressor is one that no kernel reads", /lzma|compress/i, number(20, 2)),
	{
		...spoiled("half of the image is missing; losetup, then mount", /truncated|shorter|cut|bytes/i, (image) =>
			truncateSync(image, readFileSync(image).length >> 1),
		),
		they: (_, { image, point }) => ({
			command: [
				"sh",
				"-c",
				'device=$(losetup -f --show -r "$1") && mount -t squashfs -o ro "$device" "$2"',
				"sh",
				image,
				point,
			],
		}),
	},
];

const points = [
	{
		...base,
		fault: "the mount point has files in it",
		prepare: (place, shared) => {
			const given = placeRelease(place, shared);
			writeFileSync(join(given.point, "letter"), "precious\n");
			return given;
		},
		look: (place, given, outcome) => {
			const hidden = !readdirSync(given.point).includes("letter");
			return { ...lookAtMount(place, given, outcome), lost: hidden ? ["a file of the mount point is hidden"] : [] };
		},
		cause: /not empty|has files|letter|is no empty/i,
	},
	{
		...base,
		fault: "another file system is mounted on the mount point",
		prepare: (place, shared) => {
			const given = placeRelease(place, shared);
			execFileSync("mount", ["-t", "tmpfs", "tmpfs", given.point]);
			writeFileSync(join(given.point, "letter"), "precious\n");
			return given;
		},
		look: (place, given, outcome) => {
			const hidden = !readdirSync(given.point).includes("letter");
			return { ...lookAtMount(place, given, outcome), lost: hidden ? ["that file system's file is hidden"] : [] };
		},
		cause: /mounted/,
	},
	{
		...base,
		fault: "the mount point is a link to somebody's directory",
		prepare: (place, shared) => {
			const given = placeRelease(place, shared);
			mkdirSync(place.path("given/home"), { recursive: true });
			writeFileSync(place.path("given/home/letter"), "precious\n");
			execFileSync("rmdir", [given.point]);
			symlinkSync(place.path("given/home"), given.point);
			return given;
		},
		look: (place) => {
			const hidden = !readdirSync(place.path("given/home")).includes("letter");
			return { lost: hidden ? ["a file of that directory is hidden"] : [] };
		},
		cause: /link/i,
	},
	{
		...base,
		fault: "the mount point is a file",
		prepare: (place, shared) => {
			const given = placeRelease(place, shared);
			execFileSync("rmdir", [given.point]);
			writeFileSync(given.point, "precious\n");
			return given;
		},
		cause: /not a directory/i,
	},
];

/** Both asked by their own first command, so that what stands there is their own. */
function mounted(more) {
	return (place, shared) => {
		const given = placeRelease(place, shared);
		return { ...given, ...more?.(place, given, shared) };
	};
}

const first = (side) => (place, given, shared) => {
	const { command } = peer[side](place, given, shared);
	return command;
};

/** A row in which the release is mounted, then something happens, then a command is run. */
function after({ happens = "true", they, we, ...row }) {
	const script = (side, next) => (place, given, shared) => {
		const mountFirst = first(side)(place, given, shared).map(quoted).join(" ");
		const text = `${mountFirst} >/dev/null 2>&1 || exit 99\n${happens}\n${next}`;
		const env = { IMAGE: given.image, POINT: given.point, AGAIN: mountFirst, OTHER: shared.other };
		const own = { KSQUASH: shared.ksquash.map(quoted).join(" "), RELEASE: shared.release, ROOT: place.root };
		return { command: ["sh", "-c", text], env: { ...env, ...own } };
	};
	return { ...base, prepare: mounted(), oneWins: true, ...row, they: script("they", they), we: script("we", we) };
}

function quoted(word) {
	return `'${word.replaceAll("'", "'\\''")}'`;
}

const again = 'eval "$AGAIN"';
const unmount = 'eval "$KSQUASH" umount "$RELEASE" --root "$ROOT"';

const later = [
	after({ fault: "the same image is mounted twice", they: again, we: again, cause: /already/i }),
	after({
		fault: "another image takes the mounted one's name; mounted again",
		happens: 'cp "$OTHER" "$IMAGE.new" && mv "$IMAGE.new" "$IMAGE" && rm -f "$IMAGE.json"',
		they: again,
		we: again,
		cause: /older image/i,
	}),
	after({
		fault: "the image was deleted while it is mounted; unmounted",
		happens: 'rm "$IMAGE"',
		they: 'umount "$POINT"',
		we: unmount,
		look: (place, { point }) => {
			const there = mountsBelow(place.src).includes(point);
			return { lost: there ? [] : ["the last copy of the image"] };
		},
		cause: /last copy/i,
	}),
	after({
		fault: "a process works in the mount; unmounted",
		happens: 'cd "$POINT"',
		they: 'umount "$POINT"',
		we: unmount,
		cause: /\b(?:sh|dash)\b.*\b\d+|\b\d+\b.*\b(?:sh|dash)\b/,
	}),
];

const crowd = {
	...base,
	fault: "ten times at once",
	they: (place, given, shared) => ({ command: tenTimes(first("they")(place, given, shared)) }),
	we: (place, given, shared) => ({ command: tenTimes(first("we")(place, given, shared)) }),
};

function tenTimes(command) {
	return ["sh", "-c", 'for i in 0 1 2 3 4 5 6 7 8 9; do "$@" & done; wait; true', "sh", ...command];
}

/** Ended at the call by which the mount gets its place. */
const killed = {
	...base,
	fault: "killed when the loop device stands and the mount does not",
	prepare: mounted((place) => {
		const calls = ["trace=mount,fsopen,move_mount", "inject=mount,fsopen:signal=KILL:when=1"];
		return {
			prefix: ["strace", "-f", "-o", place.path("given/strace"), ...calls.flatMap((call) => ["-e", call])],
		};
	}),
	look: undefined,
};

export const mounting = {
	title: "An image is mounted and unmounted",
	they: "`mount -o loop` and `umount` (util-linux)",
	we: "`ksquash mount` and `umount`",
	rows: [...images, ...points, ...later, crowd, killed],
};
