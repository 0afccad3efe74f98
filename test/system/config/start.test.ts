/** npm start: whose the scratch directory may be in which it builds. */

import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { scratchRoot } from "../../support/scratch.ts";
import { grantByAcl } from "../../support/xattr.ts";

const script = readFileSync(join(import.meta.dirname, "../../../scripts/start.sh"), "utf8");

/** The script's own question, with alice and bob in the user database. */
function isMine(directory: string): boolean {
	const [question = ""] = /^mine\(\) \{.*?^\}/ms.exec(script) ?? [];
	const database = `getent() {
	passwd='root:x:0:0::/:/bin/sh
alice:x:4321:4321::/:/bin/sh'
	case $* in
	passwd) echo "$passwd" ;;
	'group 0') echo 'root:x:0:root' ;;
	'group 4400') echo 'shared:x:4400:root,alice' ;;
	'group 4321') echo 'alice:x:4321:' ;;
	*) return 2 ;;
	esac
}`;
	return spawnSync("sh", ["-eu", "-c", `${database}\n${question}\nmine "$1"`, "sh", directory]).status === 0;
}

it("npm start takes a directory that its group may write only where nobody else is in the group", () => {
	const { root, src } = scratchRoot();
	const asked = (mode: number, gid = 0, uid = 0): boolean => {
		chownSync(src, uid, gid);
		chmodSync(src, mode);
		return isMine(src);
	};
	expect([asked(0o755), asked(0o755, 4400), asked(0o775)]).toEqual([true, true, true]);
	expect([asked(0o777), asked(0o775, 4400), asked(0o775, 4321), asked(0o775, 4999)]).toEqual(Array(4).fill(false));
	expect(asked(0o755, 0, 4321)).toBe(false);
	expect(isMine(join(root, "none"))).toBe(false);
	expect(asked(0o775)).toBe(true);
	grantByAcl(src, 4321);
	expect(isMine(src)).toBe(false);
});
