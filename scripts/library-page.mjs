// Writes docs/library.md from the declarations that the build makes (dist/*.d.ts), so from the docstrings in src/.
//   node scripts/library-page.mjs [DIRECTORY]      another place than this repository, for the test that it is fresh
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const to = resolve(process.argv[2] ?? root);
const modules = new Map();

/** What one declaration file declares, imports and passes on. `path` as it is imported: "….ts". */
function load(path) {
	if (modules.has(path)) return modules.get(path);
	const text = readFileSync(path.replace(/\.ts$/, ".d.ts"), "utf8");
	const module = { path, head: headOf(text), declared: new Map(), origin: new Map() };
	modules.set(path, module);
	for (const [, names, from] of text.matchAll(/^(?:import|export) (?:type )?\{([^}]*)\} from "(\.[^"]+)";$/gm)) {
		for (const name of names.split(",").map((one) => one.trim().replace(/^type /, ""))) {
			if (name !== "") module.origin.set(name, resolve(dirname(path), from));
		}
	}
	const start =
		/^(\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n)?(?:export )?(?:declare )?(?:function|interface|type|class|const) (\w+)/gm;
	for (const { 0: match, 1: comment = "", 2: name, index } of text.matchAll(start)) {
		const code = declaration(text.slice(index + comment.length));
		if (match !== "") module.declared.set(name, { comment: plain(comment), code });
	}
	return module;
}

/** Up to the end of the statement: the first ";" or "}" at the end of a line that stands outside of all brackets. */
function declaration(text) {
	let depth = 0;
	for (const [at, letter] of [...text].entries()) {
		if ("{([".includes(letter)) depth++;
		if ("})]".includes(letter)) depth--;
		if (depth === 0 && (letter === ";" || letter === "}") && (text[at + 1] ?? "\n") === "\n")
			return text.slice(0, at + 1);
	}
	throw new Error(`a declaration without an end: ${text.slice(0, 60)}`);
}

function headOf(text) {
	return plain(/^\/\*\*[\s\S]*?\*\//.exec(text)?.[0] ?? "").split("\n\n")[0];
}

/** A docstring's text. */
function plain(comment) {
	return comment
		.replace(/^\/\*\*\s?|\s*\*\/\s*$/g, "")
		.replaceAll(/^[ \t]*\* ?/gm, "")
		.trim();
}

/** Where a name that a module passes on or uses is declared; undefined for TypeScript's and Node's own. */
function find(path, name) {
	const module = load(path);
	if (module.declared.has(name)) return { path, ...module.declared.get(name) };
	const from = module.origin.get(name);
	return from === undefined ? undefined : find(from, name);
}

const index = join(root, "dist/index.ts");
const shown = new Map();
const groups = new Map();
for (const [name, path] of load(index).origin) {
	if (!groups.has(path)) groups.set(path, []);
	const found = find(path, name);
	if (found === undefined) throw new Error(`${name} of ${path} is declared nowhere`);
	shown.set(name, found);
	groups.get(path).push({ name, ...found });
}

/** Types that what is shown names, and that have no place in it yet. */
const used = [];
for (const queue = [...shown.values()]; queue.length > 0; ) {
	const { path, code } = queue.shift();
	for (const name of new Set(code.replaceAll(/\/\*\*[\s\S]*?\*\//g, "").match(/\b[A-Z]\w+/g) ?? [])) {
		const found = shown.has(name) ? undefined : find(path, name);
		if (found === undefined) continue;
		shown.set(name, found);
		used.push({ name, ...found });
		queue.push(found);
	}
}

const isValue = ({ code }) => /^export declare (?:function|class|const)/.test(code);
const tidy = (code) => code.replaceAll(/^(export )?(declare )?/g, "").replaceAll("    ", "\t");
const entry = ({ comment, code }) => `${comment === "" ? "" : `${comment}\n\n`}\`\`\`ts\n${tidy(code)}\n\`\`\`\n`;

function section([path, items]) {
	const values = items.filter(isValue);
	const title = values.length > 0 ? values.map(({ name }) => `\`${name}\``).join(", ") : "Types of every operation";
	const sorted = [...values, ...items.filter((item) => !isValue(item))];
	return `## ${title}\n\n${load(path).head}\n\n${sorted.map(entry).join("\n")}`;
}

const page = `# The library

Everything that a program can import from \`"ksquash"\`, from its declarations. Nothing prints and nothing ends the process; mounts,
comparisons and removals are done off the main thread. What can fail throws a \`KsquashError\`, whose \`code\` is stable
([errors](errors.md)); a call whose \`signal\` was aborted throws the signal's reason. Programs to begin with are in
[examples](../examples/README.md).

${[...groups].map(section).join("\n")}
## Types that the others name

${used.map(entry).join("\n")}`;

const file = join(to, "docs/library.md");
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, `${page.trimEnd()}\n`);
console.log(`${relative(process.cwd(), file)}: ${shown.size} declarations`);
