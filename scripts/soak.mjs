// The long variants of the tests: npm run soak lists them, npm run soak PART… runs some, npm run soak all runs each.
// A part takes an hour at most. What it said is written to test/soak-results/PART.txt, with the commit and the machine,
// and is committed when an issue ends. Each part is a job as in npm test: scripts/lanes.mjs makes its namespace.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir } from "node:os";
import { join, resolve } from "node:path";

const top = resolve(import.meta.dirname, "..");
const parts = JSON.parse(readFileSync(join(top, "test/soak.json"), "utf8"));
const asked = process.argv.slice(2);
const wanted = asked.join() === "all" ? Object.keys(parts) : asked;

function list(to) {
	for (const [name, { what }] of Object.entries(parts)) to.write(`${name.padEnd(10)} ${what}\n`);
}
if (wanted.length === 0) {
	list(process.stdout);
	process.exit(0);
}
const unknown = wanted.filter((name) => parts[name] === undefined);
if (unknown.length > 0) {
	process.stderr.write(`soak: no part ${unknown.join(", ")}; the parts are:\n`);
	list(process.stderr);
	process.exit(64);
}

/** Without colours, this clone's place and the names of scratch directories. */
function plain(text) {
	const mark = String.fromCharCode(27);
	return text
		.replaceAll(new RegExp(`${mark}\\[[0-9;]*m`, "g"), "")
		.replaceAll(`${top}/`, "")
		.replaceAll(top, ".")
		.replaceAll(/\/(?:run\/kq|tmp\/[\w.-]*)-?\w+\/\S*?([\w.]+\.json)/g, "$1");
}

const git = (...words) => execFileSync("git", words, { cwd: top, encoding: "utf8" }).trim();
/** What is tested: the commit when it begins. */
const dirty = git("status", "--porcelain", "--untracked-files=no") === "" ? "" : ", with changes";
const tested = `commit ${git("rev-parse", "--short=12", "HEAD")}${dirty}`;

function head(name, took, status) {
	const end = status === 0 ? "passed" : `failed (${status})`;
	return [
		`npm run soak ${name}: ${end} in ${Math.round(took / 60_000)} minutes`,
		`${tested}; Linux ${release()}, Node ${process.version}, ${cpus().length} processors`,
		parts[name].what,
		"",
	].join("\n");
}

mkdirSync(join(top, "test/soak-results"), { recursive: true });
execFileSync("npm", ["run", "--silent", "build"], { cwd: top, stdio: ["ignore", "ignore", "inherit"] });
let failed = false;
for (const name of wanted) {
	const { env = {}, files, script } = parts[name];
	const results = mkdtempSync(join(tmpdir(), "ksquash-soak-"));
	const job = script === undefined ? `files:${files.join(",")}` : `run:${script}`;
	const began = Date.now();
	process.stdout.write(`== soak ${name}: ${parts[name].what}\n`);
	const { status, stdout } = spawnSync(process.execPath, [join(top, "scripts/lanes.mjs"), results, job], {
		cwd: top,
		encoding: "utf8",
		maxBuffer: 1 << 30,
		stdio: ["ignore", "pipe", "inherit"],
		env: { ...process.env, ...env, MUST_WORK: "1", NO_COLOR: "1", KSQUASH_LANES: "1" },
	});
	rmSync(results, { recursive: true });
	if (status !== 0) failed = true;
	writeFileSync(
		join(top, "test/soak-results", `${name}.txt`),
		`${head(name, Date.now() - began, status)}\n${plain(stdout)}`,
	);
	process.stdout.write(`${head(name, Date.now() - began, status)}\n`);
}
process.exitCode = failed ? 1 : 0;
