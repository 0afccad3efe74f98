/** A real boot with local.d. */

import { it } from "vitest";
import { LIFE_MS, lifeOf } from "./support/scenario.ts";

it("local.d: mounted before login, again after a replacement, and gone at shutdown", {
	timeout: LIFE_MS,
}, async (test) => {
	await lifeOf("local.d", test);
});
