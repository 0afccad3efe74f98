// Makes docs/pictures/install.svg and status.svg: what a terminal shows of real runs, on the kernel sources that are here.
//   node scripts/pictures.mjs [TARBALL…]     as root, after npm run build; some minutes
// Without a name: Debian's linux-source tarballs. The runs see a /usr/src of their own, bound over the real one in this
// mount namespace only.
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { terminal } from "./terminal-picture.mjs";

const INSIDE = "KSQUASH_PICTURES_NAMESPACE";
if (process.env[INSIDE] === undefined) {
	const words = ["--mount", "--propagation", "private", process.execPath, ...process.argv.slice(1)];
	process.exit(spawnSync("unshare", words, { stdio: "inherit", env: { ...process.env, [INSIDE]: "1" } }).status ?? 1);
}
const top = resolve(import.meta.dirname, "..");
const COLUMNS = 118;
const debians = readdirSync("/usr/src")
	.filter((name) => /^linux-source-.*\.tar\.xz$/.test(name))
	.toSorted();
const tarballs = process.argv.length > 2 ? process.argv.slice(2) : debians.map((name) => join("/usr/src", name));
/** Where the runs look for the tarballs, and what they would change. */
const INPUTS = "/srv";
const bound = [INPUTS, "/usr/src", "/var/lib", "/etc/kernel"];
const scratch = mkdtempSync("/var/tmp/ksquash-pictures-");

/** What a terminal of COLUMNS gets; fails when the command does. */
function run(words) {
	const command = `stty cols ${COLUMNS} rows 50; exec node ${join(top, "dist/cli/main.js")} ${words}`;
	const env = { ...process.env, TERM: "xterm-256color" };
	const { stdout, status } = spawnSync("script", ["--quiet", "--return", "--command", command, "/dev/null"], {
		encoding: "utf8",
		env,
		input: "",
	});
	if (status !== 0) throw new Error(`ksquash ${words}: ${status}\n${stdout}`);
	return stdout;
}

const shots = [];
try {
	const inputs = join(scratch, INPUTS);
	mkdirSync(inputs, { recursive: true });
	const names = tarballs.map((path) => basename(path));
	for (const [i, name] of names.entries()) copyFileSync(tarballs[i], join(inputs, name));
	for (const path of bound) {
		const own = join(scratch, path);
		mkdirSync(own, { recursive: true });
		mkdirSync(path, { recursive: true });
		execFileSync("mount", ["--bind", own, path]);
	}
	process.chdir(INPUTS);
	for (const name of names) shots.push([`ksquash install ${name}`, run(`install ${name}`)]);
	shots.push(["ksquash", run("status")]);
	run("umount --all");
} finally {
	process.chdir("/");
	for (const path of bound) spawnSync("umount", ["--recursive", path], { stdio: "ignore" });
	rmSync(scratch, { recursive: true });
}
mkdirSync(join(top, "docs/pictures"), { recursive: true });
const pictures = { install: shots.at(-2), status: shots.at(-1) };
for (const [name, [command, output]] of Object.entries(pictures)) {
	writeFileSync(join(top, `docs/pictures/${name}.svg`), terminal(command, output, COLUMNS));
}
