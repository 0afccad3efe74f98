// One fault met by one contestant, in a directory of its own and under a time limit, and what was seen then. A row says
// what must not be gone; what must not be left is the same for all: processes, loop devices without a mount, mounts one
// above the other, and files that the job has no use for.
import { execFileSync, spawn } from "node:child_process";
import {
	chmodSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	realpathSync,
	rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const quiet = { encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "ignore"] };

/**
 * What was seen: `lost`, `left` and `silent` are sentences for the table. `silent` is exit status 0 although the job was
 * not done, or more than it, and no word of that; `unnamed` is a refusal that does not say why.
 */
export async function meet(row, side, shared) {
	if (process.pid !== 1) throw new Error("it needs namespaces of its own: npm run reliability");
	const place = makePlace();
	let mend;
	try {
		const given = (await row.prepare?.(place, shared)) ?? {};
		mend = row.spoil?.(place, given);
		const before = { files: filesBelow(place), points: mountsBelow(place.src) };
		const job = { ...row[side](place, given, shared) };
		let ran = await run(place, job, row);
		mend?.();
		mend = undefined;
		if (row.again) ran = await run(place, { ...row[side](place, { ...given, prefix: [] }, shared), env: {} }, row);
		const outcome = { ...ran, left: [...ran.left, ...leftBehind(place, before, ran, row)] };
		const { lost = [], silent = [] } = (await row.look?.(place, given, outcome, side)) ?? {};
		const unnamed = outcome.status !== 0 && !outcome.hung && row.cause !== undefined && !row.cause.test(outcome.said);
		return { ...outcome, lost, silent, unnamed, said: sentence(place, outcome, row.cause) };
	} finally {
		mend?.();
		clean(place.root);
	}
}

function makePlace() {
	const root = realpathSync(mkdtempSync(join(tmpdir(), "ksquash-reliability-")));
	// Whoever makes a build directory for another user must let him through.
	chmodSync(root, 0o755);
	const src = join(root, "usr/src");
	for (const directory of [src, join(root, "given")]) mkdirSync(directory, { recursive: true });
	return { root, src, path: (...parts) => join(root, ...parts) };
}

/** To its end, or to the limit: then its whole process group, which is ours, is ended. */
async function run({ path }, { command, env = {}, cwd = "/", during, stdin = "ignore" }, { limit = 30_000 }) {
	const before = processes();
	const child = spawn(command[0], command.slice(1), {
		stdio: [stdin, "pipe", "pipe"],
		detached: true,
		cwd,
		env: { PATH: process.env.PATH, LC_ALL: "C", HOME: path("given"), ...env },
	});
	let said = "";
	for (const stream of [child.stdout, child.stderr]) {
		stream.setEncoding("utf8").on("data", (text) => {
			said += text;
		});
	}
	let hung = false;
	const timer = setTimeout(() => {
		hung = true;
		process.kill(-child.pid, "SIGKILL");
	}, limit);
	const ended = new Promise((resolve, reject) => {
		child.once("error", reject).once("exit", (status, signal) => resolve({ status, signal }));
	});
	// Its output may be held open by a process that it left behind.
	const closed = new Promise((resolve) => child.once("close", resolve));
	try {
		await during?.(child, () => newProcesses(before).map(([, name]) => name));
	} catch (error) {
		process.kill(-child.pid, "SIGKILL");
		throw error;
	}
	const end = await ended;
	clearTimeout(timer);
	const left = hung ? [] : await survivors(before);
	await closed;
	return { ...end, hung, said, left };
}

/** pid → name of all that this process namespace, which is ours alone, has running. */
function processes() {
	const found = new Map();
	for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
		try {
			const [, name, state] = /\((.*)\) (.)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8"));
			if (state !== "Z") found.set(Number(pid), name);
		} catch {
			// It has ended.
		}
	}
	return found;
}

function newProcesses(before) {
	return [...processes()].filter(([pid]) => !before.has(pid));
}

/** Processes that did not end with the command or soon after it: named, and ended. */
async function survivors(before) {
	for (let i = 0; i < 20 && newProcesses(before).length > 0; i++) await sleep(50);
	return newProcesses(before).map(([pid, name]) => {
		process.kill(pid, "SIGKILL");
		return `the process ${name}`;
	});
}

function leftBehind(place, before, { status }, { makes = [], oneWins = false }) {
	const done = status === 0 || oneWins;
	const points = mountsBelow(place.src);
	const allowed = (name) => before.files.has(name) || (done && makes.some((pattern) => pattern.test(name)));
	const files = [...filesBelow(place)].filter((name) => !allowed(name));
	const twice = points.filter((point, at) => points.indexOf(point) !== at);
	const added = points.filter((point) => !before.points.includes(point));
	const loops =
		loopsBelow(place.src).length - mountsBelow(place.root).filter((point) => mountType(point) === "squashfs").length;
	return [
		...files.map((name) => `the file ${name}`),
		...(twice.length > 0 ? [`${twice.length + 1} mounts one above the other`] : []),
		...(added.length > 0 && !done ? ["a mount"] : []),
		...(loops > 0 ? [`${loops === 1 ? "a loop device" : `${loops} loop devices`} without a mount`] : []),
	];
}

/** Names below the place, but for what lies in mounts, in trees and in ksquash's lock directory. */
function filesBelow({ root }) {
	const skip = [
		"-path",
		`${root}/run`,
		"-o",
		"-path",
		`${root}/given`,
		"-o",
		"-path",
		`${root}/usr/src/linux-*/*`,
		"-o",
		"-path",
		`${root}/usr/src/build-*/*`,
	];
	const text = execFileSync("find", [root, "(", ...skip, ")", "-prune", "-o", "-printf", "%P\\n"], quiet);
	return new Set(text.split("\n").filter(Boolean));
}

function mountRows() {
	const rows = readFileSync("/proc/self/mountinfo", "utf8").split("\n").filter(Boolean);
	return rows.map((row) => ({ point: row.split(" ")[4], type: row.split(" - ")[1]?.split(" ")[0] }));
}

/** Every mount at or below a directory, in its order. */
export function mountsBelow(directory) {
	const points = mountRows().map(({ point }) => point);
	return points.filter((point) => point === directory || point.startsWith(`${directory}/`));
}

/** The type of the uppermost mount there. */
export function mountType(point) {
	return mountRows().findLast((row) => row.point === point)?.type;
}

export function loopsBelow(directory) {
	const text = execFileSync("losetup", ["--list", "--noheadings", "--output", "NAME,BACK-FILE"], quiet);
	return text
		.split("\n")
		.filter((row) => row.includes(`${directory}/`))
		.map((row) => row.split(" ")[0]);
}

function clean(root) {
	for (const point of mountsBelow(root).reverse()) execFileSync("umount", ["--lazy", point]);
	for (const device of loopsBelow(root)) {
		try {
			execFileSync("losetup", ["--detach", device], { stdio: "ignore" });
		} catch {
			// It went with its mount.
		}
	}
	rmSync(root, { recursive: true, force: true });
}

/** Of all that was said the line that names the cause; of a failure else the first that looks like an error, or the last. */
function sentence({ root }, { said, status }, cause) {
	const plain = said.replaceAll(`${root}/`, "").replaceAll(root, "the root");
	const lines = plain.split("\n").map((line) => line.trim());
	const full = lines.filter((line) => line !== "");
	const names = full.filter((line) => cause?.test(line));
	if (status === 0) return names.at(0) ?? "";
	const error = full.find((line) => /error|fail|can.?t|cannot|not |fatal|wrong/i.test(line));
	return names.at(0) ?? error ?? full.at(-1) ?? "";
}

/** path → what find(1) and sha256sum(1) say of it; a directory's size and the top's time are no part of it. */
export function content(directory) {
	if (!existsSync(directory)) return new Map();
	const rows = execFileSync("find", [directory, "-mindepth", "1", "-printf", "%P\\t%y %m %l %Ts\\n"], quiet);
	const sums = execFileSync(
		"sh",
		["-c", 'cd "$1" && find . -type f -print0 | xargs -0 --no-run-if-empty sha256sum', "sh", directory],
		quiet,
	);
	const found = new Map(
		rows
			.split("\n")
			.filter(Boolean)
			.map((row) => row.split("\t")),
	);
	for (const row of sums.split("\n").filter(Boolean)) {
		const path = row.slice(68);
		found.set(path, `${found.get(path)} ${row.slice(0, 64)}`);
	}
	return found;
}

/** What an image holds, read in user space: a damaged one is never given to this kernel. Empty where there is none. */
export function imageContent({ path }, image) {
	const to = path("given", "unpacked");
	rmSync(to, { recursive: true, force: true });
	try {
		mkdirSync(path("given"), { recursive: true });
		execFileSync("unsquashfs", ["-quiet", "-no-progress", "-dest", to, image], { stdio: "ignore" });
		return content(to);
	} catch {
		return new Map();
	} finally {
		rmSync(to, { recursive: true, force: true });
	}
}

/** The paths of `wanted` that are in none of the places as they were. */
export function missing(wanted, ...places) {
	return [...wanted].filter(([path, row]) => places.every((place) => place.get(path) !== row)).map(([path]) => path);
}

/** "a, b and 3 more" */
export function some(names, limit = 2) {
	const more = names.length - limit;
	return more > 0 ? `${names.slice(0, limit).join(", ")} and ${more} more` : names.join(" and ");
}
