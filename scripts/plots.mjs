// Draws docs/pictures/pack.svg and mounts.svg from what the benchmarks printed: bench/results/*.txt, as they stand.
//   node scripts/plots.mjs [DIRECTORY]      another place than this repository, for the test that they are fresh
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const to = join(resolve(process.argv[2] ?? root), "docs/pictures");
const result = (name) => readFileSync(join(root, "bench/results", `${name}.txt`), "utf8");
const STYLE = `<style>text{font:13px system-ui,sans-serif;fill:#24292f}.small{font-size:11px;fill:#57606a}.ours{fill:#0969da}.theirs{fill:#8c959f}line{stroke:#d0d7de}polyline{fill:none;stroke-width:2}</style>`;
const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

function svg(width, height, title, parts) {
	return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>${escaped(title)}</title>
${STYLE}
<rect width="${width}" height="${height}" fill="#ffffff"/>
${parts.join("\n")}
</svg>
`;
}

const text = (x, y, content, attributes = "") => `<text x="${x}" y="${y}" ${attributes}>${escaped(content)}</text>`;

/** A table that bench/pack.mjs printed: its rows by name, each an object by column title. */
function table(printed, first) {
	const lines = printed.split("\n");
	const from = lines.findIndex((line) => line.startsWith(`${first} `));
	const titles = lines[from].trim().split(/ {2,}/);
	const rows = lines.slice(from + 1, lines.indexOf("", from + 1));
	return rows
		.filter((line) => !line.startsWith(" "))
		.map((line) =>
			Object.fromEntries(
				line
					.trim()
					.split(/ {2,}/)
					.map((cell, i) => [titles[i], i === 0 ? cell : Number(cell)]),
			),
		);
}

/** Bars of several columns, one below the other, for every contestant. */
function bars(rows, columns, title, isOurs) {
	const [left, right, step] = [120, 560, 22];
	const parts = [text(16, 26, title, 'font-weight="600"')];
	let y = 50;
	for (const { column, label } of columns) {
		const most = Math.max(...rows.map((row) => row[column]));
		parts.push(text(16, y, label, 'class="small"'));
		y += 8;
		for (const row of rows) {
			const [name] = Object.values(row);
			const length = Math.max(1, (row[column] / most) * (right - left));
			parts.push(text(left - 8, y + 14, name, 'text-anchor="end"'));
			parts.push(
				`<rect x="${left}" y="${y + 3}" width="${length.toFixed(1)}" height="14" class="${isOurs(name) ? "ours" : "theirs"}"/>`,
			);
			parts.push(text((left + length + 6).toFixed(1), y + 14, String(row[column]), 'class="small"'));
			y += step;
		}
		y += 24;
	}
	return svg(640, y, title, parts);
}

/** Medians in µs by contestant and number of mounts, out of the sections "TITLE, N mounts". */
function latencies(printed, titles) {
	const found = new Map();
	for (const section of printed.split("\n\n")) {
		const [head = "", ...lines] = section.trim().split("\n");
		const [, title, count] = /^(.*), (\d+) mounts/.exec(head) ?? [];
		if (!titles.includes(title)) continue;
		for (const line of lines) {
			const [, name, median, unit] = /^\s*(\S.*?) {2,}([\d.]+) (us|ms|s) /.exec(line) ?? [];
			if (name === undefined) continue;
			if (!found.has(name)) found.set(name, new Map());
			found.get(name).set(Number(count), Number(median) * { us: 1, ms: 1000, s: 1_000_000 }[unit]);
		}
	}
	return found;
}

/** Lines on logarithmic axes. */
function lines(series, title, isOurs) {
	const [left, right, top, bottom] = [70, 500, 50, 330];
	const counts = [...new Set([...series.values()].flatMap((points) => [...points.keys()]))].toSorted((a, b) => a - b);
	const values = [...series.values()].flatMap((points) => [...points.values()]);
	const [low, high] = [Math.floor(Math.log10(Math.min(...values))), Math.ceil(Math.log10(Math.max(...values)))];
	const x = (count) => left + (Math.log10(count / counts[0]) / Math.log10(counts.at(-1) / counts[0])) * (right - left);
	const y = (value) => bottom - ((Math.log10(value) - low) / (high - low)) * (bottom - top);
	const parts = [text(16, 26, title, 'font-weight="600"')];
	for (let power = low; power <= high; power++) {
		const label = power < 3 ? `${10 ** power} µs` : power < 6 ? `${10 ** (power - 3)} ms` : `${10 ** (power - 6)} s`;
		const at = y(10 ** power).toFixed(1);
		parts.push(
			`<line x1="${left}" y1="${at}" x2="${right}" y2="${at}"/>`,
			text(left - 8, Number(at) + 4, label, 'class="small" text-anchor="end"'),
		);
	}
	for (const count of counts)
		parts.push(text(x(count).toFixed(1), bottom + 18, `${count} mounts`, 'class="small" text-anchor="middle"'));
	const others = ["#8c959f", "#bf8700", "#cf222e", "#8250df"];
	let taken = Number.NEGATIVE_INFINITY;
	const ends = [...series]
		.map(([name, points]) => [name, points, y(points.get(counts.at(-1)))])
		.toSorted((a, b) => a[2] - b[2]);
	for (const [name, points, end] of ends) {
		const colour = isOurs(name) ? "#0969da" : others.shift();
		const path = counts
			.filter((count) => points.has(count))
			.map((count) => `${x(count).toFixed(1)},${y(points.get(count)).toFixed(1)}`);
		// Names stand where the lines end, but never on each other.
		taken = Math.max(end + 4, taken + 15);
		parts.push(
			`<polyline points="${path.join(" ")}" stroke="${colour}"/>`,
			text(right + 8, taken.toFixed(1), name, `style="fill:${colour}"`),
		);
	}
	return svg(760, bottom + 34, title, parts);
}

mkdirSync(to, { recursive: true });
const packed = table(result("pack"), "pack");
const columns = [
	{ column: "wall s", label: "seconds from the tarball to the image (ours: proved equal)" },
	{ column: "image MB", label: "MB of the image" },
	{ column: "inodes", label: "most inodes on the way" },
];
const theirs = ["original", "tar2sqfs"];
writeFileSync(
	join(to, "pack.svg"),
	bars(packed, columns, "A kernel tarball becomes an image", (name) => !theirs.includes(name)),
);
const titles = ["status of one target", "the whole table"];
const ours = (name) => /statTarget|mounts\(\)/.test(name);
writeFileSync(
	join(to, "mounts.svg"),
	lines(latencies(result("mount"), titles), "What is mounted: one target, and the whole table", ours),
);
