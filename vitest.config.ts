import { defineConfig } from "vitest/config";

export default defineConfig({
	test: {
		include: ["test/**/*.test.ts"],
		pool: "forks",
		// Real mounts, real processes: files run one after another, so that a busy machine does not fail a test.
		fileParallelism: false,
		// A bound for what hangs: three jobs share the processors with whatever else the machine does.
		testTimeout: 300_000,
		hookTimeout: 300_000,
	},
});
