// How ksquash grows: trees of up to 200,000 files with names of every odd kind, up to 500 images mounted, up to 10,000
// other mounts around. Wall time and peak memory of the real commands, and how much they grow when the size does: a
// factor above the size's own is worse than linear. As root, in a mount namespace of its own:
//   npm run build && unshare -m --propagation private node bench/scale.mjs [--small]
// --small: a tenth of each size, in about a minute.
import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { makeDisk, measure } from "./measure.mjs";

const { values } = parseArgs({ options: { small: { type: "boolean", default: false } } });
const part = values.small ? 10 : 1;
const cli = join(import.meta.dirname, "../dist/cli/main.js");
const kernel = join(import.meta.dirname, "../test/fixtures/small-kernel");
const release = "6.1.99-small";

const scratch = mkdtempSync(join(tmpdir(), "ksquash-scale-"));
const disk = makeDisk(scratch, 8);
try {
	await trees([50_000, 100_000, 200_000].map((n) => n / part));
	await images([125, 250, 500].map((n) => Math.ceil(n / part)));
	await mounts([2_500, 5_000, 10_000].map((n) => n / part));
} finally {
	execFileSync("umount", ["--recursive", disk.path]);
	rmSync(scratch, { recursive: true });
}

/** Files of a tree: pack with proof, a deep verify, and a pack that compares and removes the tree. */
async function trees(sizes) {
	const rows = [];
	for (const size of sizes) {
		const [root, tree] = [join(disk.path, "root"), join(disk.path, "tree")];
		mkdirSync(root);
		grow(tree, size);
		rows.push({
			size,
			pack: await run(root, "pack", tree),
			"verify --deep": await run(root, "verify", "--deep", release),
			"pack --replace-source": await run(root, "pack", "--replace-source", tree),
		});
		rmSync(root, { recursive: true });
	}
	show("files in the tree", rows);
}

/**
 * A hundred files a directory; every hundredth has a name that somebody's script would break at. Their sizes differ as a
 * kernel's do: mksquashfs looks for a file's duplicates among all that have its size; for 100,000 of one size that took
 * it more than seven minutes.
 */
function grow(tree, files) {
	cpSync(kernel, tree, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
	const odd = [
		Buffer.from("new\nline"),
		Buffer.from([0x66, 0xff, 0xfe]),
		Buffer.from("n".repeat(255)),
		Buffer.from(" leading and trailing "),
		Buffer.from("back\\slash"),
		Buffer.from("-rf"),
		Buffer.from("ü\u0301\u202e"),
		Buffer.from("*?[a]'\""),
	];
	for (let i = 0; i < files; i++) {
		const directory = Buffer.from(`${tree}/drivers/scale/${Math.floor(i / 10_000)}/${Math.floor(i / 100)}/`);
		if (i % 100 === 0) mkdirSync(directory, { recursive: true });
		const name = i % 100 === 0 ? odd[(i / 100) % odd.length] : Buffer.from(`file-${i}.c`);
		const number = (i * 2_654_435_761) % 4_294_967_296;
		const more = `/* ${number} */\n`.repeat(number % 500);
		writeFileSync(Buffer.concat([directory, name]), `int f${i}(void) { return ${number}; }\n${more}`);
	}
}

/** Images of one root: all of them mounted, shown and unmounted by one command each. */
async function images(sizes) {
	const root = join(disk.path, "images");
	const source = join(root, "usr/src");
	mkdirSync(source, { recursive: true });
	await run(root, "pack", kernel);
	const rows = [];
	let made = 1;
	for (const size of sizes) {
		for (; made < size; made++) {
			copyFileSync(join(source, `linux-${release}.sqfs`), join(source, `linux-6.1.${made}.sqfs`));
		}
		rows.push({
			size,
			"mount --all": await run(root, "mount", "--all"),
			status: await run(root, "status"),
			"umount --all": await run(root, "umount", "--all"),
		});
	}
	show("images", rows);
}

/** Mounts of others in the same namespace: what one mount, umount and status cost beside them. */
async function mounts(sizes) {
	const root = join(disk.path, "mounts");
	const others = join(disk.path, "others");
	mkdirSync(root);
	mkdirSync(others);
	await run(root, "pack", kernel);
	const rows = [];
	let made = 0;
	for (const size of sizes) {
		const more = Array.from({ length: size - made }, (_, i) => String(made + i));
		for (const name of more) mkdirSync(join(others, name));
		execFileSync("sh", ["-ec", 'for name; do mount -t tmpfs -o size=4k none "$name"; done', "sh", ...more], {
			cwd: others,
		});
		made = size;
		rows.push({
			size,
			mount: await run(root, "mount", release),
			status: await run(root, "status"),
			umount: await run(root, "umount", release),
		});
	}
	show("other mounts", rows);
}

async function run(root, ...args) {
	return await measure([process.execPath, cli, ...args, "--root", root], disk.path);
}

/** Time and memory at each size, and by how much the last one is more than the first. */
function show(what, rows) {
	const [first, last] = [rows[0], rows.at(-1)];
	console.log(`\n${what}: ${rows.map(({ size }) => size).join(", ")} (× ${(last.size / first.size).toFixed(1)})`);
	for (const name of Object.keys(first).filter((key) => key !== "size")) {
		const wall = rows.map((row) => `${row[name].wall.toFixed(2)} s`).join("  ");
		const memory = rows.map((row) => `${Math.ceil(row[name].memory / (1 << 20))} MiB`).join("  ");
		const factor = (key) => (last[name][key] / first[name][key]).toFixed(1);
		console.log(`  ${name.padEnd(22)} ${wall}  (× ${factor("wall")})   ${memory}  (× ${factor("memory")})`);
	}
}
