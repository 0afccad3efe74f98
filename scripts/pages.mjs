// Writes docs/commands.md and share/man/ksquash.8 from the help of the built CLI, so from its one table of commands.
//   node scripts/pages.mjs [DIRECTORY]      another place than this repository, for the test that they are fresh
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const to = resolve(process.argv[2] ?? root);
const cli = join(root, "dist/cli/main.js");
const env = { ...process.env, COLUMNS: "100", NO_COLOR: "1" };
const ask = (...words) => execFileSync(process.execPath, [cli, ...words], { env, encoding: "utf8" });

/** Every command and group, in the order of the table, with its help. */
function commands(path = []) {
	const names = ask("__complete", ...path, "")
		.split("\n")
		.filter((name) => name !== "");
	return names.flatMap((name) => {
		const words = [...path, name];
		const help = ask(...words, "--help").trimEnd();
		return [{ name: words.join(" "), help }, ...(/^COMMANDS$/m.test(help) ? commands(words) : [])];
	});
}

/** Text that roff shows as it is. */
function roff(text) {
	return text
		.replaceAll("\\", "\\e")
		.replaceAll("-", "\\-")
		.split("\n")
		.map((line) => (/^[.']/.test(line) ? `\\&${line}` : line).trimEnd())
		.join("\n");
}

/** A heading with what is listed below it as it stands; sentences as running text, each on a line of its own. */
function block(text) {
	return /^[A-Z]+$/m.test(text.split("\n")[0])
		? `.Bd -literal\n${roff(text)}\n.Ed`
		: `.Pp\n${roff(text.replaceAll(/([.:]) (?=[A-Z])/g, "$1\n"))}`;
}

const all = commands();

const markdown = `# Commands

As \`ksquash COMMAND --help\` prints them. Exit statuses are those of sysexits.h; [errors](errors.md) has every code.

${all.map(({ name, help }) => `## ksquash ${name}\n\n\`\`\`text\n${help}\n\`\`\`\n`).join("\n")}`;

const page = `.\\" Written by scripts/pages.mjs from the table of commands; a change here is lost.
.Dd November 23, 2026
.Dt KSQUASH 8
.Os
.Sh NAME
.Nm ksquash
.Nd kernel sources as one mounted squashfs image, with a build directory beside it
.Sh SYNOPSIS
.Nm
.Ar command
.Op Ar argument ...
.Op Ar flag ...
.Sh DESCRIPTION
.Nm
keeps a Linux kernel source tree as one mounted squashfs image, with a writable build directory beside it.
${all.map(({ name, help }) => `.Ss ksquash ${roff(name)}\n${help.split("\n\n").map(block).join("\n")}`).join("\n")}
.Sh FILES
.Bl -tag -width Ds -compact
.It Pa /usr/src/linux\\-REL.sqfs
the image;
.Pa linux\\-REL.sqfs.json
its manifest,
.Pa linux\\-REL.sqfs.list.gz
what is in it
.It Pa /usr/src/linux\\-REL
where it is mounted
.It Pa /usr/src/build\\-REL
the build directory
.It Pa /usr/src/linux
a link to the selected one
.It Pa /etc/ksquash/config.toml
settings
.It Pa /var/lib/ksquash/kept
configs and keys of releases that were removed
.El
.Sh EXIT STATUS
0, or one of
.Xr sysexits 3 :
64 wrong arguments, 65 bad data, 66 missing input, 69 something that is needed is missing, 70 a defect, 73 what is in the
way, 75 in use, 77 no permission, 78 bad settings;
130 and 143 after SIGINT and SIGTERM.
.Sh SEE ALSO
.Xr mksquashfs 1 ,
.Xr ksquash.toml 5 ,
.Xr ksquash\\-helper 8 ,
.Xr mount 8
`;

for (const [name, text] of [
	["docs/commands.md", markdown],
	["share/man/ksquash.8", page],
]) {
	const path = join(to, name);
	mkdirSync(dirname(path), { recursive: true });
	writeFileSync(path, text);
}
