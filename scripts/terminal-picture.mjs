// What a terminal shows, as an SVG: carriage returns, "erase to the end of the line" and colours, which is all that ksquash uses.

const ESC = String.fromCharCode(27);
const ERASE = new RegExp(`\\r?${ESC}\\[K`);
const COLOUR = new RegExp(`(${ESC}\\[\\d*m)`);
const CELL = { width: 7.8, height: 18 };
const MARGIN = 16;
const COLOURS = { 31: "#f7768e", 32: "#9ece6a", 33: "#e0af68" };

/** The lines that are left when all was printed, each a list of { text, colour }. */
export function screen(output) {
	const lines = [];
	for (const raw of output.replaceAll("\r\n", "\n").trimEnd().split("\n")) {
		// A live line draws over itself: what came after its last erasure is what stays.
		const shown = raw.split(ERASE).at(-1).split("\r").at(-1);
		const spans = [];
		let colour;
		for (const part of shown.split(COLOUR)) {
			if (COLOUR.test(part)) colour = COLOURS[part.slice(2, -1)];
			else if (part !== "") spans.push({ text: part, colour });
		}
		lines.push(spans);
	}
	return lines;
}

/** Breaks a line where a terminal of this width does. */
function wrapped(spans, columns) {
	const cells = spans.flatMap(({ text, colour }) => [...text].map((letter) => ({ letter, colour })));
	const rows = [];
	do rows.push(cells.splice(0, columns));
	while (cells.length > 0);
	return rows.map((row) => {
		const joined = [];
		for (const { letter, colour } of row) {
			if (joined.at(-1)?.colour === colour && joined.length > 0) joined.at(-1).text += letter;
			else joined.push({ text: letter, colour });
		}
		return joined;
	});
}

const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** The picture of a command and what it printed. */
export function terminal(command, output, columns) {
	const prompt = [
		{ text: "# ", colour: "#7aa2f7" },
		{ text: command, colour: undefined },
	];
	const rows = [prompt, ...screen(output)].flatMap((line) => wrapped(line, columns));
	const width = Math.ceil(columns * CELL.width + 2 * MARGIN);
	const height = rows.length * CELL.height + 2 * MARGIN;
	const lines = rows.map((spans, i) => {
		const text = spans.map(({ text: letters, colour }) => {
			const fill = colour === undefined ? "" : ` fill="${colour}"`;
			return `<tspan${fill}>${escaped(letters)}</tspan>`;
		});
		const y = MARGIN + (i + 0.75) * CELL.height;
		// textLength keeps columns straight whatever monospaced font there is.
		const length = spans.reduce((sum, { text: letters }) => sum + [...letters].length, 0) * CELL.width;
		return `<text x="${MARGIN}" y="${y}" textLength="${length.toFixed(1)}" xml:space="preserve">${text.join("")}</text>`;
	});
	return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>${escaped(command)}</title>
<rect width="${width}" height="${height}" rx="8" fill="#1a1b26"/>
<g font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="13" fill="#c0caf5">
${lines.join("\n")}
</g>
</svg>
`;
}
