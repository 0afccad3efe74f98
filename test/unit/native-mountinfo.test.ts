import { describe, expect, it } from "vitest";
import { parseMountinfo } from "../../src/native/verbs.ts";

const parse = (text: string | Buffer) => parseMountinfo(Buffer.from(text as string));
const row = (target: string, middle = "shared:1 ", tail = "squashfs /dev/loop0 ro") =>
	`36 35 7:0 / ${target} ro,nosuid ${middle}- ${tail}\n`;

describe("parseMountinfo", () => {
	it("reads every field", () => {
		expect(parse("36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue\n")).toEqual([
			{
				id: 36,
				parent: 35,
				device: "98:0",
				root: "/mnt1",
				target: "/mnt2",
				options: "rw,noatime",
				tags: ["master:1", "shared:7"],
				fstype: "ext3",
				source: "/dev/root",
				superOptions: "rw,errors=continue",
			},
		]);
	});

	it("takes no tags at all, and an empty source", () => {
		expect(parse(row("/a", ""))[0]?.tags).toEqual([]);
		expect(parse(row("/a", "", "tmpfs  rw"))[0]).toMatchObject({ fstype: "tmpfs", source: "", superOptions: "rw" });
	});

	it.each([
		["/a\\040b", "/a b"],
		["/a\\011b", "/a\tb"],
		["/a\\012b", "/a\nb"],
		["/a\\134b", "/a\\b"],
		["/a\\134040b", "/a\\040b"],
		["/a\\043b", "/a#b"],
		["/a\\", "/a\\"],
		["/a\\04", "/a\\04"],
		["/a\\999", "/a\\999"],
		["/a//deleted", "/a//deleted"],
		["/a\rb", "/a\rb"],
		["/é", "/é"],
		["/a-b", "/a-b"],
	])("unescapes %j", (raw, target) => {
		expect(parse(row(raw))[0]?.target).toBe(target);
	});

	it("gives bytes where a path is not UTF-8", () => {
		const text = Buffer.from(row("/aX"));
		text[text.indexOf("X")] = 0xff;
		const [entry] = parse(text);
		expect(Buffer.from(entry?.target as Uint8Array)).toEqual(Buffer.from([0x2f, 0x61, 0xff]));
	});

	it("keeps the order of stacked mounts, and leaves out what is no row", () => {
		const text = `${row("/a")}nonsense\n\n1 2 3 4\nx 35 7:0 / /b ro - t s o\n${row("/a").replace("36", "40")}41 35 7:0 / /c ro`;
		expect(parse(text).map(({ id }) => id)).toEqual([36, 40]);
		expect(parse("")).toEqual([]);
	});
});
