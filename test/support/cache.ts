/**
 * What takes long to make and is only read: made once, below .cache/ of this clone. Not in /tmp, where another user could
 * put something of that name that root then runs, and where it would stay.
 */

import { existsSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

const place = join(import.meta.dirname, "../../.cache/test");

/**
 * The directory of this name, made out of `source` (a newer one is another); `fill` makes it when it is not there yet. Two
 * processes may come at the same time.
 */
export function cached(name: string, source: string, fill: (directory: string) => void): string {
	const { ino, mtimeMs } = statSync(source);
	const whole = join(place, `${name}-${ino}-${Math.trunc(mtimeMs)}`);
	if (existsSync(whole)) return whole;
	const making = `${whole}.${process.pid}`;
	rmSync(making, { recursive: true, force: true });
	mkdirSync(making, { recursive: true });
	try {
		fill(making);
		renameSync(making, whole);
	} catch (error) {
		rmSync(making, { recursive: true, force: true });
		if (!existsSync(whole)) throw error;
	}
	return whole;
}
