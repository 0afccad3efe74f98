// docs/reliability.md: a table for each job, a line for each fault, and what was seen of both in this run. No word of an
// outcome stands here but those that say what was counted.
import { some } from "./contest.mjs";

const kinds = ["lost", "left", "hung", "silent", "unnamed"];

/** Markdown's own characters and what would end a cell; and what is another in every run, so that the page is not. */
export function escaped(text) {
	const plain = text
		.replaceAll("6.1.99-small", "REL")
		.replaceAll(/(\/dev\/loop|\bpid )\d+/g, "$1N")
		.replaceAll(/(tmp\.config\.)\w+/g, "$1XXXXXXXXXX");
	return plain.replaceAll(/[\\|`*_<>]/g, "\\$&").replaceAll(/\s+/g, " ");
}

function cut(text, length = 150) {
	const letters = [...text];
	return letters.length > length ? `${letters.slice(0, length - 1).join("")}…` : text;
}

export function cell({ status, signal, hung, said, lost, left, silent, unnamed }) {
	const end = hung ? "no end" : `${status ?? signal}`;
	const verdicts = [
		...(hung ? ["**hangs**"] : []),
		...lost.map((what) => `**lost**: ${escaped(what)}`),
		...(left.length > 0 ? [`**left**: ${escaped(some(left, 3))}`] : []),
		...silent.map((what) => `**silent**: ${escaped(what)}`),
		...(unnamed ? ["**does not say why**"] : []),
	];
	const text = said === "" ? "" : ` “${escaped(cut(said))}”`;
	return `${end}${text}${verdicts.length > 0 ? `; ${verdicts.join("; ")}` : ""}`;
}

/** How many rows show each kind. */
export function count(outcomes) {
	const has = { lost: "lost", left: "left", silent: "silent" };
	return Object.fromEntries(
		kinds.map((kind) => [
			kind,
			outcomes.filter((outcome) => (has[kind] ? outcome[kind].length > 0 : outcome[kind])).length,
		]),
	);
}

function counted({ lost, left, hung, silent, unnamed }) {
	const plural = (number, one, many) => `${number} ${number === 1 ? one : many}`;
	return [
		plural(lost, "loss", "losses"),
		plural(left, "leak", "leaks"),
		plural(hung, "hang", "hangs"),
		plural(silent, "silent failure", "silent failures"),
		plural(unnamed, "refusal without its reason", "refusals without their reason"),
	].join(", ");
}

/** "N faults, we: 0 losses, …; they: …" */
export function summary(results) {
	const [we, they] = ["we", "they"].map((side) => count(results.map((row) => row[side])));
	return `${results.length} faults, we: ${counted(we)}; they: ${counted(they)}`;
}

/** Did we lose, leave or hang anywhere, or fail without a word? */
export function disgraced(results) {
	const { lost, left, hung, silent } = count(results.map(({ we }) => we));
	return lost + left + hung + silent > 0;
}

export function page(contests, machine) {
	const tables = contests.map(
		({ title, they, we, results }) => `## ${title}

They: ${they}. We: ${we}.

| fault | they | we |
| --- | --- | --- |
${results.map((row) => `| ${escaped(row.fault)} | ${cell(row.they)} | ${cell(row.we)} |`).join("\n")}
`,
	);
	const results = contests.flatMap((contest) => contest.results);
	return `# Reliability

The same faults, met by ksquash and by what people use instead. \`npm run reliability\` runs every one of them on real trees,
images and mounts, and writes this page from what it saw: ${machine}.

A cell is the exit status, what was said of the cause, and what was found afterwards: **lost** is what was there before, or
was asked for, and now is in no place (with a word or without); **left** are processes, loop devices without a mount, mounts one above the
other, and files that the job has no use for; **silent** is exit status 0 for something that was not done. Before it
judges, the command finds faults that it planted itself, one of each kind.

${tables.join("\n")}
${summary(results)}.
`;
}
