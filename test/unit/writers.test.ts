/** Who is a member of a group, from lines of group(5) and passwd(5). */

import { describe, expect, it } from "vitest";
import { groupMembers } from "../../src/trust/writers.ts";

const users = ["root:x:0:0::/root:/bin/sh", "alice:x:1000:1000::/:/bin/sh", "bob:x:1001:1001::/:/bin/sh", ""];
const members = (groups: readonly string[], gid: number, more: readonly string[] = []): string[] | undefined =>
	groupMembers(groups, [...users, ...more], gid)?.map(({ name, uid }) => `${name}=${uid}`);

describe("the members of a group", () => {
	it("are those whose primary group it is, and those in its list, each once", () => {
		expect(members(["root:x:0:"], 0)).toEqual(["root=0"]);
		expect(members(["kernel:x:50:alice,bob"], 50)).toEqual(["alice=1000", "bob=1001"]);
		expect(members(["alice:x:1000:alice,bob"], 1000)).toEqual(["alice=1000", "bob=1001"]);
		expect(members(["root:x:0:"], 0, ["operator:x:11:0::/:/sbin/nologin"])).toEqual(["root=0", "operator=11"]);
		expect(members(["empty:x:60:"], 60)).toEqual([]);
	});

	it("count from every group of the same number", () => {
		expect(members(["root:x:0:", "wheel:x:0:bob"], 0)).toEqual(["root=0", "bob=1001"]);
	});

	it("are unknown for a number without a group, and a name without a user is one that is not known", () => {
		expect(members(["root:x:0:", "", "damaged", "x:x"], 7)).toBeUndefined();
		expect(members(["kernel:x:50:nobody-any-more"], 50)).toEqual(["nobody-any-more=undefined"]);
	});
});
