// Bundles the CLI and the library: what they import from npm goes in, so that the installed package has no
// run-time dependency. One split build, so that both share their chunks and commands load when they run. The licenses of
// what goes in, and of what is linked into the prebuilt helper, stand in dist/THIRD-PARTY-LICENSES.txt.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const { metafile } = await build({
	entryPoints: { index: "src/index.ts", native: "src/native.ts", "cli/main": "src/cli/main.ts" },
	outdir: "dist",
	bundle: true,
	splitting: true,
	format: "esm",
	platform: "node",
	target: "node20",
	// tar-stream and its parts are CommonJS and require node's own modules.
	banner: {
		js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
	},
	chunkNames: "chunks/[name]-[hash]",
	logLevel: "warning",
	metafile: true,
});

// The first file: CommonJS (see there).
await build({
	entryPoints: { "cli/ksquash": "src/cli/ksquash.cts" },
	outdir: "dist",
	outExtension: { ".js": ".cjs" },
	bundle: true,
	external: ["./main.js"],
	format: "cjs",
	platform: "node",
	target: "node20",
	logLevel: "warning",
});

const bundled = new Set(
	Object.keys(metafile.inputs).flatMap((path) => /.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []),
);
const packages = [...bundled].sort().map((place) => {
	const path = join(place, "LICENSE");
	return {
		...JSON.parse(readFileSync(join(place, "package.json"), "utf8")),
		text: existsSync(path) ? readFileSync(path, "utf8").trim() : undefined,
	};
});
const licenses = packages.map(({ name, version, license, text }) => {
	// A package without the text names a license that another one brings.
	const whole = text ?? packages.find((other) => other.license === license && other.text !== undefined)?.text;
	if (whole === undefined) throw new Error(`${name} ${version}: no text of its license, ${license}`);
	return `${name} ${version} (${license})\n\n${whole}\n`;
});
const musl = `musl (MIT), in prebuilds/*/ksquash-helper\n\n${readFileSync("native/helper/standalone/musl-license.txt", "utf8")}`;
writeFileSync("dist/THIRD-PARTY-LICENSES.txt", [...licenses, musl].join(`\n${"-".repeat(80)}\n\n`));
