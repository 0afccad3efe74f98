import { once } from "node:events";
import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { describe, expect, it } from "vitest";
import { Gather } from "../../src/tar/gather.ts";

const largest = 64 << 10;

async function gathered(chunks: readonly Buffer[]): Promise<Buffer[]> {
	const out: Buffer[] = [];
	const reader = new Writable({
		write(chunk: Buffer, _, done) {
			out.push(chunk);
			done();
		},
	});
	await pipeline(Readable.from(chunks), new Gather(), reader);
	return out;
}

describe("Gather", () => {
	it.each([
		["nothing", []],
		["empty chunks", [0, 0]],
		["one byte", [1]],
		["what a tar is of", Array.from({ length: 900 }, (_, i) => [512, 1000 + i, 512 - ((1000 + i) % 512)]).flat()],
		["exactly one", [largest]],
		["exactly two, and one byte", [largest, largest - 1, 2]],
		["a chunk of several", [5, largest * 3 + 7, 11]],
	])("gives the same bytes in whole pieces: %s", async (_, sizes) => {
		let next = 0;
		const chunks = sizes.map((size) => Buffer.from(Array.from({ length: size }, () => next++ % 251)));
		const out = await gathered(chunks);
		expect(Buffer.compare(Buffer.concat(out), Buffer.concat(chunks))).toBe(0);
		expect(out.slice(0, -1).every((piece) => piece.length === largest)).toBe(true);
		expect(out.at(-1)?.length ?? 1).toBeGreaterThan(0);
	});

	it("gives no buffer twice: the reader may keep it", async () => {
		const out = await gathered(Array.from({ length: 3 }, (_, i) => Buffer.alloc(largest, i)));
		expect(new Set(out.map(({ buffer }) => buffer)).size).toBe(3);
	});

	it("waits for a reader that is slower", async () => {
		const gather = new Gather();
		let given = 0;
		while (gather.write(Buffer.alloc(1000))) given += 1000;
		expect(given).toBeLessThan(largest * 4);
		gather.resume();
		await once(gather, "drain");
	});
});
