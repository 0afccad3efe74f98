// The helper against what it stands in for, alternating in one run, as root in a mount namespace of its own:
//   unshare --mount --propagation private node bench/helper.mjs [images]
// Start-up against `node -e 0` and `mount --version`; boot of many images against as many `mount -o loop`, and umounts.
// Prints medians and ratios.
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const count = Number(process.argv[2] ?? 500);
const helper = resolve(import.meta.dirname, "../build/helper/ksquash-helper");

function timed(file, args) {
	const began = process.hrtime.bigint();
	const { status, error, stderr } = spawnSync(file, args, { stdio: ["ignore", "ignore", "pipe"] });
	const took = Number(process.hrtime.bigint() - began) / 1e6;
	if (error !== undefined || status !== 0) throw error ?? new Error(`${file} ${args.join(" ")}: ${status} ${stderr}`);
	return took;
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
const ms = (value) => `${value.toFixed(2)} ms`;

function startUp() {
	const rows = { helper: [], node: [], mount: [] };
	for (let i = 0; i < 60; ++i) {
		rows.helper.push(timed(helper, ["--version"]));
		rows.mount.push(timed("mount", ["--version"]));
		if (i % 6 === 0) rows.node.push(timed(process.execPath, ["-e", "0"]));
	}
	const [own, node, mount] = [rows.helper, rows.node, rows.mount].map(median);
	console.log(`start-up: helper ${ms(own)}, mount --version ${ms(mount)}, node -e 0 ${ms(node)}`);
	console.log(`  ${(node / own).toFixed(1)} times faster than node, ${(mount / own).toFixed(2)} times mount's`);
}

function boot() {
	const base = mkdtempSync("/run/ksquash-bench-");
	const madeEtc = !existsSync("/etc/ksquash");
	mkdirSync("/etc/ksquash", { recursive: true });
	execFileSync("mount", ["-t", "tmpfs", "-o", "mode=0755", "none", base]);
	try {
		const [etc, tree, images] = ["etc", "tree", "src"].map((name) => join(base, name));
		for (const path of [etc, tree, images]) mkdirSync(path);
		execFileSync("mount", ["--bind", etc, "/etc/ksquash"]);
		const rule = `[rule boot]\nimages = ${images}\nsuffix = .sqfs\nmountpoints = ${images}\numount = yes\n`;
		writeFileSync(join(etc, "helper.conf"), `version = 1\n${rule}`);
		writeFileSync(join(tree, "file"), "content");
		const first = join(base, "image.sqfs");
		execFileSync("mksquashfs", [tree, first, "-quiet", "-no-progress", "-all-root"]);
		const targets = Array.from({ length: count }, (_, i) => join(images, `linux-${i}`));
		for (const target of targets) {
			mkdirSync(target);
			copyFileSync(first, `${target}.sqfs`);
			chmodSync(`${target}.sqfs`, 0o644);
		}
		const rows = { helper: [], mount: [], unboot: [], umount: [] };
		// One shell for all: what is compared is the mounting, not how a benchmark starts programs.
		const each = (line) => timed("sh", ["-ec", `for t in "$@"; do ${line}; done`, "sh", ...targets]);
		for (let round = 0; round < 3; ++round) {
			rows.helper.push(timed(helper, ["boot"]));
			rows.unboot.push(timed(helper, ["unboot"]));
			rows.mount.push(each('mount -o loop,ro "$t.sqfs" "$t"'));
			rows.umount.push(each('umount "$t"'));
		}
		const [own, mount, unboot, umount] = [rows.helper, rows.mount, rows.unboot, rows.umount].map(median);
		console.log(
			`boot of ${count} images: helper ${ms(own)}, mount -o loop ${ms(mount)}: ${(mount / own).toFixed(1)} times`,
		);
		console.log(`umount of them: helper ${ms(unboot)}, umount ${ms(umount)}: ${(umount / unboot).toFixed(1)} times`);
	} finally {
		spawnSync("umount", ["/etc/ksquash"]);
		if (madeEtc) rmdirSync("/etc/ksquash");
		spawnSync("umount", ["--recursive", base]);
		rmdirSync(base);
	}
}

startUp();
boot();
