// The tests that there must be: test/inventory.tsv has a line for each, with ID, COUNT, TITLE and REASON. The id never changes:
// a test that gets another title keeps its line, whose title is changed by hand; the file that it is in does not matter. One
// that is taken out has a reason and no title. COUNT is how often it tries (what test/counts.tsv says, of what). REASON says
// why that fell, or where it runs ("soak PART"). npm test compares the list with what ran; by hand:
//   npm run inventory                  what is listed and is not there, and what is there and is not listed
//   npm run inventory -- --add         appends lines for what is there and is not listed
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const top = resolve(import.meta.dirname, "..");
const file = join(top, "test/inventory.tsv");

/** Titles hold anything; a line holds no tab and no newline of theirs. */
export const written = (title) => title.replaceAll("\\", "\\\\").replaceAll("\t", "\\t").replaceAll("\n", "\\n");

export function read(text = readFileSync(file, "utf8")) {
	return text
		.split("\n")
		.filter((line) => line !== "" && !line.startsWith("#"))
		.map((line) => {
			const [id, count = "", title = "", reason = ""] = line.split("\t");
			return { id, count, title, reason };
		});
}

/** What is wrong with the lines themselves. */
export function faults(rows) {
	const ids = rows.map(({ id }) => id);
	return [
		...ids.filter((id, i) => ids.indexOf(id) !== i).map((id) => `${id} stands there twice`),
		...rows
			.filter(({ title, reason }) => title === "" && reason === "")
			.map(({ id }) => `${id} has no title and no reason`),
	];
}

const tally = (titles) => {
	const count = new Map();
	for (const title of titles) count.set(title, (count.get(title) ?? 0) + 1);
	return count;
};

/** Lines whose test is not there; a title that two tests have is listed twice. */
export function missing(rows, titles) {
	const left = tally(titles.map(written));
	return rows.filter(({ title }) => {
		if (title === "") return false;
		const count = left.get(title) ?? 0;
		left.set(title, count - 1);
		return count <= 0;
	});
}

/** Titles that no line has. */
export function unlisted(rows, titles) {
	const left = tally(rows.map(({ title }) => title));
	return titles.map(written).filter((title) => {
		const count = left.get(title) ?? 0;
		left.set(title, count - 1);
		return count <= 0;
	});
}

/** An id for a new line: of its title now, and another where that is taken. */
export function newId(title, taken) {
	for (let i = 0; ; i++) {
		const id = createHash("sha256").update(`${title}\n${i}`).digest("hex").slice(0, 8);
		if (!taken.has(id)) return id;
	}
}

function listed() {
	const to = mkdtempSync(join(tmpdir(), "ksquash-list-"));
	try {
		const words = [join(top, "node_modules/vitest/vitest.mjs"), "list", `--json=${to}/list`];
		execFileSync(process.execPath, words, { cwd: top, stdio: ["ignore", "ignore", "inherit"] });
		return JSON.parse(readFileSync(`${to}/list`, "utf8")).map(({ name }) => name);
	} finally {
		rmSync(to, { recursive: true });
	}
}

if (process.argv[1] === import.meta.filename) {
	const rows = read();
	const titles = listed();
	const [gone, fresh] = [missing(rows, titles), unlisted(rows, titles)];
	for (const fault of faults(rows)) console.log(fault);
	for (const { id, title } of gone) console.log(`not there: ${id} ${title}`);
	if (process.argv.includes("--add")) {
		const taken = new Set(rows.map(({ id }) => id));
		for (const title of fresh) {
			const id = newId(title, taken);
			taken.add(id);
			appendFileSync(file, `${id}\t1\t${title}\n`);
		}
		console.log(`${fresh.length} lines added`);
	} else {
		for (const title of fresh) console.log(`not listed: ${title}`);
	}
	process.exitCode = gone.length + faults(rows).length > 0 ? 1 : 0;
}
