/** A real boot with openrc. */

import { it } from "vitest";
import { LIFE_MS, lifeOf } from "./support/scenario.ts";

it("openrc: mounted before login, again after a replacement, and gone at shutdown", {
	timeout: LIFE_MS,
}, async (test) => {
	await lifeOf("openrc", test);
});
