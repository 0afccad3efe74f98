// Bundles the CLI and the library: what they import from npm goes in, so that the installed package has no
// run-time dependency. One split build, so that both share their chunks and commands load when they run.
import { build } from "esbuild";

await build({
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
});
