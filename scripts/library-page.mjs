// Writes docs/library.md from the declarations that the build makes (dist/*.d.ts), so from the docstrings in src/; the options
// of each function from the one table of options.
//   node scripts/library-page.mjs [DIRECTORY]      another place than this repository, for the test that it is fresh
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { buildSync } from "esbuild";

const root = resolve(import.meta.dirname, "..");
const to = resolve(process.argv[2] ?? root);
const modules = new Map();

const bundled = buildSync({
	entryPoints: [join(root, "src/options/table.ts")],
	bundle: true,
	format: "esm",
	write: false,
	logLevel: "warning",
});
const { table } = await import(`data:text/javascript,${encodeURIComponent(bundled.outputFiles[0].text)}`);

/** The comment above each entry of the table, and the type of each kind of value. */
const comments = new Map();
const kinds = new Map();
for (const name of readdirSync(join(root, "dist/options"))) {
	const text = readFileSync(join(root, "dist/options", name), "utf8");
	const entries = text.matchAll(/^ {4}(\/\*\*(?:(?!\*\/)[\s\S])*\*\/)\n {4}readonly (\w+): \{$/gm);
	for (const [, comment, option] of entries) comments.set(option, plain(comment));
	const values = /^export interface Values \{\n([\s\S]*?)^\}$/m.exec(text)?.[1] ?? "";
	for (const [, kind, type] of values.matchAll(/^ {4}(\w+): (.*);$/gm)) kinds.set(kind, type);
}

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
	for (const [, from] of text.matchAll(/^export (?:type )?\* from "(\.[^"]+)";$/gm)) {
		const other = resolve(dirname(path), from);
		const { declared, origin } = load(other);
		for (const name of [...declared.keys(), ...origin.keys()]) {
			if (!module.origin.has(name)) module.origin.set(name, other);
		}
	}
	const start =
		/^(\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n)?(?:export )?(?:declare )?(?:function|interface|type|class|const) (\w+)/gm;
	for (const { 0: match, 1: comment = "", 2: name, index } of text.matchAll(start)) {
		const code = declaration(text.slice(index + comment.length));
		// Overloads follow each other; the first one has the docstring.
		const first = module.declared.get(name);
		if (match === "") continue;
		if (first === undefined) module.declared.set(name, { comment: plain(comment), code: expanded(code) });
		else first.code += `\n${expanded(code)}`;
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

/** Options<"mount"> as the interface that it stands for: what every verb has, and what it has besides. */
function expanded(code) {
	const [, type, verb] = /^export type (\w+) = Options<"(\w+)">;$/.exec(code) ?? [];
	if (verb === undefined) return code;
	const own = Object.entries(table).filter(([, { verbs }]) => verbs.includes(verb));
	const shared = type === "CommonOptions" ? [] : own.filter(([, { verbs }]) => verbs === table.root.verbs);
	const lines = own.filter((entry) => !shared.includes(entry)).map(([name, spec]) => member(name, spec, verb));
	return `export interface ${type}${shared.length > 0 ? " extends CommonOptions" : ""} {\n${lines.join("")}}`;
}

function member(name, { kind, values }, verb) {
	const type = kind === "enum" ? values.map((value) => `"${value}"`).join(" | ") : kinds.get(kind);
	const text = commentFor(name, verb);
	const block = text.includes("\n") ? `\n${text.replaceAll(/^/gm, "     * ")}\n     ` : ` ${text} `;
	return `    /**${block}*/\n    ${name}?: ${type.includes("=>") ? `(${type})` : type} | undefined;\n`;
}

/** Where an option is another thing for another verb its comment has a line for each: "umount: …". */
function commentFor(name, verb) {
	const text = comments.get(name);
	if (text === undefined) throw new Error(`the option ${name} has no comment`);
	const parts = text.split(/^([a-z]\w*(?:(?:, | and )\w+)*): /m);
	if (parts.length === 1) return text;
	const at = parts.findIndex((part, index) => index % 2 === 1 && part.split(/, | and /).includes(verb));
	if (at === -1) throw new Error(`the comment of ${name} says nothing of ${verb}`);
	const own = parts[at + 1].trim();
	return own[0].toUpperCase() + own.slice(1);
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

/** What can be imported from one entry, by the file that declares it, and the types that this names besides. */
function contents(entryFile) {
	const shown = new Map();
	const groups = new Map();
	for (const [name] of load(entryFile).origin) {
		const found = find(entryFile, name);
		if (found === undefined) throw new Error(`${name} of ${entryFile} is declared nowhere`);
		if (!groups.has(found.path)) groups.set(found.path, []);
		shown.set(name, found);
		groups.get(found.path).push({ name, ...found });
	}
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
	return { groups, used };
}

const isValue = ({ code }) => /^export declare (?:function|class|const)/.test(code);
const tidy = (code) => code.replaceAll(/^(export )?(declare )?/gm, "").replaceAll("    ", "\t");
const entry = ({ comment, code }) => `${comment === "" ? "" : `${comment}\n\n`}\`\`\`ts\n${tidy(code)}\n\`\`\`\n`;

function section([path, items]) {
	const values = items.filter(isValue);
	const title = values.length > 0 ? values.map(({ name }) => `\`${name}\``).join(", ") : `Types: ${load(path).head}`;
	const intro = values.length > 0 ? `${load(path).head}\n\n` : "";
	const sorted = [...values, ...items.filter((item) => !isValue(item))];
	return `### ${title}\n\n${intro}${sorted.map(entry).join("\n")}`;
}

function part(file) {
	const { groups, used } = contents(join(root, "dist", file));
	const rest = used.length === 0 ? "" : `\n### Types that the others name\n\n${used.map(entry).join("\n")}`;
	return [...groups].map(section).join("\n") + rest;
}

const page = `# The library

Everything that a program can import, from its declarations. Nothing prints and nothing ends the process; mounts, comparisons and
removals are done off the main thread. Programs to begin with are in [examples](../examples/README.md).

## \`"ksquash"\`

The commands' verbs. What fails throws a \`KsquashError\`, whose \`code\` is stable ([errors](errors.md)); a call whose \`signal\`
was aborted throws the signal's reason.

${part("index.ts")}
## \`"ksquash/native"\`

The system calls below them, on any image and any path: no policy, no layout, no messages for people. What fails rejects in the
shape of Node's SystemError, with \`step\` and, where the kernel said something, \`kernelLog\`.

${part("native.ts")}`;

const file = join(to, "docs/library.md");
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, `${page.trimEnd()}\n`);
console.log(`${relative(process.cwd(), file)}: ${page.match(/^```ts$/gm).length} declarations`);
